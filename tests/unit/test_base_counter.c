/* Stripes of counters: which thread has which. Threads wait for each other at barriers, so what a
 * test sees does not depend on who is faster. */
#include "base/counter.h"
#include "runner.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

enum { MOST = 2 * COUNTER_STRIPES };

/* A thread that asks for its stripe, and lives until it is let go. */
struct counting {
    pthread_t thread;
    pthread_barrier_t steps;
    unsigned stripe;
    bool kept;
};

static void *ask_twice(void *data)
{
    struct counting *counting = data;

    counting->stripe = counter_stripe();
    pthread_barrier_wait(&counting->steps);
    pthread_barrier_wait(&counting->steps); /* let go */
    counting->kept = counter_stripe() == counting->stripe;
    return NULL;
}

/* @return Once the thread has a stripe. */
static void begin(struct counting *counting)
{
    ck_assert_int_eq(pthread_barrier_init(&counting->steps, NULL, 2), 0);
    ck_assert_int_eq(pthread_create(&counting->thread, NULL, ask_twice, counting), 0);
    pthread_barrier_wait(&counting->steps);
}

static void end(struct counting *counting)
{
    pthread_barrier_wait(&counting->steps);
    ck_assert_int_eq(pthread_join(counting->thread, NULL), 0);
    pthread_barrier_destroy(&counting->steps);
    ck_assert(counting->kept);
}

static void begin_all(struct counting *all, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        begin(&all[i]);
}

static void end_all(struct counting *all, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        end(&all[i]);
}

/* How many of them have each stripe. */
static void require_each(const struct counting *all, unsigned count, unsigned expected)
{
    unsigned found[COUNTER_STRIPES] = {0};

    for (unsigned i = 0; i < count; i++) {
        ck_assert_uint_lt(all[i].stripe, COUNTER_STRIPES);
        found[all[i].stripe]++;
    }
    for (unsigned i = 0; i < COUNTER_STRIPES; i++)
        ck_assert_uint_eq(found[i], expected);
}

START_TEST(as_many_threads_as_stripes_have_one_each)
{
    struct counting all[COUNTER_STRIPES];

    begin_all(all, COUNTER_STRIPES);
    require_each(all, COUNTER_STRIPES, 1);
    end_all(all, COUNTER_STRIPES);
}
END_TEST

START_TEST(further_threads_are_shared_out_evenly)
{
    struct counting all[MOST];

    begin_all(all, MOST);
    require_each(all, MOST, 2);
    end_all(all, MOST);
}
END_TEST

START_TEST(who_comes_takes_the_place_of_who_has_ended)
{
    struct counting all[COUNTER_STRIPES];

    begin_all(all, COUNTER_STRIPES);
    for (unsigned i = 0; i < COUNTER_STRIPES; i++) {
        const unsigned freed = all[i].stripe;
        end(&all[i]);
        begin(&all[i]);
        ck_assert_uint_eq(all[i].stripe, freed);
    }
    require_each(all, COUNTER_STRIPES, 1);
    end_all(all, COUNTER_STRIPES);
}
END_TEST

/* As a host does that makes a thread for each of many hooks. */
START_TEST(many_generations_of_threads_use_none_up)
{
    struct counting all[COUNTER_STRIPES];

    for (unsigned generation = 0; generation < 20; generation++) {
        begin_all(all, COUNTER_STRIPES);
        require_each(all, COUNTER_STRIPES, 1);
        end_all(all, COUNTER_STRIPES);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/counter");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, as_many_threads_as_stripes_have_one_each);
    tcase_add_test(cases, further_threads_are_shared_out_evenly);
    tcase_add_test(cases, who_comes_takes_the_place_of_who_has_ended);
    tcase_add_test(cases, many_generations_of_threads_use_none_up);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
