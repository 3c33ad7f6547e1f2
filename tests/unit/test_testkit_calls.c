/* What the fake host does with the newer calls of the contract: failures that are judged,
 * streams, watches, figures. The plugins are the fixtures that the integration tests run in a host.
 */
#include "runner.h"
#include "toni_testkit.h"

#include <stdlib.h>
#include <string.h>

static toni_fake_host host;
static toni_fake_client client;

static void begin(const char *fixture)
{
    toni_fake_host_init(&host);
    toni_fake_host_load(&host, fixture);
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_client_init(&client, &host, 7);
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_OK);
    toni_fake_host_clear(&host);
}

static void end(void)
{
    toni_fake_client_disconnect(&client, TONI_CLOSED_BY_CLIENT);
    toni_fake_host_stop(&host);
}

/* --- Failures */

START_TEST(on_error_decides)
{
    begin(TEST_FIXTURES_DIR "/judging_gateway.so");
    ck_assert_int_eq(toni_fake_client_send_text(&client, "-12 0"), TONI_ERR_FAILED);
    toni_fake_host_expect(&host, "send 7 text:where=1 error=TONI_ERR_FAILED\n");
    ck_assert_uint_eq(client.closed_with, 0);
    ck_assert_int_eq(toni_fake_client_send_text(&client, "0 4000"), TONI_OK);
    ck_assert_uint_eq(client.closed_with, 0);
    ck_assert_int_eq(toni_fake_client_send_text(&client, "-1 4000"), TONI_ERR_INVALID);
    ck_assert_uint_eq(client.closed_with, 4000);
    ck_assert_int_eq(toni_client_send_text(toni_fake_client_handle(&client), TONI_LIT("x")),
                     TONI_ERR_CLOSING);
    end();
}
END_TEST

START_TEST(what_is_no_code_is_1011)
{
    begin(TEST_FIXTURES_DIR "/judging_gateway.so");
    ck_assert_int_eq(toni_fake_client_send_text(&client, "-1 1006"), TONI_ERR_INVALID);
    ck_assert_uint_eq(client.closed_with, 1011);
    end();
}
END_TEST

START_TEST(without_on_error_a_refused_call_costs_nothing)
{
    begin(TEST_FIXTURES_DIR "/probe_gateway.so");
    ck_assert_int_eq(toni_fake_client_send_text(&client, "handon:\t"), TONI_ERR_INVALID);
    ck_assert_uint_eq(client.closed_with, 0);
    ck_assert_int_eq(toni_fake_client_send_text(&client, "fail"), TONI_ERR_FAILED);
    ck_assert_uint_eq(client.closed_with, 1011);
    end();
}
END_TEST

/* --- Who streams */

START_TEST(a_stream_goes_on_when_the_test_says_so)
{
    begin(TEST_FIXTURES_DIR "/streaming_gateway.so");
    host.result = TONI_ERR_FULL;
    ck_assert_int_eq(toni_fake_client_send_text(&client, "stream 2"), TONI_ERR_FULL);
    ck_assert_uint_eq(client.closed_with, 0);
    toni_fake_host_clear(&host);
    ck_assert_int_eq(toni_fake_client_drained(&client), TONI_ERR_FULL);
    ck_assert_int_eq(strncmp(host.calls, "send_to 7 text:0:", 17), 0);
    host.result = TONI_OK;
    toni_fake_host_clear(&host);
    ck_assert_int_eq(toni_fake_client_drained(&client), TONI_OK);
    ck_assert_ptr_nonnull(strstr(host.calls, "send_to 7 text:1:"));
    end();
}
END_TEST

/* --- Watches */

START_TEST(a_watch_is_fired_by_hand)
{
    begin(TEST_FIXTURES_DIR "/watching_gateway.so");
    const int64_t watch = host.last_task;
    ck_assert_int_eq(toni_fake_client_send_text(&client, "say hello"), TONI_OK);
    toni_fake_host_expect(&host, "");
    toni_fake_host_fire(&host, watch, TONI_READABLE);
    toni_fake_host_expect(&host, "send_to 7 text:heard hello\n");
    ck_assert_int_eq(toni_fake_client_send_text(&client, "file"), TONI_OK);
    ck_assert_ptr_nonnull(strstr(host.calls, "send 7 text:TONI_ERR_INVALID\n"));
    toni_fake_host_clear(&host);
    ck_assert_int_eq(toni_fake_client_send_text(&client, "end"), TONI_OK);
    toni_fake_host_clear(&host);
    toni_fake_host_fire(&host, watch, TONI_READABLE);
    toni_fake_host_advance(&host, 0);
    ck_assert_ptr_nonnull(strstr(host.calls, "unwatch "));
    ck_assert_ptr_nonnull(strstr(host.calls, "send_to 7 text:released \n"));
    ck_assert_uint_eq(toni_fake_host_task_count(&host), 0);
    end();
}
END_TEST

