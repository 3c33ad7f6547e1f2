/* See revocation_store.h. */
#include "host/revocation_store.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "rooms/revoking.h"
#include "rooms/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define NAME "toni-revocations"
#define HEADER "toni revocations 1\n"

/* How often to look whether another host has written the file, or to try again. */
#define LOOK_EVERY_NS (1000 * UINT64_C(1000000))

/* More than a host writes: 1,000,000 of the longest lines. */
#define FILE_MAX (400u << 20)
#define LINE_SIZE 512

/* How long to wait for the lock: others hold it while they read or write the file. */
#define LOCK_MS 1000
#define LOCK_LOOK_MS 10

/* --- The file */

static void report(struct revocation_store *store, const char *what, const char *why)
{
    store->has_failed = true;
    log_limited(LOG_LEVEL_ERROR,
                "revoked subjects are not kept: a restart forgets them; tried again until it works",
                log_str("path", store->path), log_str("at", what), log_str("error", why));
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* @return Whether the file is another than was seen. */
static bool look(const struct revocation_store *store, struct stat *now)
{
    if (lstat(store->path, now))
        *now = (struct stat){0};
    return !is_same(now, &store->seen);
}

/* Whatever lies there instead of a file must neither hold the host up nor fill its memory.
 * @return NULL, or what is wrong with it, and what mends that. */
static const char *judge(int fd)
{
    struct stat status;
    if (fstat(fd, &status))
        return strerror(errno);
    if (!S_ISREG(status.st_mode))
        return "that is no regular file: remove it";
    return status.st_size > FILE_MAX ? "the file is larger than any host writes: remove it" : NULL;
}

static void take_lines(struct revocation_store *store, FILE *file)
{
    char line[LINE_SIZE];
    size_t bad = 0, left = FILE_MAX / 2; /* lines of two bytes at least */
    if (!fgets(line, sizeof line, file) || strcmp(line, HEADER) != 0) {
        log_error("revoked subjects can't be read: that is no file of this version's; the next "
                  "change replaces it: move it away if another version is to read it",
                  log_str("path", store->path));
        return;
    }
    while (left-- > 0 && fgets(line, sizeof line, file)) {
        const size_t length = strlen(line);
        const bool is_whole = length > 0 && line[length - 1] == '\n';
        bad += !is_whole || revoking_learn(store->connections, toni_str_make(line, length - 1)) < 0;
        int byte = is_whole ? '\n' : 0;
        while (byte != '\n' && byte != EOF)
            byte = fgetc(file);
    }
    if (bad > 0) {
        log_error("revoked subjects were read in part: the next change leaves out the lines that "
                  "are none; revoke again who may be missing",
                  log_str("path", store->path), log_uint("bad_lines", bad));
    }
}

/* @param wrong  Set to what is wrong with it, or NULL: there is none.
 * @return The file, or NULL. */
static FILE *open_file(const char *path, const char **wrong)
{
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    *wrong = NULL;
    if (fd < 0) {
        if (errno == ELOOP)
            *wrong = "that is a symbolic link: put a file there, or nothing";
        else if (errno != ENOENT)
            *wrong = strerror(errno);
        return NULL;
    }
    *wrong = judge(fd);
    FILE *file = *wrong ? NULL : fdopen(fd, "r");
    if (file)
        return file;
    if (!*wrong)
        *wrong = strerror(errno);
    close(fd);
    return NULL;
}

/* @return 0, or -1, which is logged. */
static int read_file(struct revocation_store *store)
{
    const char *wrong;
    FILE *file = open_file(store->path, &wrong);
    if (file) {
        take_lines(store, file);
        if (ferror(file))
            wrong = strerror(errno);
        (void)fclose(file);
    }
    if (wrong)
        report(store, "reading", wrong);
    return wrong ? -1 : 0;
}

static int write_whole(int fd, const struct buffer *text)
{
    for (size_t done = 0; done < text->length;) {
        const ssize_t put = write(fd, text->bytes + done, text->length - done);
        if (put < 0 && errno != EINTR)
            return -1;
        done += put > 0 ? (size_t)put : 0;
    }
    return fsync(fd);
}

/* A rename outlasts a loss of power once its folder is synced; some file systems can't do that. */
static int sync_folder(const char *folder)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    const int result = fsync(fd) && errno != EINVAL ? -1 : 0;
    const int error = errno;
    close(fd);
    errno = error;
    return result;
}

/* What a crash leaves is the file before, or this one. What a host left that was killed is no file
 * of anybody's; a link or a FIFO in its place is not written to. */
