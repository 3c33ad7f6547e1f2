/* A service that streams, driven by the test kit, and what an event looks like on the wire. */
#include "runner.h"
#include "toni_testkit.h"

#include <stdlib.h>

static toni_fake_host host;
static toni_fake_exchange exchange;

static void set_up(void)
{
    toni_fake_host_init(&host);
    toni_fake_host_load(&host, TEST_FIXTURES_DIR "/stream_service.so");
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
}

static void tear_down(void)
{
    toni_fake_host_stop(&host);
}

#define KEPT "header Cache-Control: no-cache\nkeep 1 0\n"

static int32_t ask(const char *path, const char *parameter, const char *value)
{
    toni_fake_exchange_init(&exchange, &host, "GET", path);
    toni_fake_exchange_set_parameter(&exchange, parameter, value);
    return toni_fake_exchange_run(&exchange);
}

START_TEST(events_until_the_end)
{
    toni_fake_exchange_init(&exchange, &host, "GET", "/stream/events");
    toni_fake_exchange_set_parameter(&exchange, "count", "2");
    toni_fake_exchange_set_parameter(&exchange, "ms", "10");
    ck_assert_int_eq(toni_fake_exchange_run(&exchange), TONI_OK);
    toni_fake_host_expect(&host, KEPT "begin 1 200 text/event-stream\nevery 10\n");
    toni_fake_host_advance(&host, 10);
    toni_fake_host_expect(&host, "write 1 event: tick\ndata: number 1\ndata: of many\n\n\n");
    ck_assert(exchange.is_stream);
    toni_fake_host_advance(&host, 10);
    toni_fake_host_expect(&host, "write 1 event: tick\ndata: number 2\ndata: of many\n\n\nend 1\n"
                                 "write 1 x\nlog 1 ended with 0 left: then TONI_ERR_NOT_FOUND\n"
                                 "cancel_timer 1\n");
    ck_assert_uint_eq(exchange.id, 0);
}
END_TEST

START_TEST(a_full_stream_goes_on)
{
    host.result = TONI_ERR_FULL;
    host.result_of = "write";
    ck_assert_int_eq(ask("/stream/fill", "bytes", "3"), TONI_OK);
    toni_fake_host_expect(&host, KEPT "begin 1 200 text/plain\nwrite 1 xxx\n");
    host.result_of = NULL;
    host.result = TONI_OK;
    exchange.is_full = 1;
    toni_fake_exchange_drain(&exchange);
    toni_fake_host_expect(&host, "log 1 drained\nwrite 1 xxx\nend 1\n");
    toni_fake_host_advance(&host, 0);
    toni_fake_host_expect(&host, "write 1 x\nlog 1 ended with 0 left: then TONI_ERR_NOT_FOUND\n");
}
END_TEST

START_TEST(a_client_goes)
{
    ck_assert_int_eq(ask("/stream/hold", "bytes", "0"), TONI_OK);
    toni_fake_host_expect(&host, KEPT "begin 1 200 text/plain\nwrite 1 held\n\n");
    toni_fake_exchange_withdraw(&exchange);
    toni_fake_host_expect(&host, "write 1 x\nlog 1 ended with 0 left: then TONI_ERR_NOT_FOUND\n");
}
END_TEST

START_TEST(too_many_stream)
{
    host.result = TONI_ERR_LIMIT;
    host.result_of = "begin";
    ck_assert_int_eq(ask("/stream/hold", "bytes", "0"), TONI_ERR_LIMIT);
    toni_fake_host_expect(&host, KEPT "begin 1 200 text/plain\n");
    ck_assert_uint_eq(exchange.id, 0);
}
END_TEST

/* The fixture logs what each call has returned: as from a host (integration.http_streams). */
START_TEST(what_a_host_refuses_is_refused)
{
    static const char *const results[] = {
        "write before: TONI_ERR_INVALID",
        "end before: TONI_ERR_INVALID",
        "begin 204: TONI_ERR_INVALID",
        "begin type: TONI_ERR_INVALID",
        "begin 304: TONI_ERR_INVALID",
        "begin other: TONI_ERR_NOT_FOUND",
        "begin: TONI_OK",
        "begin again: TONI_ERR_INVALID",
        "answer: TONI_ERR_INVALID",
        "header: TONI_ERR_INVALID",
        "event: TONI_ERR_INVALID",
        "large: TONI_ERR_TOO_BIG",
        "empty: TONI_OK",
        "full: TONI_OK",
        "end: TONI_OK",
        "end again: TONI_ERR_NOT_FOUND",
        "write after: TONI_ERR_NOT_FOUND",
    };
    ck_assert_int_eq(ask("/stream/table", "bytes", "0"), TONI_OK);
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
        ck_assert_msg(strstr(host.calls, results[i]) != NULL, "no `%s` in\n%s", results[i],
                      host.calls);
    toni_fake_host_clear(&host);
    toni_fake_host_advance(&host, 0);
}
END_TEST

START_TEST(an_event_on_the_wire)
{
    static const struct {
        toni_str event, data;
        const char *text;
    } rows[] = {
        {TONI_LIT_INIT(""), TONI_LIT_INIT("x"), "data: x\n\n"},
        {TONI_LIT_INIT("tick"), TONI_LIT_INIT("x"), "event: tick\ndata: x\n\n"},
        {TONI_LIT_INIT(""), TONI_LIT_INIT(""), "data: \n\n"},
        {TONI_LIT_INIT(""), TONI_LIT_INIT("a\nb"), "data: a\ndata: b\n\n"},
        {TONI_LIT_INIT(""), TONI_LIT_INIT("a\r\nb\rc"), "data: a\ndata: b\ndata: c\n\n"},
        {TONI_LIT_INIT(""), TONI_LIT_INIT("a\n"), "data: a\ndata: \n\n"},
        {TONI_LIT_INIT(""), TONI_LIT_INIT("\n\n"), "data: \ndata: \ndata: \n\n"},
        {TONI_LIT_INIT(""), TONI_LIT_INIT("a\r"), "data: a\ndata: \n\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[64];
        const size_t size = toni_event_put(NULL, rows[i].event, rows[i].data);
        ck_assert_uint_eq(size, strlen(rows[i].text));
        ck_assert_uint_eq(toni_event_put(text, rows[i].event, rows[i].data), size);
        ck_assert_mem_eq(text, rows[i].text, size);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("testkit_streams");
    TCase *tests = tcase_create("streams");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, events_until_the_end);
    tcase_add_test(tests, a_full_stream_goes_on);
    tcase_add_test(tests, a_client_goes);
    tcase_add_test(tests, too_many_stream);
    tcase_add_test(tests, what_a_host_refuses_is_refused);
    tcase_add_test(tests, an_event_on_the_wire);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
