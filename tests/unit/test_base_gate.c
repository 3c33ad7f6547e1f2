/* Gates: who is inside, who waits, and that nobody inside sees what is changed while it is closed.
 * Nothing here waits for time to pass; what must not happen shows as a wrong value, and to
 * ThreadSanitizer as a race. */
#include "base/clock.h"
#include "base/gate.h"
#include "runner.h"

#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>

#define FAR UINT64_MAX /* nanoseconds: longer than any test may take */

enum { THREADS = 4, CHANGES = 200 };

static struct gate gate;

static void set_up(void)
{
    ck_assert_int_eq(gate_init(&gate), 0);
}

static void tear_down(void)
{
    gate_finish(&gate);
}

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

START_TEST(counts_who_is_inside)
{
    ck_assert_uint_eq(gate_count(&gate), 0);
    gate_enter(&gate);
    ck_assert_uint_eq(gate_count(&gate), 1);
    gate_leave(&gate);
    ck_assert_uint_eq(gate_count(&gate), 0);
}
END_TEST

/* --- Many threads */

/* Changed only while the gate is closed, without a lock. */
static unsigned first, second;
static atomic_bool is_over;
static atomic_uint torn, seen;

static void *go_in_and_out(void *data)
{
    unsigned last = 0;

    (void)data;
    while (!atomic_load(&is_over)) {
        gate_enter(&gate);
        const unsigned one = first, other = second;
        gate_leave(&gate);
        if (one != other || one < last)
            atomic_fetch_add(&torn, 1);
        last = one;
        atomic_fetch_add(&seen, 1);
        sched_yield(); /* whoever changes it needs a processor, too */
    }
    return NULL;
}

START_TEST(nobody_inside_sees_a_change_half_done)
{
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        threads[i] = run(go_in_and_out, NULL);
    for (unsigned i = 0; i < CHANGES; i++) {
        const unsigned before = atomic_load(&seen);

        gate_close(&gate);
        ck_assert(gate_wait_empty(&gate, FAR));
        first++;
        second++;
        gate_open(&gate);
        while (atomic_load(&seen) == before)
            sched_yield(); /* so that every change has somebody to see it */
    }
    atomic_store(&is_over, true);
    for (size_t i = 0; i < THREADS; i++)
        join(threads[i]);
    ck_assert_uint_eq(atomic_load(&torn), 0);
    ck_assert_uint_eq(first, CHANGES);
    ck_assert_uint_eq(gate_count(&gate), 0);
}
END_TEST

/* --- Waiting */

static unsigned found;

static void *look(void *data)
{
    (void)data;
    gate_enter(&gate);
    found = first;
    gate_leave(&gate);
    return NULL;
}

START_TEST(who_comes_to_a_closed_gate_waits_until_it_opens)
{
    gate_close(&gate);
    pthread_t looks = run(look, NULL);
    ck_assert(gate_wait_empty(&gate, FAR));
    first = 17;
    gate_open(&gate);
    join(looks);
    ck_assert_uint_eq(found, 17);
}
END_TEST

static atomic_uint came;

static void *come(void *data)
{
    (void)data;
    atomic_fetch_add(&came, 1);
    gate_enter(&gate);
    gate_leave(&gate);
    return NULL;
}

START_TEST(all_who_wait_come_in)
{
    pthread_t comers[4];

    gate_close(&gate);
    for (size_t i = 0; i < 4; i++)
        comers[i] = run(come, NULL);
    while (atomic_load(&came) < 4) /* so that mostly all wait by now */
        sched_yield();
    gate_open(&gate);
    for (size_t i = 0; i < 4; i++)
        join(comers[i]);
    ck_assert_uint_eq(gate_count(&gate), 0);
}
END_TEST

static sem_t is_inside, may_leave;

static void *stay(void *data)
{
    (void)data;
    gate_enter(&gate);
    sem_post(&is_inside);
    while (sem_wait(&may_leave))
        continue;
    first = 5;
    gate_leave(&gate);
    return NULL;
}

static void *close_and_wait(void *data)
{
    gate_close(&gate);
    sem_post(data);
    return gate_wait_empty(&gate, FAR) ? &gate : NULL;
}

START_TEST(the_last_to_leave_wakes_who_waits)
{
    sem_t is_closed;
    void *result;

    ck_assert_int_eq(sem_init(&is_inside, 0, 0), 0);
    ck_assert_int_eq(sem_init(&may_leave, 0, 0), 0);
    ck_assert_int_eq(sem_init(&is_closed, 0, 0), 0);
    pthread_t stays = run(stay, NULL);
    ck_assert_int_eq(sem_wait(&is_inside), 0);
    pthread_t closes = run(close_and_wait, &is_closed);
    ck_assert_int_eq(sem_wait(&is_closed), 0);
    sem_post(&may_leave);
    join(stays);
    ck_assert_int_eq(pthread_join(closes, &result), 0);
    ck_assert_ptr_eq(result, &gate);
    ck_assert_uint_eq(first, 5);
    gate_open(&gate);
}
END_TEST

START_TEST(a_wait_that_times_out_leaves_the_gate_usable)
{
    gate_enter(&gate);
    gate_close(&gate);
    pthread_t waits = run(look, NULL); /* before or after the wait is over */
    ck_assert(!gate_wait_empty(&gate, clock_now_ns()));
    ck_assert_uint_ge(gate_count(&gate), 1);
    gate_open(&gate);
    join(waits);

    gate_leave(&gate);
    ck_assert_uint_eq(gate_count(&gate), 0);
    gate_close(&gate);
    ck_assert(gate_wait_empty(&gate, 0)); /* there is nothing to wait for */
    gate_open(&gate);
    gate_enter(&gate);
    gate_leave(&gate);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/gate");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, counts_who_is_inside);
    tcase_add_test(cases, nobody_inside_sees_a_change_half_done);
    tcase_add_test(cases, who_comes_to_a_closed_gate_waits_until_it_opens);
    tcase_add_test(cases, all_who_wait_come_in);
    tcase_add_test(cases, the_last_to_leave_wakes_who_waits);
    tcase_add_test(cases, a_wait_that_times_out_leaves_the_gate_usable);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
