/* One folder per host, one subfolder per copy. */
#include "plugin/copy_store.h"

#include "plugin/copy_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void copy_store_init(struct copy_store *store)
{
    *store = (struct copy_store){0};
}

void copy_store_empty(const struct copy_store *store)
{
    if (store->folder)
        copy_folder_remove(store->folder);
}

void copy_store_finish(struct copy_store *store)
{
    copy_store_empty(store);
    if (store->folder)
        close(store->lock);
    free(store->folder);
    copy_store_init(store);
}

/* A cleaner of temporary folders removes what is old, such as the folder of a host that has run
 * for weeks; then anybody may make another folder, or a link, of that name. */
static bool is_own_folder(const char *path)
{
    struct stat status;

    return path && lstat(path, &status) == 0 && S_ISDIR(status.st_mode) &&
           status.st_uid == geteuid();
}

static int make_folder(struct copy_store *store)
{
    char *folder;
    const int lock = copy_folder_make(&folder);

    if (lock < 0)
        return -1;
    if (store->folder)
        close(store->lock);
    free(store->folder);
    store->folder = folder;
    store->lock = lock;
    return 0;
}

static int write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        const ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        bytes += written;
        size -= (size_t)written;
    }
    return 0;
}

/* Copies what the file had when this began: one that grows all the time would never end. */
static int copy_bytes(int from, int to)
{
    char bytes[65536];
    struct stat status;

    if (fstat(from, &status))
        return -1;
    for (off_t left = status.st_size; left > 0;) {
        const size_t most = left < (off_t)sizeof bytes ? (size_t)left : sizeof bytes;
        const ssize_t got = read(from, bytes, most);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return (int)got;
        if (write_all(to, bytes, (size_t)got) != 0)
            return -1;
        left -= got;
    }
    return 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

char *copy_store_folder_of(const char *path)
{
    char *folder = strdup(path);

    if (!folder)
        return NULL;
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder ? 1 : 0] = '\0';
    char *real = realpath(slash ? folder : ".", NULL);
    free(folder);
    return real;
}

static void describe_failure(char *problem, size_t size)
{
    (void)snprintf(problem, size,
                   "can't be copied into a temporary folder: %s; there must be room below "
                   "$TMPDIR or /tmp, and the right to write there; TMPDIR may name another folder",
                   strerror(errno));
}

int copy_store_add(struct copy_store *store, int fd, const char *path, char **copy, char *problem,
                   size_t size)
{
    char *subfolder = NULL;
    int to = -1;

    *copy = NULL;
    if (!is_own_folder(store->folder) && make_folder(store) != 0)
        goto fail;
    if (asprintf(&subfolder, "%s/%u", store->folder, store->copies) < 0) {
        subfolder = NULL;
        goto fail;
    }
    if (mkdir(subfolder, 0700) != 0)
        goto fail;
    store->copies++;
    if (asprintf(copy, "%s/%s", subfolder, base_name(path)) < 0) {
        *copy = NULL;
        goto fail;
    }
    to = open(*copy, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    if (to < 0 || copy_bytes(fd, to) != 0)
        goto fail;
    free(subfolder);
    return to;

fail:
    describe_failure(problem, size);
    if (to >= 0)
        close(to);
    if (subfolder)
        copy_folder_remove(subfolder);
    free(subfolder);
    free(*copy);
    *copy = NULL;
    return -1;
}

/* The path without its last part, to be given to free(); NULL on no memory. */
static char *folder_of(const char *path)
{
    return strndup(path, (size_t)(base_name(path) - path) - 1);
}

int copy_store_add_beside(const char *copy, const char *name, int fd, char *problem, size_t size)
{
    char *subfolder = folder_of(copy);
    char *path = NULL;
    int to = -1;

    if (!subfolder || asprintf(&path, "%s/%s", subfolder, name) < 0)
        path = NULL;
    if (path)
        to = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    if (to < 0 || copy_bytes(fd, to) != 0) {
        describe_failure(problem, size);
        if (to >= 0)
            close(to);
        to = -1;
    }
    free(path);
    free(subfolder);
    return to;
}

bool files_equal(int fd, int other)
{
    char here[65536], there[65536];

    for (off_t at = 0;;) {
        const ssize_t size = pread(fd, here, sizeof here, at);
        if (size < 0 || pread(other, there, sizeof there, at) != size ||
            memcmp(here, there, (size_t)size) != 0)
            return false;
        if (size == 0)
            return true;
        at += size;
    }
}

void copy_store_remove(const char *copy)
{
    char *subfolder = folder_of(copy);
    char *folder = subfolder ? folder_of(subfolder) : NULL;

    if (is_own_folder(folder)) /* else copy_store_finish() will try again */
        copy_folder_remove(subfolder);
    free(folder);
    free(subfolder);
}
