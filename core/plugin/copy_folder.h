/* The temporary folder of a host's copies: made so that nobody else gets at it, and removed by the
 * next toni if its owner had no time to. Knows nothing of what is in it.
 *
 * Below $TMPDIR or /tmp, where anybody may make anything: so nothing there is followed or removed
 * that is not this user's own folder, with the owner's mark, and a lock that nobody holds. The
 * owner holds it from before the mark is made until its end, however that comes; tools that clean
 * temporary folders, such as systemd-tmpfiles, leave alone what is locked so. */
#ifndef PLUGIN_COPY_FOLDER_H
#define PLUGIN_COPY_FOLDER_H

/** Removes the folders of those that have ended without doing so, then makes one.
 * @param path  Set to its path, to be given to free().
 * @return A descriptor that holds the lock, to be closed after copy_folder_remove(); or -1 with
 * errno set. */
int copy_folder_make(char **path);

/** Removes a folder and what is in it, without following a link. One that is not this user's is
 * left alone, and what can't be removed stays. */
void copy_folder_remove(const char *path);

#endif
