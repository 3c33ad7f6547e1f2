/* A loop is woken from other threads: once for what comes together, never too seldom, and without
 * waiting for who woke it. A wake that is lost shows as a test that hangs until its time is over.
 */
#include "net/loop_wake.h"

#include "base/lock.h"
#include "net/loop.h"
#include "no_memory.h"
#include "runner.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 10000, DESCRIPTORS = 200 };

static uv_loop_t loop;
static struct loop_wake wake;
static unsigned woken_count;

/* The test is linked with -Wl,--wrap=eventfd_write. */
int __real_eventfd_write(int fd, eventfd_t value);
int __wrap_eventfd_write(int fd, eventfd_t value);

static sem_t goes_on; /* who has woken the loop is held in the call until this is posted */
static bool is_held;
static atomic_uint write_count;

int __wrap_eventfd_write(int fd, eventfd_t value)
{
    const int result = __real_eventfd_write(fd, value);
    atomic_fetch_add(&write_count, 1);
    if (is_held)
        sem_wait(&goes_on);
    return result;
}

static void on_woken(void *data)
{
    woken_count++;
    if (data)
        loop_wake_close(data);
}

static void begin(void (*woken)(void *data), void *data)
{
    ck_assert_int_eq(loop_init(&loop), 0);
    ck_assert_int_eq(loop_wake_init(&loop, &wake, woken, data), 0);
}

static void end(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    loop_wake_finish(&wake);
}

START_TEST(what_comes_together_wakes_once)
{
    begin(on_woken, NULL);
    for (int i = 0; i < 3; i++)
        loop_wake_send(&wake);
    uv_run(&loop, UV_RUN_ONCE);
    ck_assert_uint_eq(woken_count, 1);
    ck_assert_uint_eq(atomic_load(&write_count), 1);

    uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_uint_eq(woken_count, 1);

    loop_wake_send(&wake);
    uv_run(&loop, UV_RUN_ONCE);
    ck_assert_uint_eq(woken_count, 2);
    loop_wake_close(&wake);
    end();
}
END_TEST

static void wake_again_once(void *data)
{
    (void)data;
    if (++woken_count == 1)
        loop_wake_send(&wake);
    else
        loop_wake_close(&wake);
}

START_TEST(who_is_woken_may_wake_itself)
{
    begin(wake_again_once, NULL);
    loop_wake_send(&wake);
    end();
    ck_assert_uint_eq(woken_count, 2);
}
END_TEST

START_TEST(once_it_is_closed_nothing_comes)
{
    begin(on_woken, NULL);
    loop_wake_send(&wake);
    loop_wake_close(&wake);
    loop_wake_send(&wake);
    uv_run(&loop, UV_RUN_DEFAULT);
    loop_wake_send(&wake);
    end();
    ck_assert_uint_eq(woken_count, 0);
}
END_TEST

static void *send_once(void *data)
{
    loop_wake_send(data);
    return NULL;
}

START_TEST(who_is_woken_waits_for_nobody)
{
    pthread_t thread;
    ck_assert_int_eq(sem_init(&goes_on, 0, 0), 0);
    is_held = true;
    begin(on_woken, &wake);
    ck_assert_int_eq(pthread_create(&thread, NULL, send_once, &wake), 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_uint_eq(woken_count, 1);
    sem_post(&goes_on);
    pthread_join(thread, NULL);
    end();
    sem_destroy(&goes_on);
}
END_TEST

/* As publishes are put in, and taken by a turn: what is put in while the loop is about to block
 * wakes it. */
static struct lock lock;
static uint64_t waiting, taken;

static void *put_in(void *data)
{
    const unsigned pace = *(const unsigned *)data;
    for (unsigned i = 0; i < ROUNDS; i++) {
        lock_take(&lock);
        waiting++;
        lock_give(&lock);
        loop_wake_send(&wake);
        if (pace > 0 && i % pace == 0)
            sched_yield(); /* so that the loop comes to where it blocks */
    }
    return NULL;
}

static void take_all(void *data)
{
    (void)data;
    lock_take(&lock);
    taken += waiting;
    waiting = 0;
    lock_give(&lock);
    if (taken == (uint64_t)THREADS * ROUNDS)
        loop_wake_close(&wake);
}

START_TEST(nothing_is_left_lying)
{
    static const unsigned paces[THREADS] = {0, 1, 7, 64};
    pthread_t threads[THREADS];
    begin(take_all, NULL);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, put_in, (void *)&paces[i]), 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    end();
    ck_assert_uint_eq(taken, (uint64_t)THREADS * ROUNDS);
}
END_TEST

/* Without a lock, what was done before is seen by the order of the wakes alone. */
static uint64_t said, heard;
static sem_t is_heard;

static void *say(void *data)
{
    (void)data;
    for (unsigned i = 0; i < ROUNDS; i++) {
        said++;
        loop_wake_send(&wake);
        sem_wait(&is_heard);
    }
    return NULL;
}

static void hear(void *data)
{
    (void)data;
    heard += said == heard + 1 ? 1 : 0;
    const bool is_last = heard == ROUNDS;
    sem_post(&is_heard);
    if (is_last)
        loop_wake_close(&wake);
}

START_TEST(what_was_done_before_is_seen)
{
    pthread_t thread;
    ck_assert_int_eq(sem_init(&is_heard, 0, 0), 0);
    begin(hear, NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, say, NULL), 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    pthread_join(thread, NULL);
    end();
    ck_assert_uint_eq(heard, ROUNDS);
    sem_destroy(&is_heard);
}
END_TEST

/* @return The descriptor that is given out next. */
static int next_descriptor(void)
{
    const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(fd);
    return fd;
}

/* With so many descriptors the loop's table has no place for one more. */
START_TEST(without_memory_it_is_refused)
{
    int held[DESCRIPTORS], error = UV_ENOMEM;
    unsigned count = 0;
    const int first = next_descriptor();
    ck_assert_int_eq(loop_init(&loop), 0);
    for (int i = 0; i < DESCRIPTORS; i++)
        held[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int next = next_descriptor();
    for (; error && count < 20; count++) {
        WITH_ALLOCATIONS(count, error = loop_wake_init(&loop, &wake, on_woken, &wake));
        if (error) {
            ck_assert_int_eq(error, UV_ENOMEM);
            ck_assert_int_eq(next_descriptor(), next);
        }
    }
    ck_assert_int_eq(error, 0);
    ck_assert_uint_ge(count, 3);

    loop_wake_send(&wake);
    end();
    ck_assert_uint_eq(woken_count, 1);
    ck_assert_int_eq(next_descriptor(), first);
    for (int i = 0; i < DESCRIPTORS; i++)
        close(held[i]);
}
END_TEST

int main(void)
{
    if (!no_memory_works())
        return NO_MEMORY_SKIPPED;
    loop_guard_memory();
    Suite *suite = suite_create("net_loop_wake");
    TCase *tests = tcase_create("wake");
    tcase_add_test(tests, what_comes_together_wakes_once);
    tcase_add_test(tests, who_is_woken_may_wake_itself);
    tcase_add_test(tests, once_it_is_closed_nothing_comes);
    tcase_add_test(tests, who_is_woken_waits_for_nobody);
    tcase_add_test(tests, nothing_is_left_lying);
    tcase_add_test(tests, what_was_done_before_is_seen);
    tcase_add_test(tests, without_memory_it_is_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
