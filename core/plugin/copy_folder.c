/* Folders of copies; see copy_folder.h. All goes by descriptors of folders, not by paths: a path
 * may lead elsewhere from one call to the next. */
#include "plugin/copy_folder.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "toni-"
#define RANDOM "XXXXXX"
#define MARK ".copies-of-toni"

/* Copies lie one folder deep; what is deeper than this was not made by toni, and stays. */
#define DEPTH_MAX 8

static const char *temporary_folder(void)
{
    const char *folder = getenv("TMPDIR");

    return folder && folder[0] == '/' ? folder : "/tmp";
}

static int open_folder(int parent, const char *name)
{
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool is_own(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && status.st_uid == geteuid() && (status.st_mode & 077) == 0;
}

/* --- Removing */

static void empty(int fd, unsigned depth);

static void remove_entry(int parent, const char *name, unsigned depth)
{
    if (unlinkat(parent, name, 0) == 0 || depth >= DEPTH_MAX)
        return;
    const int fd = open_folder(parent, name);
    if (fd < 0)
        return;
    empty(fd, depth + 1); /* which closes it */
    (void)unlinkat(parent, name, AT_REMOVEDIR);
}

/* Takes the descriptor over. */
static void empty(int fd, unsigned depth)
{
    DIR *folder = fdopendir(fd);
    const struct dirent *entry;

    if (!folder) {
        close(fd);
        return;
    }
    /* cppcheck-suppress readdirCalled ; on a stream that no other thread has it is safe (glibc) */
    while ((entry = readdir(folder))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            strcmp(entry->d_name, MARK) != 0)
            remove_entry(fd, entry->d_name, depth);
    }
    (void)unlinkat(fd, MARK, 0); /* last: who is interrupted leaves the rest to the next */
    closedir(folder);
}

void copy_folder_remove(const char *path)
{
    const int fd = open_folder(AT_FDCWD, path);

    if (fd < 0)
        return;
    if (!is_own(fd)) {
        close(fd);
        return;
    }
    empty(fd, 0);
    (void)rmdir(path); /* a link, or a folder that is not empty, stays */
}

/* --- What others have left */

/* As mkdtemp(3) makes them. */
static bool is_name(const char *name)
{
    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
        return false;
    const char *end = name + strlen(PREFIX);
    while (isalnum((unsigned char)*end))
        end++;
    return *end == '\0' && (size_t)(end - name) == strlen(PREFIX RANDOM);
}

static bool is_marked(int fd)
{
    struct stat status;

    return fstatat(fd, MARK, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
           status.st_uid == geteuid();
}

/* A host makes its mark under its lock: a folder with a mark and without a lock belongs to a
 * host that has ended. */
static void sweep_one(int parent, const char *name)
{
    const int fd = open_folder(parent, name);

    if (fd < 0)
        return;
    if (!is_own(fd) || !is_marked(fd) || flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return;
    }
    const int also = dup(fd); /* keeps the lock until the folder is gone */
    empty(fd, 0);
    (void)unlinkat(parent, name, AT_REMOVEDIR);
    if (also >= 0)
        close(also);
}

static void sweep(const char *parent)
{
    DIR *folder = opendir(parent);
    const struct dirent *entry;

    /* cppcheck-suppress readdirCalled ; on a stream that no other thread has it is safe (glibc) */
    while (folder && (entry = readdir(folder))) {
        if (is_name(entry->d_name))
            sweep_one(dirfd(folder), entry->d_name);
    }
    if (folder)
        closedir(folder);
}

/* --- Making */

/* A file system without locks gets no mark, so that no other toni ever removes the folder. */
static void mark(int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return;
    const int file = openat(fd, MARK, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file >= 0)
        close(file);
}

int copy_folder_make(char **path)
{
    const char *parent = temporary_folder();

    sweep(parent);
    if (asprintf(path, "%s/" PREFIX RANDOM, parent) < 0)
        return -1;
    const int fd = mkdtemp(*path) ? open_folder(AT_FDCWD, *path) : -1; /* with mode 0700 */
    if (fd < 0) {
        const int error = errno;
        free(*path);
        *path = NULL;
        errno = error;
        return -1;
    }
    mark(fd);
    return fd;
}
