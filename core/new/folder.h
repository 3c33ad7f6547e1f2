/* A folder that files are written into and nothing is overwritten in: each file is made, or it is a
 * fault. What was written can be taken back. */
#ifndef NEW_FOLDER_H
#define NEW_FOLDER_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

/** How many files and folders are made in one at most. */
#define FOLDER_ENTRIES_MAX 32

struct folder_entry {
    char *name; /* relative to the folder */
    bool is_folder;
};

struct folder {
    const char *path;                                /* for messages, and to remove it */
    int fd;                                          /* -1: it is not open */
    bool is_made;                                    /* by folder_open */
    struct folder_entry entries[FOLDER_ENTRIES_MAX]; /* that were made in it, in that order */
    size_t count;
};

enum folder_result {
    FOLDER_OK,
    FOLDER_IN_THE_WAY, /* something is there already */
    FOLDER_FAILED,     /* the system refuses */
};

/** Makes a folder, or opens one that is there and empty. A link is no folder.
 * @param path   Borrowed until folder_close.
 * @param fault  What is wrong is appended here. So it is by the others.
 * @return FOLDER_OK: folder_close must follow, and folder_undo may, before it. */
enum folder_result folder_open(struct folder *folder, const char *path, struct buffer *fault);

/** Writes a new file.
 * @param name  Relative; with one `/` at most: its folder is made with the first
 *              file in it. */
enum folder_result folder_write(struct folder *folder, const char *name, const struct buffer *text,
                                struct buffer *fault);

/** Removes what was made, and the folder if that was. What can't be removed is said. */
void folder_undo(struct folder *folder, struct buffer *fault);

/** Closes it; the files stay. */
void folder_close(struct folder *folder);

#endif
