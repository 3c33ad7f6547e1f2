/* When the generator says that it was the limit itself. */
#include "command/limits.h"
#include "command/reasons.h"
#include "runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t judge(struct symptoms symptoms, struct own_cost cost)
{
    static struct limits limits;
    symptoms.threads = &cost;
    symptoms.thread_count = 1;
    limits_judge(&limits, &symptoms);
    return limits.count;
}

#define IDLE ((struct own_cost){.busy = 0.4, .waited = 0.02})

START_TEST(an_idle_generator_is_none)
{
    ck_assert_uint_eq(judge((struct symptoms){0}, IDLE), 0);
}
END_TEST

START_TEST(a_busy_one_is)
{
    ck_assert_uint_eq(judge((struct symptoms){0}, (struct own_cost){.busy = 0.95}), 1);
    ck_assert_uint_eq(judge((struct symptoms){0}, (struct own_cost){.busy = 0.4, .waited = 0.3}),
                      1);
    ck_assert_uint_eq(judge((struct symptoms){0}, (struct own_cost){.busy = 0.95, .waited = 0.3}),
                      2);
}
END_TEST

START_TEST(a_rate_must_be_reached)
{
    ck_assert_uint_eq(judge((struct symptoms){.rate = 1000, .sent_per_s = 999}, IDLE), 0);
    ck_assert_uint_eq(
        judge((struct symptoms){.rate = 1000, .sent_per_s = 600, .unsent = 400}, IDLE), 1);
    /* The server took no more: that is its own limit. */
    ck_assert_uint_eq(judge((struct symptoms){.rate = 1000, .sent_per_s = 600}, IDLE), 0);
}
END_TEST

START_TEST(lateness_must_not_be_the_latency)
{
    const struct symptoms late = {
        .rate = 1000, .sent_per_s = 1000, .late_p99_ns = 600000, .answer_p99_ns = 1000000};
    const struct symptoms prompt = {
        .rate = 1000, .sent_per_s = 1000, .late_p99_ns = 400000, .answer_p99_ns = 1000000};
    const struct symptoms waking = {
        .rate = 1000, .sent_per_s = 1000, .late_p99_ns = 40000, .answer_p99_ns = 60000};
    ck_assert_uint_eq(judge(late, IDLE), 1);
    ck_assert_uint_eq(judge(prompt, IDLE), 0);
    ck_assert_uint_eq(judge(waking, IDLE), 0);
}
END_TEST

START_TEST(reasons_are_printable_and_bounded)
{
    static struct reasons reasons, others;
    char text[16] = "a\x1b[31m\n";
    reasons_add(&reasons, text, 1);
    reasons_add(&reasons, text, 2);
    ck_assert_str_eq(reasons.entries[0].text, "a?[31m?");
    ck_assert_uint_eq(reasons.entries[0].count, 3);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        reasons_add(&others, text, 1);
    }
    ck_assert_uint_eq(others.used, REASONS_MAX);
    reasons_merge(&reasons, &others);
    ck_assert_uint_eq(reasons_total(&reasons), 103);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench_limits");
    TCase *cases = tcase_create("bench_limits");
    tcase_add_test(cases, an_idle_generator_is_none);
    tcase_add_test(cases, a_busy_one_is);
    tcase_add_test(cases, a_rate_must_be_reached);
    tcase_add_test(cases, lateness_must_not_be_the_latency);
    tcase_add_test(cases, reasons_are_printable_and_bounded);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
