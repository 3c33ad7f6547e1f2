/* Locks: one thread at a time has one, and who waits gets it. Nothing here waits for time to pass:
 * that somebody waits is seen by the lock's state, a wake-up that is lost shows as a test that
 * hangs until its time is over, and two threads inside as a wrong sum, and to ThreadSanitizer as a
 * race. */
#include "base/lock.h"
#include "runner.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>

enum { THREADS = 8, ROUNDS = 20000 };

static struct lock lock;
static uint64_t sum, other_sum; /* guarded by the lock, and never changed one without the other */

static pthread_t run(void *(*call)(void *data), void *data)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, call, data), 0);
    return thread;
}

static void join(pthread_t thread)
{
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

static void wait_until_somebody_waits(void)
{
    while (atomic_load(&lock.state) != LOCK_AWAITED)
        sched_yield();
}

START_TEST(who_tries_gets_what_nobody_has)
{
    ck_assert(lock_try(&lock));
    ck_assert(!lock_try(&lock));
    lock_give(&lock);
    lock_take(&lock);
    ck_assert(!lock_try(&lock));
    lock_give(&lock);
    ck_assert(lock_try(&lock));
    lock_give(&lock);
    ck_assert_uint_eq(atomic_load(&lock.state), LOCK_FREE);
}
END_TEST

static void *count(void *torn)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 3 == 0) {
            while (!lock_try(&lock))
                sched_yield();
        } else {
            lock_take(&lock);
        }
        if (sum != other_sum)
            *(bool *)torn = true;
        sum++;
        if (i % 64 == 0)
            sched_yield(); /* so that others come while it is held, also on one processor */
        other_sum++;
        lock_give(&lock);
    }
    return NULL;
}

START_TEST(one_thread_at_a_time_has_it)
{
    pthread_t threads[THREADS];
    bool torn[THREADS] = {false};
    for (int i = 0; i < THREADS; i++)
        threads[i] = run(count, &torn[i]);
    for (int i = 0; i < THREADS; i++) {
        join(threads[i]);
        ck_assert(!torn[i]);
    }
    ck_assert_uint_eq(sum, (uint64_t)THREADS * ROUNDS);
    ck_assert_uint_eq(other_sum, sum);
    ck_assert_uint_eq(atomic_load(&lock.state), LOCK_FREE);
}
END_TEST

static void *take_once(void *error)
{
    errno = ENOENT;
    lock_take(&lock);
    sum++;
    lock_give(&lock);
    *(int *)error = errno;
    return NULL;
}

START_TEST(who_waits_gets_it_and_keeps_errno)
{
    int error = 0;
    sum = 0;
    lock_take(&lock);
    pthread_t thread = run(take_once, &error);
    wait_until_somebody_waits();
    ck_assert_uint_eq(sum, 0);
    lock_give(&lock);
    join(thread);
    ck_assert_uint_eq(sum, 1);
    ck_assert_int_eq(error, ENOENT);
}
END_TEST

/* One wake-up is given by the test, each further one by the thread before. */
START_TEST(all_who_wait_get_it)
{
    for (int round = 0; round < 200; round++) {
        pthread_t threads[THREADS];
        int errors[THREADS];
        sum = 0;
        lock_take(&lock);
        for (int i = 0; i < THREADS; i++)
            threads[i] = run(take_once, &errors[i]);
        wait_until_somebody_waits();
        lock_give(&lock);
        for (int i = 0; i < THREADS; i++)
            join(threads[i]);
        ck_assert_uint_eq(sum, THREADS);
        ck_assert_uint_eq(atomic_load(&lock.state), LOCK_FREE);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/lock");
    TCase *cases = tcase_create("all");
    tcase_add_test(cases, who_tries_gets_what_nobody_has);
    tcase_add_test(cases, one_thread_at_a_time_has_it);
    tcase_add_test(cases, who_waits_gets_it_and_keeps_errno);
    tcase_add_test(cases, all_who_wait_get_it);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