START_TEST(a_stop_releases_watches)
{
    begin(TEST_FIXTURES_DIR "/watching_gateway.so");
    ck_assert_int_eq(toni_fake_client_send_text(&client, "again"), TONI_OK);
    ck_assert_uint_eq(toni_fake_host_task_count(&host), 2);
    end();
    ck_assert_uint_eq(toni_fake_host_task_count(&host), 0);
}
END_TEST

/* --- Figures */

START_TEST(figures_can_be_read)
{
    begin(TEST_FIXTURES_DIR "/counting_gateway.so");
    ck_assert_int_ge(toni_fake_client_send_text(&client, "size -2.5"), TONI_OK);
    ck_assert_int_ge(toni_fake_client_send_text(&client, "took 0.25"), TONI_OK);
    ck_assert_int_ge(toni_fake_client_send_text(&client, "took 0.5"), TONI_OK);
    ck_assert_double_eq(toni_fake_host_figure(&host, "counting_messages_total"), 3);
    ck_assert_double_eq(toni_fake_host_figure(&host, "counting_size"), -2.5);
    ck_assert_double_eq(toni_fake_host_figure(&host, "counting_took_seconds"), 0.75);
    ck_assert_uint_eq(toni_fake_host_observed(&host, "counting_took_seconds"), 2);
    end();
}
END_TEST

START_TEST(a_plugin_may_get_no_figures)
{
    toni_fake_host_init(&host);
    toni_fake_host_load(&host, TEST_FIXTURES_DIR "/counting_gateway.so");
    host.result = TONI_ERR_NO_MEMORY;
    host.result_of = "figure";
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_client_init(&client, &host, 7);
    ck_assert_int_ge(toni_fake_client_send_text(&client, "size 1"), TONI_OK);
    toni_fake_host_stop(&host);
}
END_TEST

/* --- All members, pages and gateways */

static void check_answer(const char *text, const char *answer)
{
    toni_fake_host_clear(&host);
    ck_assert_int_ge(toni_fake_client_send_text(&client, text), TONI_OK);
    ck_assert_msg(strstr(host.calls, answer) != NULL, "`%s` lacks `%s`", host.calls, answer);
}

START_TEST(members_pages_and_gateways)
{
    begin(TEST_FIXTURES_DIR "/probe_gateway.so");
    toni_fake_host_know(&host, 8);
    toni_fake_host_know(&host, 9);
    check_answer("join:r", "send 7 text:ok\n");
    ck_assert_int_eq(toni_join_room(toni_fake_host_connections(&host), 8, TONI_LIT("r")), TONI_OK);
    check_answer("pages::", "send 7 text:clients=3 rooms=1\n");
    check_answer("pages:fake:r", "send 7 text:clients=2 rooms=1\n");
    check_answer("pages:other:", "send 7 text:clients=0 rooms=1\n");
    check_answer("alljoin:r:s", "join 8 s\nsend 7 text:joined=2\n");
    check_answer("alljoin:r:\t", "send 7 text:joined=-1\n");
    check_answer("allleave:r", "leave 8 r\nsend 7 text:left=2\n");
    check_answer("gateway:fake:x", "to_gateway fake\ntarget_send text:x\n");
    check_answer("gateway::x", "send 7 text:TONI_ERR_INVALID\n");
    check_answer("allclose:s", "close_client 8 4000 over\n");
    ck_assert_int_eq(toni_client_send_text(toni_fake_client_handle(&client), TONI_LIT("x")),
                     TONI_ERR_CLOSING);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("testkit_calls");
    TCase *failures = tcase_create("failures");
    tcase_add_test(failures, on_error_decides);
    tcase_add_test(failures, what_is_no_code_is_1011);
    tcase_add_test(failures, without_on_error_a_refused_call_costs_nothing);
    suite_add_tcase(suite, failures);
    TCase *members = tcase_create("members");
    tcase_add_test(members, members_pages_and_gateways);
    suite_add_tcase(suite, members);
    TCase *watches = tcase_create("watches");
    tcase_add_test(watches, a_watch_is_fired_by_hand);
    tcase_add_test(watches, a_stop_releases_watches);
    suite_add_tcase(suite, watches);
    TCase *figures = tcase_create("figures");
    tcase_add_test(figures, figures_can_be_read);
    tcase_add_test(figures, a_plugin_may_get_no_figures);
    suite_add_tcase(suite, figures);
    TCase *streams = tcase_create("streams");
    tcase_add_test(streams, a_stream_goes_on_when_the_test_says_so);
    suite_add_tcase(suite, streams);

    return run_suite(suite);
}
