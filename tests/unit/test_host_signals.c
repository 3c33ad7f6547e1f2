/* Which signals end the host, and which of them only repeat another. */
#include "base/clock.h"
#include "host/signals.h"
#include "runner.h"

#include <signal.h>
#include <stdlib.h>

static const uint64_t first_ns = 5000 * (uint64_t)NS_PER_MS;

static unsigned ends_after(int first, int second, uint64_t ms)
{
    struct signal_ends ends = {0};
    ck_assert_uint_eq(signal_ends_count(&ends, first, first_ns), 1);
    return signal_ends_count(&ends, second, first_ns + ms * NS_PER_MS);
}

/* `timeout` of coreutils sends its signal to its child, then to its own group. */
START_TEST(the_same_signal_at_once_is_one)
{
    ck_assert_uint_eq(ends_after(SIGTERM, SIGTERM, 0), 0);
    ck_assert_uint_eq(ends_after(SIGINT, SIGINT, 99), 0);
}
END_TEST

START_TEST(the_same_signal_later_is_a_second_one)
{
    ck_assert_uint_eq(ends_after(SIGTERM, SIGTERM, 100), 2);
    ck_assert_uint_eq(ends_after(SIGINT, SIGINT, 60000), 2);
}
END_TEST

START_TEST(another_signal_at_once_is_a_second_one)
{
    ck_assert_uint_eq(ends_after(SIGTERM, SIGINT, 0), 2);
}
END_TEST

/* Who keeps a key pressed ends the host at last. */
START_TEST(the_time_begins_with_the_first)
{
    struct signal_ends ends = {0};
    ck_assert_uint_eq(signal_ends_count(&ends, SIGINT, first_ns), 1);
    for (uint64_t ms = 30; ms <= 90; ms += 30)
        ck_assert_uint_eq(signal_ends_count(&ends, SIGINT, first_ns + ms * NS_PER_MS), 0);
    ck_assert_uint_eq(signal_ends_count(&ends, SIGINT, first_ns + 120 * (uint64_t)NS_PER_MS), 2);
    ck_assert_uint_eq(signal_ends_count(&ends, SIGINT, first_ns + 130 * (uint64_t)NS_PER_MS), 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host/signals");
    TCase *cases = tcase_create("all");
    tcase_add_test(cases, the_same_signal_at_once_is_one);
    tcase_add_test(cases, the_same_signal_later_is_a_second_one);
    tcase_add_test(cases, another_signal_at_once_is_a_second_one);
    tcase_add_test(cases, the_time_begins_with_the_first);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
