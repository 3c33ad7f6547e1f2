/* The files that keys are in: read all at once, or not at all, and looked at for changes. Knows no
 * host. */
#ifndef JWT_GUARD_KEY_FILES_H
#define JWT_GUARD_KEY_FILES_H

#include "keys.h"

#include <stdint.h>
#include <sys/types.h>

#define KEY_FILES_MAX 64

enum key_file_kind {
    KEY_FILE_PEM,
    KEY_FILE_SECRET,
    KEY_FILE_JWKS,
};

/** What tells a file from what it was: also where a name leads to another file, as a symbolic link
 * that is set anew does. All zero: not known. */
struct file_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    int64_t modified_ns; /* Unix time */
    int64_t changed_ns;  /* of the inode: also by what sets the other time, or the mode */
};

struct key_file {
    enum key_file_kind kind;
    const char *path; /* borrowed */
    struct file_stamp stamp;
};

struct key_files {
    size_t count;
    struct key_file files[KEY_FILES_MAX];
};

/** @param path  With a NUL behind it; borrowed for as long as the files.
 * @return 0, or -1: too many. */
int key_files_add(struct key_files *files, enum key_file_kind kind, const char *path);

/** Reads them all, and notes what they were.
 * @param fault  Set on an error: it names the file.
 * @return A set with one reference; NULL on an error. */
struct key_set *key_files_read(struct key_files *files, struct key_fault *fault);

/** Whether one of them is another than when it was read, and all have been left alone for a second,
 * so that nobody is in the middle of writing one. */
bool key_files_have_changed(const struct key_files *files);

#endif
