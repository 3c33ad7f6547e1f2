/* The real host of the test kit: a plugin's author tests over sockets, in Check. */
#include "toni_real_host.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GREETING "text:Connected. Send 'join:<room>' to join a room.\n"

static toni_real_host host;
static toni_real_client anna, berta;

START_TEST(clients_of_a_gateway_talk_to_each_other)
{
    char expected[128];
    toni_real_host_start_with(&host, PLUGINS_DIR "/rooms_gateway.so", "");
    ck_assert_uint_gt(host.http_port, 0);
    ck_assert_uint_gt(host.admin_port, 0);
    ck_assert_uint_ne(host.admin_port, host.http_port);
    toni_real_client_connect(&anna, &host, "/rooms");
    toni_real_client_expect(&anna, GREETING);
    toni_real_client_connect(&berta, &host, "/rooms");
    toni_real_client_expect(&berta, GREETING);

    toni_real_client_send_text(&anna, "join:r");
    toni_real_client_expect(&anna, "text:Joined room: r\ntext:");
    ck_assert_str_eq(anna.got + 16, " joined\n");
    (void)snprintf(expected, sizeof expected, "%.16s joined\n", anna.got);
    toni_real_client_expect(&anna, expected);
    toni_real_client_send_text(&berta, "msg:r:hello");
    toni_real_client_expect(&anna, "text:[r] ");

    toni_real_client_close(&anna);
    toni_real_client_close(&berta);
    toni_real_host_stop(&host);
}
END_TEST

START_TEST(long_messages_come_whole)
{
    static char text[60000 + 1], expected[sizeof text + 16];
    memset(text, 'x', sizeof text - 1);
    (void)snprintf(expected, sizeof expected, "text:%s\n", text);
    toni_real_host_start_with(&host, PLUGINS_DIR "/echo_gateway.so", "");
    toni_real_client_connect(&anna, &host, "/echo");
    toni_real_client_send_text(&anna, text);
    toni_real_client_expect(&anna, expected);
    toni_real_client_send_text(&anna, "");
    toni_real_client_expect(&anna, "text:\n");
    toni_real_client_close(&anna);
    toni_real_host_stop(&host);
}
END_TEST

START_TEST(a_refusal_has_a_status_and_a_stop_a_code)
{
    toni_real_host_start(&host, "listen = { websocket = \"127.0.0.1:0\"; };\n"
                                "modules = ( { name = \"m\"; providers = ( { gateway = \"echo\";\n"
                                "  library = \"echo_gateway.so\"; path = \"/e\"; } ); } );\n");
    ck_assert_uint_eq(host.http_port, 0);
    ck_assert_uint_eq(host.admin_port, 0);
    ck_assert_uint_eq(toni_real_client_open(&anna, &host, "/elsewhere", ""), 404);
    ck_assert_uint_eq(toni_real_client_open(&anna, &host, "/e", "Origin: http://a.test\r\n"), 403);
    toni_real_client_connect(&anna, &host, "/e");
    ck_assert_int_eq(kill(host.pid, SIGTERM), 0);
    toni_real_client_expect(&anna, "close 1001");
    toni_real_client_close(&anna);
    toni_real_host_expect_log(&host, "msg=\"stopping\"");
    toni_real_host_stop(&host);
    ck_assert_int_ne(access(host.folder, F_OK), 0);
}
END_TEST

START_TEST(an_exception_of_a_plugin_closes_its_client_alone)
{
    toni_real_host_start_with(&host, FIXTURES_DIR "/cxx_class_gateway.so", "");
    toni_real_client_connect(&anna, &host, "/cxx_class");
    toni_real_client_connect(&berta, &host, "/cxx_class");
    toni_real_client_send_text(&anna, "throw");
    toni_real_client_expect(&anna, "close 1011");
    toni_real_client_send_text(&berta, "exceptions");
    toni_real_client_expect(&berta, "text:1\n");
    toni_real_host_expect_log(&host, "msg=\"an exception in on_message: as asked\"");
    toni_real_client_close(&anna);
    toni_real_client_close(&berta);
    toni_real_host_stop(&host);
}
END_TEST

/* Each of these fails: Check counts it. */
START_TEST(what_is_wrong_fails_the_test)
{
    if (_i == 0)
        toni_real_host_start(&host, "listen = {};\n");
    toni_real_host_start_with(&host, PLUGINS_DIR "/echo_gateway.so", "");
    toni_real_client_connect(&anna, &host, _i == 1 ? "/nowhere" : "/echo");
    toni_real_client_send_text(&anna, "one");
    if (_i == 2)
        toni_real_client_expect(&anna, "text:two\n");
    (void)kill(host.pid, SIGKILL);
    toni_real_host_stop(&host);
}
END_TEST

/* Fails, and at once: Check's own timeout would hide what has come. */
START_TEST(what_came_is_shown_though_it_is_shorter)
{
    toni_real_host_start_with(&host, PLUGINS_DIR "/echo_gateway.so", "");
    toni_real_client_connect(&anna, &host, "/echo");
    toni_real_client_send_text(&anna, "one");
    toni_real_client_expect(&anna, "text:two and more\n");
}
END_TEST

static int is_shown(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    TestResult **failures = srunner_failures(runner);
    const int shown = srunner_ntests_failed(runner) == 1 &&
                      strstr(tr_msg(failures[0]), "expected:\ntext:two and more\n") &&
                      strstr(tr_msg(failures[0]), "\ntext:one\n");
    free(failures);
    srunner_free(runner);
    return shown;
}

static int run(Suite *suite, enum print_output mode)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, mode);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed;
}

int main(void)
{
    Suite *works = suite_create("real host"), *fails = suite_create("real host, faults"),
          *shows = suite_create("real host, what came");
    TCase *good = tcase_create("works"), *bad = tcase_create("fails"),
          *shorter = tcase_create("shows");

    tcase_add_test(good, clients_of_a_gateway_talk_to_each_other);
    tcase_add_test(good, long_messages_come_whole);
    tcase_add_test(good, a_refusal_has_a_status_and_a_stop_a_code);
    tcase_add_test(good, an_exception_of_a_plugin_closes_its_client_alone);
    suite_add_tcase(works, good);
    tcase_add_loop_test(bad, what_is_wrong_fails_the_test, 0, 4);
    suite_add_tcase(fails, bad);
    tcase_add_test(shorter, what_came_is_shown_though_it_is_shorter);
    suite_add_tcase(shows, shorter);
    return run(works, CK_ENV) == 0 && run(fails, CK_SILENT) == 4 && is_shown(shows) ? EXIT_SUCCESS
                                                                                    : EXIT_FAILURE;
}
