/* Percentiles: how exact they are, and that those of several threads add up. */
#include "client/percentiles.h"
#include "runner.h"

#include <stdlib.h>

static struct percentiles one, other;

START_TEST(small_times_are_exact)
{
    percentiles_clear(&one);
    for (uint64_t value = 0; value < 200; value++)
        percentiles_add(&one, value);
    ck_assert_uint_eq(percentiles_at(&one, 0), 0);
    ck_assert_uint_eq(percentiles_at(&one, 0.5), 100);
    ck_assert_uint_eq(percentiles_at(&one, 0.99), 198);
    ck_assert_uint_eq(one.largest, 199);
}
END_TEST

/* Less than 0.4 % below, and never above. */
START_TEST(no_time_is_off_by_much)
{
    for (uint64_t value = 1; value < UINT64_MAX / 3; value = value * 3 + 1) {
        percentiles_clear(&one);
        percentiles_add(&one, value);
        const uint64_t found = percentiles_at(&one, 0.5);
        ck_assert_uint_le(found, value);
        ck_assert_uint_le(value - found, value / 256);
        ck_assert_uint_eq(one.largest, value);
    }
}
END_TEST

START_TEST(the_slowest_are_found)
{
    percentiles_clear(&one);
    for (int i = 0; i < 9990; i++)
        percentiles_add(&one, 100);
    for (int i = 0; i < 10; i++)
        percentiles_add(&one, 255);
    ck_assert_uint_eq(percentiles_at(&one, 0.9), 100);
    ck_assert_uint_eq(percentiles_at(&one, 0.99), 100);
    ck_assert_uint_eq(percentiles_at(&one, 0.999), 255);
}
END_TEST

START_TEST(those_of_threads_add_up)
{
    percentiles_clear(&one);
    percentiles_clear(&other);
    percentiles_add(&one, 10);
    percentiles_add(&other, 30);
    percentiles_add(&other, 20);
    percentiles_merge(&one, &other);
    ck_assert_uint_eq(one.count, 3);
    ck_assert_uint_eq(one.largest, 30);
    ck_assert_uint_eq(percentiles_at(&one, 0.5), 20);
}
END_TEST

START_TEST(none_is_nothing)
{
    percentiles_clear(&one);
    ck_assert_uint_eq(percentiles_at(&one, 0.99), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench_percentiles");
    TCase *cases = tcase_create("bench_percentiles");
    tcase_add_test(cases, small_times_are_exact);
    tcase_add_test(cases, no_time_is_off_by_much);
    tcase_add_test(cases, the_slowest_are_found);
    tcase_add_test(cases, those_of_threads_add_up);
    tcase_add_test(cases, none_is_nothing);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
