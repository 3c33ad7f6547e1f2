/* The log's thread; see log_thread.h. */
#include "base/log_thread.h"

#include "base/clock.h"
#include "base/log_limit.h"
#include "base/log_ring.h"
#include "base/log_stderr.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

/* How often lines that a limit has suppressed are reported, if no other line does so. */
#define REPORT_EVERY_NS UINT64_C(10000000000)

/* How long log_thread_seize() waits for what it can't do without, each: the lock, and the end of a
 * line that is being written. */
#define SEIZE_MS UINT64_C(100)

enum state {
    STATE_DIRECT, /* no thread: who logs writes */
    STATE_THREAD,
    STATE_SEIZED, /* the process ends: one thread writes what waits */
    STATE_MUTE,   /* stderr takes nothing any more: all is lost */
};

static struct {
    _Atomic(enum state) state;
    struct log_ring ring;
    pthread_cond_t arrived; /* a line, or the end */
    pthread_cond_t written; /* one is not the thread's any more */
    bool is_ending;
    atomic_bool is_writing; /* the thread has a line in hand */
    pthread_t thread;
    uint64_t refused; /* lines, since the last that stderr took; the thread's */
    _Atomic uint64_t lost;
} writer = {.ring.lock = PTHREAD_MUTEX_INITIALIZER};

bool log_thread_put(enum log_level level, const char *line, size_t length)
{
    if (atomic_load_explicit(&writer.state, memory_order_acquire) == STATE_DIRECT)
        return false;
    pthread_mutex_lock(&writer.ring.lock);
    if (!log_ring_put(&writer.ring, level, line, length))
        atomic_fetch_add_explicit(&writer.lost, 1, memory_order_relaxed);
    pthread_cond_signal(&writer.arrived);
    pthread_mutex_unlock(&writer.ring.lock);
    return true;
}

uint64_t log_thread_lost(void)
{
    return atomic_load_explicit(&writer.lost, memory_order_relaxed);
}

/* --- The thread */

static void report_lost(uint64_t lost, uint64_t until_ns)
{
    const struct log_field lines = log_uint("lines", lost);
    char line[LOG_LINE_SIZE];
    const size_t length = log_format(
        line, LOG_LEVEL_WARN, "lines of the log are lost: stderr was not read in time", &lines, 1);

    if (until_ns == 0)
        (void)log_stderr_write(LOG_LEVEL_WARN, line, length);
    else
        (void)log_stderr_write_until(LOG_LEVEL_WARN, line, length, until_ns);
}

/* @return Whether stderr takes lines again. */
static bool report_refused(void)
{
    const struct log_field lines = log_uint("lines", writer.refused);
    char line[LOG_LINE_SIZE];
    const size_t length =
        log_format(line, LOG_LEVEL_WARN,
                   "lines of the log are lost: stderr refused them; is its disk full?", &lines, 1);

    return !log_stderr_write(LOG_LEVEL_WARN, line, length);
}

static void write_line(const struct log_record *record)
{
    if (writer.refused > 0 && report_refused())
        writer.refused = 0;
    if (writer.refused == 0 && !log_stderr_write(record->level, record->line, record->length))
        return;
    writer.refused++;
    atomic_fetch_add_explicit(&writer.lost, 1, memory_order_relaxed);
}

static void write_record(const struct log_record *record)
{
    if (record->lost > 0)
        report_lost(record->lost, 0);
    if (record->length > 0)
        write_line(record);
}

/* Not under the lock. */
static void report_suppressed(void)
{
    const char *latest = "";
    const uint64_t unreported = log_limit_take_unreported(&latest);

    if (unreported > 0)
        log_warn("lines of the log were suppressed, since there were too many of their kind",
                 log_uint("lines", unreported), log_str("latest", latest));
}

/* Under the lock. @return Whether it is time to report suppressed lines. */
static bool wait_for_lines(uint64_t *reported_ns)
{
    while (log_ring_is_empty(&writer.ring) && !writer.is_ending) {
        if (clock_condition_wait(&writer.arrived, &writer.ring.lock,
                                 *reported_ns + REPORT_EVERY_NS))
            break;
    }
    if (clock_now_ns() < *reported_ns + REPORT_EVERY_NS)
        return false;
    *reported_ns = clock_now_ns();
    return true;
}

static void *run(void *data)
{
    struct log_record record; /* 4 KiB: not initialised */
    uint64_t reported_ns = clock_now_ns();
    (void)data;

    pthread_mutex_lock(&writer.ring.lock);
    while (!writer.is_ending || !log_ring_is_empty(&writer.ring)) {
        if (wait_for_lines(&reported_ns)) {
            pthread_mutex_unlock(&writer.ring.lock);
            report_suppressed();
            pthread_mutex_lock(&writer.ring.lock);
        }
        if (atomic_load(&writer.state) != STATE_THREAD) {
            pthread_cond_wait(&writer.arrived, &writer.ring.lock); /* for the end of the process */
            continue;
        }
        if (!log_ring_take(&writer.ring, &record))
            continue;
        atomic_store(&writer.is_writing, true);
        pthread_mutex_unlock(&writer.ring.lock);
        write_record(&record);
        pthread_mutex_lock(&writer.ring.lock);
        atomic_store(&writer.is_writing, false);
        pthread_cond_broadcast(&writer.written);
    }
    pthread_mutex_unlock(&writer.ring.lock);
    return NULL;
}

