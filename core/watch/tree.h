/* The files and folders that are watched: folders with all below them, and single files. Says that
 * something has changed, not what it means.
 *
 * Folders are watched, by libuv's uv_fs_event_t, never files: so one that an editor replaces by
 * another of its name is the same file, and one that is not there yet is waited for. What is below
 * a folder is looked for anew by tree_scan(), after each change: so it makes no difference whether
 * a folder was made, moved, removed or all of it at once. */
#ifndef WATCH_TREE_H
#define WATCH_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

/** So many folders are watched at most. */
#define TREE_FOLDERS_MAX 2000

struct tree;

/** A file has changed, was made or is gone; or a folder.
 * @param path  Absolute; for the call. */
typedef void tree_changed(void *data, const char *path);

/** @return NULL on no memory. */
struct tree *tree_create(uv_loop_t *loop, tree_changed *changed, void *data);

/** What is watched from the next tree_scan() on.
 * @param roots  Files and folders. They need not be there.
 * @param files  Files alone, whatever they are called.
 * @param apart  A folder that is not watched though it lies in one; NULL: none.
 * @return 0, or -1 on no memory; then it is what it was. */
int tree_set(struct tree *tree, char *const *roots, size_t root_count, char *const *files,
             size_t file_count, const char *apart);

/** Looks for what there is. Says, once for each reason, what can't be watched. */
void tree_scan(struct tree *tree);

size_t tree_folder_count(const struct tree *tree);

/** Closes all; the loop must turn before it ends. NULL is fine. */
void tree_destroy(struct tree *tree);

#endif