static int replace_file(const struct revocation_store *store, const struct buffer *text)
{
    if (unlink(store->next_path) && errno != ENOENT)
        return -1;
    const int fd = open(store->next_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    int result = write_whole(fd, text);
    const int error = errno;
    if (close(fd) && !result)
        return -1;
    errno = error;
    if (result || rename(store->next_path, store->path))
        return -1;
    return sync_folder(store->folder);
}

static int write_file(struct revocation_store *store)
{
    struct buffer text;
    uint64_t number;
    buffer_init(&text);
    int result = buffer_append(&text, HEADER, strlen(HEADER)) ||
                         revocations_write(&store->connections->revocations, 0, &text, &number)
                     ? -1
                     : 0;
    if (result)
        errno = ENOMEM;
    else
        result = replace_file(store, &text);
    if (result)
        report(store, "writing", strerror(errno));
    buffer_finish(&text);
    return result;
}

/* @return The lock's descriptor, or -1, which is logged: nobody may hold the host up by it. */
static int take_lock(struct revocation_store *store)
{
    const int fd =
        open(store->lock_path, O_RDWR | O_CREAT | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, 0600);
    int result = fd < 0 ? -1 : flock(fd, LOCK_EX | LOCK_NB);
    for (int waited = 0; fd >= 0 && result && waited < LOCK_MS; waited += LOCK_LOOK_MS) {
        (void)poll(NULL, 0, LOCK_LOOK_MS);
        result = flock(fd, LOCK_EX | LOCK_NB);
    }
    if (!result)
        return fd;
    report(store, "locking",
           fd >= 0 && errno == EWOULDBLOCK ? "another process holds the lock: end that one"
                                           : strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Somebody has removed it; a restart would forget what only this host's memory has. */
static bool is_missed(const struct revocation_store *store, const struct stat *now)
{
    return now->st_ino == 0 && revocations_count(&store->connections->revocations) > 0;
}

/* Under the lock of the folder, so that two hosts lose nothing of each other.
 * @param writes  There is something to be written. @return 0, or -1, which is logged. */
static int exchange(struct revocation_store *store, bool writes)
{
    struct stat now;
    const int fd = take_lock(store);
    if (fd < 0)
        return -1;
    int result = look(store, &now) ? read_file(store) : 0;
    if (!result && (writes || is_missed(store, &now)))
        result = write_file(store);
    if (!result)
        (void)look(store, &store->seen);
    close(fd);
    return result;
}

static int sync_file(struct revocation_store *store, bool is_changed)
{
    struct stat now;
    if (!look(store, &now) && !is_missed(store, &now) && !is_changed)
        return 0;
    const int result = exchange(store, is_changed);
    if (!result && store->has_failed) {
        store->has_failed = false;
        log_info("revoked subjects are kept again", log_str("path", store->path));
    }
    return result;
}

/* --- The thread */

static void on_change(void *data)
{
    struct revocation_store *store = data;
    pthread_mutex_lock(&store->lock);
    store->is_changed = true;
    pthread_cond_signal(&store->woken);
    pthread_mutex_unlock(&store->lock);
}

/* Waits for a change, the end, or the next look; after a failure a change is no reason to hurry.
 * @return Whether it goes on. */
static bool wait_for_work(struct revocation_store *store, bool has_failed, bool *is_changed)
{
    const uint64_t until = clock_now_ns() + LOOK_EVERY_NS;
    pthread_mutex_lock(&store->lock);
    while (!store->is_stopping && (has_failed || !store->is_changed) &&
           clock_condition_wait(&store->woken, &store->lock, until) == 0)
        continue;
    const bool goes_on = !store->is_stopping;
    *is_changed = store->is_changed || has_failed;
    store->is_changed = false;
    pthread_mutex_unlock(&store->lock);
    return goes_on;
}

static void *run(void *data)
{
    struct revocation_store *store = data;
    bool goes_on = true, has_failed = false, is_changed;
    while (goes_on) {
        goes_on = wait_for_work(store, has_failed, &is_changed);
        has_failed = sync_file(store, is_changed) != 0;
    }
    return NULL;
}

/* --- Life */

static char *path_in(const char *folder, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

static int start(struct revocation_store *store)
{
    if (!store->folder || !store->path || !store->next_path || !store->lock_path ||
        pthread_mutex_init(&store->lock, NULL))
        return -1;
    if (clock_condition_init(&store->woken)) {
        pthread_mutex_destroy(&store->lock);
        return -1;
    }
    (void)exchange(store, false);
    store->connections->revocations.changed_data = store;
    store->connections->revocations.changed = on_change;
    store->has_thread = pthread_create(&store->thread, NULL, run, store) == 0;
    if (store->has_thread)
        return 0;
    store->connections->revocations.changed = NULL;
    pthread_cond_destroy(&store->woken);
    pthread_mutex_destroy(&store->lock);
    return -1;
}

static void free_paths(struct revocation_store *store)
{
    free(store->path);
    free(store->next_path);
    free(store->lock_path);
    free(store->folder);
    store->path = store->next_path = store->lock_path = store->folder = NULL;
}

int revocation_store_open(struct revocation_store *store, toni_connections *connections,
                          const char *folder)
{
    *store = (struct revocation_store){.connections = connections};
    if (!folder)
        return 0;
    store->folder = strdup(folder);
    store->path = path_in(folder, NAME);
    store->next_path = path_in(folder, NAME ".next");
    store->lock_path = path_in(folder, NAME ".lock");
    if (!start(store))
        return 0;
    free_paths(store);
    log_error("revoked subjects can't be kept: out of memory or threads");
    return -1;
}

void revocation_store_close(struct revocation_store *store)
{
    if (!store->has_thread)
        return;
    store->has_thread = false;
    pthread_mutex_lock(&store->lock);
    store->is_stopping = true;
    pthread_cond_signal(&store->woken);
    pthread_mutex_unlock(&store->lock);
    pthread_join(store->thread, NULL);
    store->connections->revocations.changed = NULL;
    pthread_cond_destroy(&store->woken);
    pthread_mutex_destroy(&store->lock);
    free_paths(store);
}