/* --- Its life */

static void before_fork(void)
{
    pthread_mutex_lock(&writer.ring.lock);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&writer.ring.lock);
}

/* The child has the ring, but not the thread: what waits is written by the parent. */
static void in_child(void)
{
    writer.ring.first = writer.ring.used = 0;
    writer.ring.lost = 0;
    atomic_store(&writer.is_writing, false);
    atomic_store(&writer.state, STATE_DIRECT);
    pthread_mutex_unlock(&writer.ring.lock);
}

static int make_conditions(void)
{
    if (clock_condition_init(&writer.arrived))
        return -1;
    if (!clock_condition_init(&writer.written))
        return 0;
    pthread_cond_destroy(&writer.arrived);
    return -1;
}

static int begin_thread(void)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    const int error = pthread_create(&writer.thread, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 ? 0 : -1;
}

int log_thread_start(void)
{
    static bool knows_forks;

    if (make_conditions())
        return -1;
    if (!knows_forks && pthread_atfork(before_fork, after_fork, in_child) != 0)
        goto fail;
    knows_forks = true;
    writer.is_ending = false;
    atomic_store(&writer.state, STATE_THREAD);
    if (!begin_thread())
        return 0;
    atomic_store(&writer.state, STATE_DIRECT);
fail:
    pthread_cond_destroy(&writer.arrived);
    pthread_cond_destroy(&writer.written);
    return -1;
}

int log_thread_flush(uint64_t limit_ms)
{
    const uint64_t until = clock_now_ns() + limit_ms * NS_PER_MS;
    bool is_late = false;

    if (atomic_load(&writer.state) != STATE_THREAD)
        return 0;
    pthread_mutex_lock(&writer.ring.lock);
    while (!is_late && (!log_ring_is_empty(&writer.ring) || atomic_load(&writer.is_writing)))
        is_late = clock_condition_wait(&writer.written, &writer.ring.lock, until) != 0;
    pthread_mutex_unlock(&writer.ring.lock);
    return is_late ? -1 : 0;
}

void log_thread_stop(uint64_t limit_ms)
{
    if (atomic_load(&writer.state) != STATE_THREAD)
        return;
    report_suppressed();
    if (log_thread_flush(limit_ms)) {
        atomic_store(&writer.state, STATE_MUTE);
        return;
    }
    pthread_mutex_lock(&writer.ring.lock);
    writer.is_ending = true;
    pthread_cond_signal(&writer.arrived);
    pthread_mutex_unlock(&writer.ring.lock);
    pthread_join(writer.thread, NULL);
    atomic_store(&writer.state, STATE_DIRECT);
    pthread_cond_destroy(&writer.arrived);
    pthread_cond_destroy(&writer.written);
}

/* --- The end of the process */

static void pause_ms(void)
{
    const struct timespec pause = {.tv_nsec = NS_PER_MS};

    (void)nanosleep(&pause, NULL);
}

/* The lock is held for as long as a line is copied; but a thread that has crashed may hold it
 * for ever. */
static bool lock_by_trying(void)
{
    for (unsigned i = 0; i < SEIZE_MS; i++) {
        if (pthread_mutex_trylock(&writer.ring.lock) == 0)
            return true;
        pause_ms();
    }
    return false;
}

void log_thread_seize(uint64_t limit_ms)
{
    const uint64_t until = clock_now_ns() + limit_ms * NS_PER_MS;
    struct log_record record;
    enum state before = STATE_THREAD;

    if (!atomic_compare_exchange_strong(&writer.state, &before, STATE_SEIZED))
        return;
    for (unsigned i = 0; i < SEIZE_MS && atomic_load(&writer.is_writing); i++)
        pause_ms();
    for (;;) {
        if (!lock_by_trying())
            return;
        const bool is_there = log_ring_take(&writer.ring, &record);
        pthread_mutex_unlock(&writer.ring.lock);
        if (!is_there)
            return;
        if (record.lost > 0)
            report_lost(record.lost, until);
        if (record.length > 0 &&
            log_stderr_write_until(record.level, record.line, record.length, until))
            return;
    }
}

void log_thread_write_now(enum log_level level, const char *message, const struct log_field *fields,
                          size_t count)
{
    char line[LOG_LINE_SIZE];
    const size_t length = log_format(line, level, message, fields, count);

    (void)log_stderr_write_until(level, line, length, clock_now_ns() + SEIZE_MS * NS_PER_MS);
}
