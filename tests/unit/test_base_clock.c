/* Tests of base/clock. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "runner.h"

static void check_format(int64_t wall_ms, const char *expected)
{
    char text[CLOCK_TEXT_SIZE];

    memset(text, 'x', sizeof text);
    clock_format(wall_ms, text);
    ck_assert_str_eq(text, expected);
}

START_TEST(formats_known_instants)
{
    check_format(0, "1970-01-01T00:00:00.000Z");
    check_format(INT64_C(951782399999), "2000-02-28T23:59:59.999Z");
    check_format(INT64_C(951782400000), "2000-02-29T00:00:00.000Z");
    check_format(INT64_C(1795472615123), "2026-11-23T22:23:35.123Z");
    check_format(INT64_C(253402300799007), "9999-12-31T23:59:59.007Z");
}
END_TEST

START_TEST(formats_instants_before_1970)
{
    check_format(-1, "1969-12-31T23:59:59.999Z");
    check_format(-1000, "1969-12-31T23:59:59.000Z");
    check_format(-1001, "1969-12-31T23:59:58.999Z");
}
END_TEST

START_TEST(formats_the_extremes_within_the_buffer)
{
    check_format(INT64_MAX, "292278994-08-17T07:12:55.807Z");
    check_format(INT64_MIN, "-292275055-05-16T16:47:04.192Z");
}
END_TEST

START_TEST(monotonic_time_does_not_go_back)
{
    uint64_t last = clock_now_ns();

    for (int i = 0; i < 1000; i++) {
        const uint64_t now = clock_now_ns();
        ck_assert_uint_ge(now, last);
        last = now;
    }
    ck_assert_uint_ge(clock_now_ms(), last / 1000000);
}
END_TEST

START_TEST(wall_time_is_after_this_was_written)
{
    ck_assert_int_gt(clock_wall_ms(), INT64_C(1700000000000));
}
END_TEST

START_TEST(seconds_and_milliseconds_are_of_one_clock)
{
    const int64_t before = clock_wall_ms();
    const int64_t now = clock_wall_s();
    ck_assert_int_ge(now, before / MS_PER_S);
    ck_assert_int_le(now, clock_wall_ms() / MS_PER_S);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/clock");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, formats_known_instants);
    tcase_add_test(cases, formats_instants_before_1970);
    tcase_add_test(cases, formats_the_extremes_within_the_buffer);
    tcase_add_test(cases, monotonic_time_does_not_go_back);
    tcase_add_test(cases, wall_time_is_after_this_was_written);
    tcase_add_test(cases, seconds_and_milliseconds_are_of_one_clock);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
