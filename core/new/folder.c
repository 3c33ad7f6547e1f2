/* Writing without overwriting; see folder.h. Names are looked up relative to the open folder, so it
 * is the same one from the look into it to the last file, whatever is renamed meanwhile. */
#include "new/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* @return 1 if nothing is in it, 0 if something is; -1, with errno: it can't be read. */
static int is_empty(int fd)
{
    const int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = copy >= 0 ? fdopendir(copy) : NULL;
    if (!listing) {
        const int failed = errno;
        if (copy >= 0)
            close(copy);
        errno = failed;
        return -1;
    }
    int found = 0;
    errno = 0;
    /* cppcheck-suppress readdirCalled ; on a stream that no other thread has it is safe (glibc) */
    for (const struct dirent *entry = readdir(listing); entry && !found; entry = readdir(listing))
        found = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    const int failed = found ? 0 : errno;
    (void)closedir(listing);
    errno = failed;
    return failed ? -1 : !found;
}

static enum folder_result say_why_not(const char *path, int error, struct buffer *fault)
{
    struct stat there;
    if (error == ENOENT) {
        (void)buffer_appendf(fault,
                             "%s can't be made: the folder that it would be in is not there; make "
                             "that first (mkdir -p)",
                             path);
        return FOLDER_IN_THE_WAY;
    }
    if ((error == ENOTDIR || error == ELOOP) && lstat(path, &there) == 0) {
        (void)buffer_appendf(fault,
                             "%s is there, and is %s: nothing is overwritten; take another folder "
                             "(--dir), or move it away",
                             path, S_ISLNK(there.st_mode) ? "a link" : "no folder");
        return FOLDER_IN_THE_WAY;
    }
    (void)buffer_appendf(fault, "the folder %s can't be made or read: %s", path, strerror(error));
    return FOLDER_FAILED;
}

enum folder_result folder_open(struct folder *folder, const char *path, struct buffer *fault)
{
    *folder = (struct folder){.path = path, .fd = -1};
    folder->is_made = mkdir(path, 0777) == 0;
    if (!folder->is_made && errno != EEXIST)
        return say_why_not(path, errno, fault);
    folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const int empty = folder->fd >= 0 ? is_empty(folder->fd) : -1;
    if (empty > 0)
        return FOLDER_OK;
    const enum folder_result result =
        empty < 0 ? say_why_not(path, errno, fault) : FOLDER_IN_THE_WAY;
    if (empty == 0) {
        (void)buffer_appendf(fault,
                             "the folder %s is not empty: nothing is overwritten; take another "
                             "name, or another folder (--dir)",
                             path);
    }
    if (folder->is_made)
        (void)rmdir(path);
    folder_close(folder);
    return result;
}

/* Remembers what was made. @return 0, or -1 on no memory or too many. */
static int note(struct folder *folder, const char *name, size_t length, bool is_folder)
{
    char *copy = folder->count < FOLDER_ENTRIES_MAX ? strndup(name, length) : NULL;
    if (!copy)
        return -1;
    folder->entries[folder->count++] = (struct folder_entry){.name = copy, .is_folder = is_folder};
    return 0;
}

static void forget_last(struct folder *folder)
{
    free(folder->entries[--folder->count].name);
}

static bool is_made_already(const struct folder *folder, const char *name, size_t length)
{
    for (size_t i = 0; i < folder->count; i++) {
        const struct folder_entry *entry = &folder->entries[i];
        if (entry->is_folder && strlen(entry->name) == length &&
            memcmp(entry->name, name, length) == 0)
            return true;
    }
    return false;
}

/* Opens the folder that an entry is in, if that is still one: whose the folder before it is may
 * have put a link in its place, which would lead root anywhere. @param last  Filled in: the entry's
 * name in it. @return A descriptor for the caller to close; -1, with errno. */
static int open_parent(const struct folder *folder, const char *name, const char **last)
{
    char parent[NAME_MAX + 1] = ".";
    const char *slash = strchr(name, '/');
    *last = slash ? slash + 1 : name;
    if (slash)
        (void)snprintf(parent, sizeof parent, "%.*s", (int)(slash - name), name);
    return openat(folder->fd, parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* @return 0, or -1, with errno. */
static int remove_entry(const struct folder *folder, const struct folder_entry *entry)
{
    const char *last;
    const int parent = open_parent(folder, entry->name, &last);
    if (parent < 0)
        return -1;
    const int result = unlinkat(parent, last, entry->is_folder ? AT_REMOVEDIR : 0);
    const int error = errno;
    close(parent);
    errno = error;
    return result;
}

/* Makes the folder that a file is in. @return 0, or an error. */
static int make_parent(struct folder *folder, const char *name)
{
    const char *slash = strchr(name, '/');
    if (!slash || is_made_already(folder, name, (size_t)(slash - name)))
        return 0;
    if (note(folder, name, (size_t)(slash - name), true))
        return ENOMEM;
    if (mkdirat(folder->fd, folder->entries[folder->count - 1].name, 0777) == 0)
        return 0;
    const int error = errno;
    forget_last(folder);
    return error;
}

/* @return 0, or an error. */
static int write_all(int fd, const struct buffer *text)
{
    for (size_t at = 0; at < text->length;) {
        const ssize_t size = write(fd, text->bytes + at, text->length - at);
        if (size < 0 && errno != EINTR)
            return errno;
        at += size > 0 ? (size_t)size : 0;
    }
    return 0;
}

/* @return 0, or an error; EEXIST: it is there already. */
static int make_file(struct folder *folder, const char *name, const struct buffer *text)
{
    if (note(folder, name, strlen(name), false))
        return ENOMEM;
    const char *last;
    const int parent = open_parent(folder, name, &last);
    const int fd = parent < 0 ? -1
                              : openat(parent, last,
                                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    const int failed = errno;
    if (parent >= 0)
        close(parent);
    if (fd < 0) {
        forget_last(folder); /* it is somebody else's */
        return failed;
    }
    const int error = write_all(fd, text);
    return close(fd) == 0 || error ? error : errno;
}

enum folder_result folder_write(struct folder *folder, const char *name, const struct buffer *text,
                                struct buffer *fault)
{
    int error = make_parent(folder, name);
    if (!error)
        error = make_file(folder, name, text);
    if (error == EEXIST) {
        (void)buffer_appendf(fault,
                             "%s/%s has been made by somebody else meanwhile: nothing is "
                             "overwritten; take another folder (--dir)",
                             folder->path, name);
    } else if (error) {
        (void)buffer_appendf(fault, "%s/%s can't be written: %s", folder->path, name,
                             strerror(error));
    }
    return error == 0 ? FOLDER_OK : error == EEXIST ? FOLDER_IN_THE_WAY : FOLDER_FAILED;
}

void folder_undo(struct folder *folder, struct buffer *fault)
{
    while (folder->count > 0) {
        const struct folder_entry *last = &folder->entries[folder->count - 1];
        if (remove_entry(folder, last) != 0 && errno != ENOENT)
            (void)buffer_appendf(fault, "; %s/%s was written, and can't be removed: %s",
                                 folder->path, last->name, strerror(errno));
        forget_last(folder);
    }
    /* Not empty: what else is in it was made by somebody else, or has been named above. */
    if (folder->is_made && rmdir(folder->path) != 0 && errno != ENOTEMPTY && errno != EEXIST)
        (void)buffer_appendf(fault, "; the folder %s can't be removed: %s", folder->path,
                             strerror(errno));
}

void folder_close(struct folder *folder)
{
    while (folder->count > 0)
        forget_last(folder);
    if (folder->fd >= 0)
        close(folder->fd);
    folder->fd = -1;
}
