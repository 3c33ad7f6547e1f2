/* Rates of what clients send. */
#include "net/rate.h"
#include "runner.h"

#include <stdlib.h>

static struct rate rate;
static struct limits limits;

static void set_up(void)
{
    limits = limits_default();
    rate_init(&rate, 1000);
}

static bool takes(size_t size, uint64_t now_ms)
{
    return rate_take(&rate, &limits, size, now_ms) == NULL;
}

START_TEST(without_limits_all_is_taken)
{
    for (int i = 0; i < 1000; i++)
        ck_assert(takes(1000000000, 1000));
}
END_TEST

START_TEST(messages_come_at_once_up_to_the_burst_and_then_at_their_rate)
{
    limits.messages_per_second = 10;
    limits.message_burst = 3;
    for (int i = 0; i < 3; i++)
        ck_assert(takes(0, 1000));
    ck_assert_str_eq(rate_take(&rate, &limits, 0, 1000), "too many messages");
    ck_assert(!takes(0, 1090));
    ck_assert(takes(0, 1110));
    ck_assert(!takes(0, 1120));
}
END_TEST

START_TEST(without_a_burst_a_second_of_messages_comes_at_once)
{
    limits.messages_per_second = 5;
    for (int i = 0; i < 5; i++)
        ck_assert(takes(0, 1000));
    ck_assert(!takes(0, 1000));
}
END_TEST

START_TEST(bytes_come_at_their_rate)
{
    limits.bytes_per_second = 1000;
    for (int i = 0; i < 10; i++)
        ck_assert(takes(100, 1000));
    ck_assert_str_eq(rate_take(&rate, &limits, 1, 1000), "too many bytes");
    ck_assert(takes(100, 1101));
    for (int i = 0; i < 10; i++)
        ck_assert(takes(100, 10000)); /* no more than a second is saved up */
    ck_assert(!takes(100, 10000));
}
END_TEST

START_TEST(a_message_larger_than_the_rate_is_made_up_for)
{
    limits.bytes_per_second = 1000;
    ck_assert(takes(3000, 1000));
    ck_assert(!takes(1, 2900));
    ck_assert(takes(1, 3002));
}
END_TEST

START_TEST(a_limit_that_comes_later_begins_full)
{
    ck_assert(takes(1000000, 1000));
    limits.bytes_per_second = 10;
    limits.messages_per_second = 1;
    ck_assert(takes(10, 1000));
    ck_assert(!takes(10, 1000));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/rate");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, NULL);
    tcase_add_test(cases, without_limits_all_is_taken);
    tcase_add_test(cases, messages_come_at_once_up_to_the_burst_and_then_at_their_rate);
    tcase_add_test(cases, without_a_burst_a_second_of_messages_comes_at_once);
    tcase_add_test(cases, bytes_come_at_their_rate);
    tcase_add_test(cases, a_message_larger_than_the_rate_is_made_up_for);
    tcase_add_test(cases, a_limit_that_comes_later_begins_full);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
