/* A gateway that is a class of toni.hpp: what it keeps, what it runs later, and where its
 * exceptions end. The fixture cxx_class_gateway does what its clients ask. */
#include "runner.h"
#include "toni_testkit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static toni_fake_host host, next;
static toni_fake_client client;

static void load(toni_fake_host *into, const char *fail)
{
    toni_fake_host_init(into);
    toni_fake_host_load(into, TEST_FIXTURES_DIR "/cxx_class_gateway.so");
    toni_fake_host_set_str(into, "fail", fail);
}

static void start(const char *fail)
{
    load(&host, fail);
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_client_init(&client, &host, 7);
}

static void connect_one(const char *fail)
{
    start(fail);
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_OK);
    toni_fake_host_clear(&host);
}

static void check_text(const char *text, int32_t result, const char *calls)
{
    ck_assert_int_eq(toni_fake_client_send_text(&client, text), result);
    toni_fake_host_expect(&host, calls);
}

static void stop(void)
{
    toni_fake_client_disconnect(&client, TONI_CLOSED_BY_CLIENT);
    toni_fake_host_stop(&host);
}

START_TEST(the_descriptor_has_what_the_class_has)
{
    load(&host, "");
    const toni_plugin *plugin = host.plugin;
    ck_assert(plugin->start && plugin->ready && plugin->stopping && plugin->guard);
    ck_assert(plugin->on_connect && plugin->on_disconnect && plugin->on_adopt);
    ck_assert(plugin->export_state && plugin->import_state && plugin->client_free);
    ck_assert_ptr_null((const void *)(uintptr_t)plugin->on_drained);
    ck_assert_uint_eq(plugin->state_version, 1);
}
END_TEST

START_TEST(data_of_a_client_has_a_type)
{
    connect_one("");
    check_text("r", TONI_OK,
               "join 7 r\ntarget\nto_room r\nto_room other\nexcept 7\n"
               "target_send text:somebody came\nmembers r\nids_destroy\n"
               "send 7 text:members 1 of message 1\n");
    const toni_message binary = toni_binary(TONI_LIT("a\0b"));
    ck_assert_int_eq(toni_fake_client_send(&client, &binary), TONI_OK);
    toni_fake_host_expect(&host, "send 7 binary:a~b\n");
    check_text("close", TONI_OK, "close 7 4000 as asked\n");
    toni_fake_client_disconnect(&client, TONI_CLOSED_BY_SERVER);
    toni_fake_host_expect(&host, "rooms 7\nnames_destroy\nbroadcast r text:gone\n");
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(who_comes_back_gets_what_it_missed_and_the_lambda_is_called)
{
    toni_fake_client other;
    char text[128];
    connect_one("");
    toni_fake_host_keep(&host, "news", 2, 60);
    check_text("news one", TONI_OK, "broadcast news text:@" TONI_POSITION_NONE " one\n");
    ck_assert_int_eq(toni_fake_client_send_text(&client, "back as one who was never there"),
                     TONI_OK);
    toni_fake_host_clear(&host);
    toni_fake_host_advance(&host, 0);
    const char *at = strstr(host.calls, "text:at ");
    ck_assert_msg(at && strstr(at, ", messages 1\n"), "%s", host.calls);
    (void)snprintf(text, sizeof text, "back %.33s", at + strlen("text:at "));
    ck_assert_int_eq(toni_fake_client_send_text(&client, "news two"), TONI_OK);

    toni_fake_client_init(&other, &host, 8);
    ck_assert_int_eq(toni_fake_client_connect(&other), TONI_OK);
    ck_assert_int_eq(toni_fake_client_send_text(&other, text), TONI_OK);
    toni_fake_host_clear(&host);
    toni_fake_host_advance(&host, 0);
    ck_assert_msg(strstr(host.calls, ", messages 1\n") != NULL, "%s", host.calls);
    ck_assert_int_eq(toni_fake_client_send_text(&other, text), TONI_OK); /* a member now */
    toni_fake_host_clear(&host);
    toni_fake_host_advance(&host, 0);
    toni_fake_host_expect(&host, "log 3 an exception in a task: member\n");
    toni_fake_client_disconnect(&other, TONI_CLOSED_BY_CLIENT);
    stop();
}
END_TEST

START_TEST(an_exception_closes_the_client_and_is_counted)
{
    connect_one("");
    check_text("throw", TONI_ERR_FAILED, "log 3 an exception in on_message: as asked\n");
    ck_assert_uint_eq(client.closed_with, 1011);
    toni_fake_client_disconnect(&client, TONI_CLOSED_BY_SERVER);

    toni_fake_client_init(&client, &host, 8);
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_OK);
    toni_fake_host_clear(&host);
    check_text("throw a number", TONI_ERR_FAILED,
               "log 3 an exception in on_message: an exception that is no std::exception\n");
    toni_fake_client_disconnect(&client, TONI_CLOSED_BY_SERVER);

    toni_fake_client_init(&client, &host, 9);
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_OK);
    toni_fake_host_clear(&host);
    check_text("exceptions", TONI_OK, "send 9 text:2\n");
    ck_assert_double_eq(toni_fake_host_figure(&host, "plugin_exceptions_total"), 2);
    stop();
}
END_TEST

