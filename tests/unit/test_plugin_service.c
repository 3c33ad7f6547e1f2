/* A service that is a class of toni.hpp: what it answers at once, later and by a stream, what it
 * offers, and where its exceptions end. */
#include "../fixtures/cxx_counter.h"
#include "runner.h"
#include "toni_testkit.h"

static toni_fake_host host, next;
static toni_fake_exchange exchange;

static void load(toni_fake_host *into)
{
    toni_fake_host_init(into);
    toni_fake_host_load(into, TEST_FIXTURES_DIR "/cxx_service.so");
}

static void start(void)
{
    load(&host);
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_host_clear(&host);
}

static void stop(void)
{
    toni_fake_host_stop(&host);
}

static int32_t ask(const char *path, const char *calls)
{
    toni_fake_exchange_init(&exchange, &host, "GET", path);
    toni_fake_exchange_set_parameter(&exchange, "say", "hello");
    const int32_t result = toni_fake_exchange_run(&exchange);
    toni_fake_host_expect(&host, calls);
    return result;
}

START_TEST(the_descriptor_has_what_the_class_has)
{
    ck_assert_uint_eq(host.plugin->kind, TONI_SERVICE);
    ck_assert(host.plugin->on_request && host.plugin->export_state && host.plugin->import_state);
    ck_assert(!host.plugin->start && !host.plugin->on_message && !host.plugin->client_free);
}
END_TEST

START_TEST(at_once)
{
    ck_assert_int_eq(ask("/cxx/now", "header X-Count: 0\nanswer 200 text/plain GET hello\n"),
                     TONI_OK);
    ck_assert_int_eq(ask("/cxx/other", "answer 404  \n"), TONI_OK);
}
END_TEST

START_TEST(later)
{
    ck_assert_int_eq(ask("/cxx/later", "keep 1 5000\nwork\n"), TONI_OK);
    toni_fake_host_run_work(&host);
    toni_fake_host_expect(&host,
                          "header_kept 1 X-Waiting: 1\nanswer_kept 1 200 text/plain found\n");
    ck_assert_uint_eq(exchange.status, 200);

    ck_assert_int_eq(ask("/cxx/later", "keep 2 5000\nwork\n"), TONI_OK);
    toni_fake_exchange_withdraw(&exchange); /* nobody waits any more: that is no fault */
    toni_fake_host_run_work(&host);
    toni_fake_host_expect(&host,
                          "header_kept 2 X-Waiting: 0\nanswer_kept 2 200 text/plain found\n");
}
END_TEST

START_TEST(by_a_stream)
{
    ck_assert_int_eq(ask("/cxx/stream", "keep 1 0\nbegin 1 200 text/event-stream\n"
                                        "write 1 data: one\n\n\nwrite 1 data: two\n\n\n"),
                     TONI_OK);
    toni_fake_exchange_drain(&exchange);
    toni_fake_host_advance(&host, 0);
    toni_fake_host_expect(&host, "log 1 stream drained\nend 1\nlog 1 stream ended\n");
}
END_TEST

START_TEST(exceptions_are_answered_500)
{
    ck_assert_int_eq(ask("/cxx/throw", "log 3 an exception in on_request: as asked\n"),
                     TONI_ERR_FAILED);
    /* One of the host's own errors is the result, as in C, and no exception of the plugin's. */
    ck_assert_int_eq(ask("/cxx/twice", "keep 1 0\nkeep 2 0\n"), TONI_ERR_INVALID);
}
END_TEST

START_TEST(what_it_offers_may_throw)
{
    const struct counter_table *table = host.plugin->provides->table;
    ck_assert_int_eq(table->add(host.self, 3), 3);
    ck_assert_int_eq(table->add(host.self, -1), TONI_ERR_FAILED);
    toni_fake_host_expect(&host, "log 3 an exception in add: only up\n");
    ck_assert_int_eq(table->add(host.self, 1), 4);
}
END_TEST

START_TEST(a_swap_keeps_the_state)
{
    const struct counter_table *table = host.plugin->provides->table;
    ck_assert_int_eq(table->add(host.self, 5), 5);
    load(&next);
    ck_assert_int_eq(toni_fake_host_swap(&host, &next), TONI_OK);
    table = next.plugin->provides->table;
    ck_assert_int_eq(table->add(next.self, 1), 6);
    toni_fake_host_stop(&next);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin/service");
    TCase *cases = tcase_create("class");
    tcase_add_checked_fixture(cases, start, stop);
    tcase_add_test(cases, the_descriptor_has_what_the_class_has);
    tcase_add_test(cases, at_once);
    tcase_add_test(cases, later);
    tcase_add_test(cases, by_a_stream);
    tcase_add_test(cases, exceptions_are_answered_500);
    tcase_add_test(cases, what_it_offers_may_throw);
    tcase_add_test(cases, a_swap_keeps_the_state);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
