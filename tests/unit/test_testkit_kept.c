/* A service that answers later, driven by the test kit: what a fake host says of exchanges that are
 * kept is what a host says. */
#include "runner.h"
#include "toni_testkit.h"

#include <stdlib.h>

static toni_fake_host host;
static toni_fake_exchange exchange;

static void set_up(void)
{
    toni_fake_host_init(&host);
    toni_fake_host_load(&host, TEST_FIXTURES_DIR "/kept_service.so");
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
}

static void tear_down(void)
{
    toni_fake_host_stop(&host);
}

/* Sends a request, and expects these calls. */
static int32_t ask(const char *path, const char *calls)
{
    toni_fake_exchange_init(&exchange, &host, "GET", path);
    toni_fake_exchange_set_parameter(&exchange, "ms", "50");
    const int32_t result = toni_fake_exchange_run(&exchange);
    toni_fake_host_expect(&host, calls);
    return result;
}

static void pass(uint64_t ms, const char *calls)
{
    toni_fake_host_advance(&host, ms);
    toni_fake_host_expect(&host, calls);
}

START_TEST(a_task_answers)
{
    ck_assert_int_eq(ask("/kept/task", "header X-Before: 1\nkeep 1 0\nlog 1 kept\nafter 50\n"),
                     TONI_OK);
    ck_assert_uint_eq(exchange.status, 0);
    ck_assert_uint_eq(exchange.id, 1);
    pass(50, "header_kept 1 X-Late: 1\nanswer_kept 1 200 text/plain kept 1, field 0\n\n"
             "log 1 answered: TONI_OK, kept 0\n");
    ck_assert_uint_eq(exchange.status, 200);
    ck_assert_uint_eq(exchange.id, 0);
}
END_TEST

START_TEST(the_second_answer_is_an_error)
{
    ck_assert_int_eq(ask("/kept/twice", "header X-Before: 1\nkeep 1 0\nlog 1 kept\nafter 50\n"),
                     TONI_OK);
    pass(50, "header_kept 1 X-Late: 1\nanswer_kept 1 200 text/plain kept 1, field 0\n\n"
             "log 1 answered: TONI_OK, kept 0\n"
             "answer_kept 1 200 text/plain kept 1, field 0\n\n"
             "log 1 answered: TONI_ERR_NOT_FOUND, kept 0\n");
}
END_TEST

START_TEST(a_client_goes)
{
    ck_assert_int_eq(ask("/kept/task", "header X-Before: 1\nkeep 1 0\nlog 1 kept\nafter 50\n"),
                     TONI_OK);
    toni_fake_exchange_withdraw(&exchange);
    pass(50, "header_kept 1 X-Late: 1\nanswer_kept 1 200 text/plain kept 0, field -2\n\n"
             "log 1 answered: TONI_ERR_NOT_FOUND, kept 0\n");
    ck_assert_uint_eq(exchange.status, 0);
}
END_TEST

START_TEST(kept_once_and_answered_by_its_id)
{
    ck_assert_int_eq(ask("/kept/both", "header X-Before: 1\nkeep 1 0\nlog 1 kept\n"
                                       "answer 200 text/plain TONI_OK\nheader X-Now: 1\nkeep 2 0\n"
                                       "log 1 by the exchange: TONI_ERR_INVALID, field "
                                       "TONI_ERR_INVALID, again TONI_ERR_INVALID\n"),
                     TONI_OK);
    toni_fake_exchange_withdraw(&exchange);
    ck_assert_int_eq(ask("/kept/answered", "answer 200 text/plain TONI_OK\nkeep 2 0\n"
                                           "answer 200 text/plain TONI_ERR_INVALID\n"),
                     TONI_OK);
}
END_TEST

START_TEST(a_callback_that_fails_keeps_nothing)
{
    ck_assert_int_eq(ask("/kept/fail", "header X-Before: 1\nkeep 1 0\nlog 1 kept\n"),
                     TONI_ERR_FAILED);
    ck_assert_uint_eq(exchange.id, 0);
}
END_TEST

START_TEST(too_many_wait)
{
    host.result = TONI_ERR_LIMIT;
    host.result_of = "keep";
    ck_assert_int_eq(ask("/kept/task", "header X-Before: 1\nkeep 1 0\n"), TONI_ERR_LIMIT);
    ck_assert_uint_eq(exchange.id, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("testkit_kept");
    TCase *tests = tcase_create("kept");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_task_answers);
    tcase_add_test(tests, the_second_answer_is_an_error);
    tcase_add_test(tests, a_client_goes);
    tcase_add_test(tests, kept_once_and_answered_by_its_id);
    tcase_add_test(tests, a_callback_that_fails_keeps_nothing);
    tcase_add_test(tests, too_many_wait);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