/* A test may see the end of a second or two, and ten lines in each; there are 300 exceptions. */
START_TEST(the_log_gets_some_of_many_exceptions)
{
    unsigned lines = 0;
    start("");
    for (unsigned i = 0; i < 300; i++) {
        toni_fake_client_init(&client, &host, 7 + i);
        ck_assert_int_eq(toni_fake_client_connect(&client), TONI_OK);
        toni_fake_host_clear(&host);
        ck_assert_int_eq(toni_fake_client_send_text(&client, "throw"), TONI_ERR_FAILED);
        lines += strstr(host.calls, "an exception in on_message") != NULL;
        toni_fake_client_disconnect(&client, TONI_CLOSED_BY_SERVER);
    }
    ck_assert_uint_ge(lines, 10);
    ck_assert_uint_lt(lines, 150);
    ck_assert_double_eq(toni_fake_host_figure(&host, "plugin_exceptions_total"), 300);
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(a_refusal_costs_the_client_nothing_as_in_c)
{
    connect_one("");
    check_text("a\tb", TONI_ERR_INVALID, "join 7 a\tb\n"); /* toni::check of a bad room's name */
    ck_assert_uint_eq(client.closed_with, 0);
    check_text("exceptions", TONI_OK, "send 7 text:0\n");
    stop();
}
END_TEST

START_TEST(an_exception_in_a_hook_ends_the_start)
{
    static const char *const hooks[] = {"create", "start", "ready"};
    char expected[128];
    load(&host, hooks[_i]);
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_ERR_FAILED);
    if (_i > 0) {
        (void)snprintf(expected, sizeof expected, "log 3 an exception in %s: as told\n", hooks[_i]);
        toni_fake_host_expect(&host, expected);
    } else {
        ck_assert_ptr_nonnull(strstr(host.calls, "as told"));
    }
}
END_TEST

START_TEST(an_exception_elsewhere_costs_what_an_error_does)
{
    start("guard");
    ck_assert_int_lt(toni_fake_client_connect(&client), 0);
    toni_fake_host_expect(&host, "log 3 an exception in guard: as told\n");
    toni_fake_host_stop(&host);

    start("on_connect");
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_ERR_FAILED);
    toni_fake_host_stop(&host);

    start("full"); /* toni::error is an answer, not a fault */
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_ERR_LIMIT);
    toni_fake_host_expect(&host, "");
    toni_fake_host_stop(&host);

    start("");
    toni_fake_client_set_parameter(&client, "key", "bad");
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_ERR_FORBIDDEN);
    toni_fake_host_stop(&host);

    connect_one("on_disconnect");
    toni_fake_client_disconnect(&client, TONI_CLOSED_LOST);
    toni_fake_host_expect(&host, "log 3 an exception in on_disconnect: as told\n");
    toni_fake_host_stop(&host);

    start("stopping");
    toni_fake_host_stop(&host);
    toni_fake_host_expect(&host, "log 3 an exception in stopping: as told\n");
}
END_TEST

