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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define NAME "toni-revocations"
#define HEADER "toni revocations 1\n"

/* How often to look whether another host has written the file, or to try again. */
#define LOOK_EVERY_NS (1000 * UINT64_C(1000000))

/* How long to wait for a host that has the lock: it writes. One that is held up must not hold up
 * this one's start and end. */
#define LOCK_TRIES 100
#define LOCK_PAUSE_NS (10 * 1000000L)

/* A file of no host's: what may be in one, with room to spare. */
#define FILE_MAX (512u << 20)

/* --- The file */

static void report(struct revocation_store *store, const char *what)
{
    const int error = errno;
    store->has_failed = true;
    log_limited(LOG_LEVEL_ERROR,
                "revoked subjects are not kept: a restart forgets them; tried again until it works",
                log_str("path", store->path), log_str("at", what),
                log_str("error", error == ESPIPE ? "it is no regular file" : strerror(error)));
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* @return Whether the file is another than was seen. */
static bool look(const struct revocation_store *store, struct stat *now)
{
    if (stat(store->path, now))
        *now = (struct stat){0};
    return !is_same(now, &store->seen);
}

/* A pipe must not hold up the host, which is why each file is opened by this.
 * @return The descriptor, or -1 with errno set. */
static int open_file(const char *path, int flags)
{
    return open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
}

/* Nor a device that never ends. @return As open_file(). */
static int open_regular(const char *path, int flags)
{
    struct stat file;
    const int fd = open_file(path, flags);
    if (fd < 0 || (!fstat(fd, &file) && S_ISREG(file.st_mode)))
        return fd;
    close(fd);
    errno = ESPIPE;
    return -1;
}

/* @return 0, or -1 with errno set. */
static int read_whole(const char *path, struct buffer *text)
{
    char piece[16384];
    ssize_t got;
    const int fd = open_regular(path, O_RDONLY);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    while ((got = read(fd, piece, sizeof piece)) > 0 && text->length < FILE_MAX) {
        if (buffer_append(text, piece, (size_t)got)) {
            errno = ENOMEM;
            got = -1;
            break;
        }
    }
    const int error = errno;
    close(fd);
    errno = error;
    return got < 0 ? -1 : 0;
}

static void take_lines(struct revocation_store *store, const struct buffer *text)
{
    toni_str rest = toni_str_make(text->bytes, text->length), line;
    size_t bad = 0;
    if (text->length == 0)
        return;
    if (!toni_str_strip_prefix(rest, toni_str_of(HEADER), &rest)) {
        log_error("revoked subjects can't be read: that is no file of this version's; it is "
                  "replaced by the next change",
                  log_str("path", store->path));
        return;
    }
    while (toni_str_split_once(rest, '\n', &line, &rest))
        bad += revoking_learn(store->connections, line) < 0;
    if (bad > 0)
        log_error("revoked subjects were read in part", log_str("path", store->path),
                  log_uint("bad_lines", bad));
}

/* @return 0, or -1, which is logged. */
static int read_file(struct revocation_store *store)
{
    struct buffer text;
    buffer_init(&text);
    const int result = read_whole(store->path, &text);
    if (result)
        report(store, "reading");
    else
        take_lines(store, &text);
    buffer_finish(&text);
    return result;
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

/* What a crash leaves is the file before, or this one. The folder is synced by the rename's own
 * journal, or the file before comes back: older by a change. */
static int replace_file(const struct revocation_store *store, const struct buffer *text)
{
    const int fd = open_file(store->next_path, O_WRONLY | O_CREAT | O_TRUNC);
    if (fd < 0)
        return -1;
    int result = write_whole(fd, text);
    if (close(fd))
        result = -1;
    return result ? -1 : rename(store->next_path, store->path);
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
        report(store, "writing");
    buffer_finish(&text);
    return result;
}

/* @return 0, or -1 with errno set. */
static int lock_file(int fd)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (!flock(fd, LOCK_EX | LOCK_NB))
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -1;
        (void)nanosleep(&pause, NULL);
    }
    errno = ETIMEDOUT;
    return -1;
}

/* Under the lock of the folder, so that two hosts lose nothing of each other.
 * @param writes  There is something to be written. @return 0, or -1, which is logged. */
static int exchange(struct revocation_store *store, bool writes)
{
    struct stat now;
    const int fd = open_file(store->lock_path, O_RDWR | O_CREAT);
    if (fd < 0 || lock_file(fd)) {
        report(store, "locking");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    int result = look(store, &now) ? read_file(store) : 0;
    if (!result && writes)
        result = write_file(store);
    if (!result)
        (void)look(store, &store->seen);
    close(fd);
    return result;
}

static int sync_file(struct revocation_store *store, bool is_changed)
{
    struct stat now;
    if (!is_changed && !look(store, &now))
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
    if (!store->path || !store->next_path || !store->lock_path ||
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
    store->path = store->next_path = store->lock_path = NULL;
}

int revocation_store_open(struct revocation_store *store, toni_connections *connections,
                          const char *folder)
{
    *store = (struct revocation_store){.connections = connections};
    if (!folder)
        return 0;
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
