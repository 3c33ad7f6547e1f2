/* Tests of base/log_limit, by a clock that the test moves. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log_limit.h"
#include "runner.h"

#define START_NS UINT64_C(5000000000000)

/* @return How many of @p lines are admitted at one time. */
static unsigned ask(struct log_limit *limit, uint64_t now_ns, unsigned lines)
{
    uint64_t suppressed;
    unsigned admitted = 0;

    for (unsigned i = 0; i < lines; i++)
        admitted += log_limit_admits(limit, now_ns, &suppressed);
    return admitted;
}

START_TEST(a_burst_and_then_one_in_an_interval)
{
    struct log_limit limit = {0};

    ck_assert_uint_eq(ask(&limit, START_NS, 1000), LOG_LIMIT_BURST);
    for (unsigned i = 1; i < 50; i++) {
        ck_assert_uint_eq(ask(&limit, START_NS + i * LOG_LIMIT_INTERVAL_NS - 1, 100), 0);
        ck_assert_uint_eq(ask(&limit, START_NS + i * LOG_LIMIT_INTERVAL_NS, 100), 1);
    }
}
END_TEST

START_TEST(the_next_line_tells_how_many_were_left_out)
{
    struct log_limit limit = {0};
    uint64_t suppressed = 77;

    ck_assert_uint_eq(ask(&limit, START_NS, LOG_LIMIT_BURST + 52), LOG_LIMIT_BURST);
    ck_assert(log_limit_admits(&limit, START_NS + LOG_LIMIT_INTERVAL_NS, &suppressed));
    ck_assert_uint_eq(suppressed, 52);
    ck_assert(log_limit_admits(&limit, START_NS + 2 * LOG_LIMIT_INTERVAL_NS, &suppressed));
    ck_assert_uint_eq(suppressed, 0);
}
END_TEST

START_TEST(a_silence_gives_no_more_than_one_burst_back)
{
    struct log_limit limit = {0};

    ck_assert_uint_eq(ask(&limit, START_NS, 100), LOG_LIMIT_BURST);
    ck_assert_uint_eq(ask(&limit, START_NS + 3 * LOG_LIMIT_INTERVAL_NS, 100), 3);
    ck_assert_uint_eq(ask(&limit, START_NS + 1000 * LOG_LIMIT_INTERVAL_NS, 100), LOG_LIMIT_BURST);
}
END_TEST

START_TEST(limits_do_not_know_of_each_other)
{
    struct log_limit one = {0}, other = {0};

    ck_assert_uint_eq(ask(&one, START_NS, 100), LOG_LIMIT_BURST);
    ck_assert_uint_eq(ask(&other, START_NS, 100), LOG_LIMIT_BURST);
}
END_TEST

enum { THREADS = 4, ASKED = 20000 };

struct crowd {
    struct log_limit limit;
    atomic_uint_fast64_t admitted, told;
};

static void *ask_many(void *data)
{
    struct crowd *crowd = data;

    for (unsigned i = 0; i < ASKED; i++) {
        uint64_t suppressed;

        if (log_limit_admits(&crowd->limit, START_NS + i * LOG_LIMIT_INTERVAL_NS / 1000,
                             &suppressed)) {
            atomic_fetch_add(&crowd->admitted, 1);
            atomic_fetch_add(&crowd->told, suppressed);
        }
    }
    return NULL;
}

START_TEST(no_line_is_lost_from_the_count_among_threads)
{
    static struct crowd crowd;
    pthread_t threads[THREADS];
    uint64_t rest;

    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_many, &crowd), 0);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    /* 20 intervals have passed. */
    ck_assert_uint_le(crowd.admitted, LOG_LIMIT_BURST + 20);
    ck_assert_uint_ge(crowd.admitted, LOG_LIMIT_BURST + 19);
    ck_assert(log_limit_admits(&crowd.limit, START_NS + 100 * LOG_LIMIT_INTERVAL_NS, &rest));
    ck_assert_uint_eq(crowd.admitted + crowd.told + rest, THREADS * ASKED);
}
END_TEST

/* --- The macros */

struct capture {
    char last[LOG_LINE_SIZE + 1];
    unsigned count;
};

static struct capture captured;

static void capture_line(void *data, enum log_level level, const char *line, size_t length)
{
    (void)data, (void)level;
    memcpy(captured.last, line, length);
    captured.last[length] = '\0';
    captured.count++;
}

static void set_up(void)
{
    captured = (struct capture){.count = 0};
    log_set_level(LOG_LEVEL_INFO);
    log_set_sink(capture_line, NULL);
}

static void tear_down(void)
{
    log_set_sink(NULL, NULL);
}

START_TEST(lines_of_one_place_are_limited_and_counted)
{
    const uint64_t before = log_limit_suppressed();
    const char *message = NULL;
    unsigned evaluated = 0;

    (void)log_limit_take_unreported(&message);
    for (unsigned i = 0; i < 100; i++)
        log_limited(LOG_LEVEL_WARN, "flooded", log_uint("i", ++evaluated));
    /* A machine that is busy may need seconds for the loop, and admit a line for each. */
    ck_assert_uint_ge(captured.count, LOG_LIMIT_BURST);
    ck_assert_uint_lt(captured.count, 100);
    ck_assert_uint_eq(evaluated, captured.count);
    ck_assert_uint_eq(log_limit_suppressed() - before, 100 - captured.count);
    ck_assert_uint_gt(log_limit_take_unreported(&message), 0);
    ck_assert_str_eq(message, "flooded");
    ck_assert_uint_eq(log_limit_take_unreported(&message), 0);
}
END_TEST

START_TEST(the_count_is_the_last_field_and_only_where_there_is_one)
{
    struct log_limit limit = {.suppressed = 52};

    log_limited_by(&limit, LOG_LEVEL_WARN, "flooded", log_str("a", "b"));
    ck_assert_ptr_nonnull(strstr(captured.last, " level=warn msg=\"flooded\" a=b suppressed=52\n"));
    log_limited_by(&limit, LOG_LEVEL_WARN, "flooded", log_str("a", "b"));
    ck_assert_ptr_nonnull(strstr(captured.last, " level=warn msg=\"flooded\" a=b\n"));
    log_limited_by(&limit, LOG_LEVEL_WARN, "flooded");
    ck_assert_ptr_nonnull(strstr(captured.last, " level=warn msg=\"flooded\"\n"));
}
END_TEST

START_TEST(lines_below_the_threshold_use_nothing_up)
{
    struct log_limit limit = {0};

    for (unsigned i = 0; i < 100; i++)
        log_limited_by(&limit, LOG_LEVEL_DEBUG, "x");
    ck_assert_uint_eq(limit.due_ns, 0);
    ck_assert_uint_eq(captured.count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/log_limit");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, a_burst_and_then_one_in_an_interval);
    tcase_add_test(cases, the_next_line_tells_how_many_were_left_out);
    tcase_add_test(cases, a_silence_gives_no_more_than_one_burst_back);
    tcase_add_test(cases, limits_do_not_know_of_each_other);
    tcase_add_test(cases, no_line_is_lost_from_the_count_among_threads);
    tcase_add_test(cases, lines_of_one_place_are_limited_and_counted);
    tcase_add_test(cases, the_count_is_the_last_field_and_only_where_there_is_one);
    tcase_add_test(cases, lines_below_the_threshold_use_nothing_up);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
