/* Private copies of libraries, in a temporary folder that ends with the host. A compiler that
 * overwrites a library in place can't change what is mapped from a copy, and a file that changed is
 * really loaded again. Knows nothing of what is in the files. */
#ifndef PLUGIN_COPY_STORE_H
#define PLUGIN_COPY_STORE_H

#include <stdbool.h>
#include <stddef.h>

/** One thread at a time. */
struct copy_store {
    char *folder;    /* NULL as long as nothing was copied */
    int lock;        /* holds the folder's lock, if there is one; see copy_folder.h */
    unsigned copies; /* made so far; names the next one's subfolder */
};

/** Makes @p store empty; touches no disk. */
void copy_store_init(struct copy_store *store);

/** Removes the temporary folder and all that is in it, and leaves the rest as it is: for a process
 * that ends at once. What is mapped stays mapped. @thread Any. */
void copy_store_empty(const struct copy_store *store);

/** The same, and frees what it has. */
void copy_store_finish(struct copy_store *store);

/** Copies a library, under its own name, into a new subfolder.
 * @param store    Where to; makes its folder, below $TMPDIR or /tmp, at the first copy, and again
 *                 when somebody has removed it.
 * @param fd       Open for reading the library, at its beginning.
 * @param path     Of the library.
 * @param copy     Set to the path of the copy, to be given to free(); NULL if it failed.
 * @param problem  Filled in if it failed: what was tried, what was found, what would mend it.
 * @param size     Of @p problem, the NUL included.
 * @return Open for reading the copy, the caller's to close; or -1, and no copy is left. */
int copy_store_add(struct copy_store *store, int fd, const char *path, char **copy, char *problem,
                   size_t size);

/** Copies a file beside a copy, where a RUNPATH of $ORIGIN leads.
 * @param copy  From copy_store_add(). @param name  Of the file. @param fd  Open for reading it.
 * @return As copy_store_add(). */
int copy_store_add_beside(const char *copy, const char *name, int fd, char *problem, size_t size);

/** @return The folder that a library lies in, absolute, to be given to free(); NULL with errno set.
 */
char *copy_store_folder_of(const char *path);

/** @return Whether both files hold the same bytes; both are open for reading. */
bool files_equal(int fd, int other);

/** Removes a copy and its subfolder.
 * @param copy  From copy_store_add(). */
void copy_store_remove(const char *copy);

#endif