START_TEST(tasks_are_lambdas)
{
    connect_one("");
    check_text("later", TONI_OK, "after 50\n");
    toni_fake_host_advance(&host, 50);
    toni_fake_host_expect(&host, "send_to 7 text:now\n");
    check_text("later", TONI_OK, "after 50\ncancel_timer 1\n"); /* which is over */
    check_text("later", TONI_OK, "after 50\ncancel_timer 2\n");
    check_text("never", TONI_OK, "cancel_timer 3\n");
    toni_fake_host_advance(&host, 50);
    toni_fake_host_expect(&host, "");

    check_text("throw later", TONI_OK, "post\n");
    toni_fake_host_advance(&host, 0);
    toni_fake_host_expect(&host, "log 3 an exception in a task: as asked, later\n");
    check_text("work", TONI_OK, "work\n");
    toni_fake_host_run_work(&host);
    toni_fake_host_expect(&host, "send_to 7 text:worked\n");
    check_text("throw in a job", TONI_OK, "work\n");
    toni_fake_host_run_work(&host);
    toni_fake_host_expect(&host, "log 3 an exception in a job: as asked, in a job\n");
    check_text("exceptions", TONI_OK, "send 7 text:2\n");

    host.result = TONI_ERR_LIMIT;
    host.result_of = "post";
    check_text("throw later", TONI_ERR_LIMIT, "post\n");
    stop();
}
END_TEST

START_TEST(a_swap_keeps_the_state_and_makes_data_anew)
{
    connect_one("");
    load(&next, "");
    ck_assert_int_eq(toni_fake_host_swap(&host, &next), TONI_OK);
    ck_assert_int_eq(toni_fake_client_adopt(&client, &next), TONI_OK);
    toni_fake_host_stop(&host);
    toni_fake_host_clear(&next);
    ck_assert_int_eq(toni_fake_client_send_text(&client, "r"), TONI_OK);
    toni_fake_client_expect(&client, "text:members 1 of message 101\n");
    toni_fake_client_disconnect(&client, TONI_CLOSED_LOST);
    toni_fake_host_stop(&next);

    connect_one("export_state");
    load(&next, "");
    ck_assert_int_eq(toni_fake_host_swap(&host, &next), TONI_ERR_FAILED);
    toni_fake_host_expect(&host, "log 3 an exception in export_state: as told\n");
    stop();

    static toni_fake_state state = {.version = 2};
    load(&next, "");
    ck_assert_int_eq(toni_fake_host_import(&next, &state), TONI_ERR_FAILED);
    toni_fake_host_expect(&next, "log 3 an exception in import_state: no state of this version\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin");
    TCase *cases = tcase_create("class");

    tcase_add_test(cases, the_descriptor_has_what_the_class_has);
    tcase_add_test(cases, data_of_a_client_has_a_type);
    tcase_add_test(cases, who_comes_back_gets_what_it_missed_and_the_lambda_is_called);
    tcase_add_test(cases, an_exception_closes_the_client_and_is_counted);
    tcase_add_test(cases, the_log_gets_some_of_many_exceptions);
    tcase_add_test(cases, a_refusal_costs_the_client_nothing_as_in_c);
    tcase_add_loop_test(cases, an_exception_in_a_hook_ends_the_start, 0, 3);
    tcase_add_test(cases, an_exception_elsewhere_costs_what_an_error_does);
    tcase_add_test(cases, tasks_are_lambdas);
    tcase_add_test(cases, a_swap_keeps_the_state_and_makes_data_anew);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
