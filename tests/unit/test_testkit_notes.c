/* A guard that leaves something, driven by the test kit. */
#include "runner.h"
#include "toni_testkit.h"

#include <stdlib.h>

static toni_fake_host host;
static toni_fake_client client;

static void set_up(void)
{
    toni_fake_host_init(&host);
    toni_fake_host_load(&host, TEST_FIXTURES_DIR "/notes_gateway.so");
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_client_init(&client, &host, 7);
    toni_fake_client_set_part(&client, TONI_REQUEST_SUBPROTOCOL, "v1");
    toni_fake_client_set_header(&client, "Sec-WebSocket-Protocol", "v1, v2");
}

static void tear_down(void)
{
    toni_fake_host_stop(&host);
}

#define FIRST "guard_value user: nobody\nguard_value first: by the guard\n"

START_TEST(it_is_left_at_once)
{
    toni_fake_client_set_parameter(&client, "user", "ann");
    toni_fake_client_set_parameter(&client, "header", "X-A");
    toni_fake_client_set_parameter(&client, "is", "b");
    toni_fake_client_set_parameter(&client, "protocol", "v2");
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_OK);
    toni_fake_host_expect(&host, FIRST "guard_value user: ann\nguard_header X-A: b\n"
                                       "guard_subprotocol v2\nguard_value a: b\n"
                                       "log 1 in on_connect: TONI_ERR_INVALID\n"
                                       "send 7 text:ann|by the guard|v2\n");
    const toni_message message = toni_text(TONI_LIT("x"));
    ck_assert_int_eq(toni_fake_client_send(&client, &message), TONI_OK);
    toni_fake_host_expect(&host, "send 7 text:gone\n");
}
END_TEST

START_TEST(it_is_left_through_a_ticket)
{
    toni_fake_client_set_parameter(&client, "by", "job");
    toni_fake_client_set_parameter(&client, "user", "ann");
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_LATER);
    toni_fake_host_run_work(&host);
    ck_assert_int_eq(toni_fake_client_resume(&client), TONI_OK);
    ck_assert_ptr_nonnull(strstr(host.calls, "send 7 text:ann|by the guard|v1\n"));
}
END_TEST

START_TEST(a_parameter_is_taken_out)
{
    toni_fake_client_set_parameter(&client, "user", "ann");
    toni_fake_client_set_parameter(&client, "drop", "user");
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_OK);
    ck_assert_ptr_nonnull(strstr(host.calls, "guard_drop_parameter user\n"));
    const toni_request *request = toni_client_request(toni_fake_client_handle(&client));
    toni_str value;
    ck_assert_int_eq(toni_request_parameter(request, TONI_LIT("user"), &value), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_request_parameter(request, TONI_LIT("drop"), &value), TONI_OK);
    ck_assert_int_eq(toni_guard_drop_parameter(request, TONI_LIT("drop")), TONI_ERR_INVALID);
}
END_TEST

/* As by a host: integration.guard_notes. */
START_TEST(what_a_host_refuses_is_refused)
{
    static const char *const results[] = {
        "name: TONI_ERR_INVALID",      "no name: TONI_ERR_INVALID",  "large: TONI_ERR_TOO_BIG",
        "missing: TONI_ERR_NOT_FOUND", "split: TONI_ERR_INVALID",    "field: TONI_ERR_INVALID",
        "empty: TONI_ERR_INVALID",     "own: TONI_ERR_INVALID",      "upgrade: TONI_ERR_INVALID",
        "long: TONI_ERR_INVALID",      "protocol: TONI_ERR_INVALID", "many: TONI_ERR_LIMIT",
        "no reason: TONI_ERR_INVALID", "status: TONI_ERR_INVALID",   "control: TONI_ERR_INVALID",
    };
    toni_fake_client_set_parameter(&client, "table", "yes");
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_OK);
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
        ck_assert_msg(strstr(host.calls, results[i]) != NULL, "no `%s` in\n%s", results[i],
                      host.calls);
}
END_TEST

/* A service that gateways list as a guard; tests/fixtures/token_guard.c. */
START_TEST(a_guard_service_is_asked)
{
    toni_fake_host service;
    toni_fake_client ann, mallory, nobody;
    toni_str user;
    toni_fake_host_init(&service);
    toni_fake_host_load(&service, TEST_FIXTURES_DIR "/token_guard.so");
    ck_assert_int_eq(toni_fake_host_start(&service), TONI_OK);
    toni_fake_client_init(&ann, &service, 1);
    toni_fake_client_set_parameter(&ann, "token", "ann");
    ck_assert_int_eq(toni_fake_client_connect(&ann), TONI_OK);
    toni_fake_host_expect(&service, "guard_value user: ann\n");
    ck_assert_int_eq(toni_request_value(toni_client_request(toni_fake_client_handle(&ann)),
                                        TONI_LIT("user"), &user),
                     TONI_ERR_NOT_FOUND); /* on_connect is over */
    toni_fake_client_init(&mallory, &service, 2);
    toni_fake_client_set_parameter(&mallory, "token", "mallory");
    ck_assert_int_eq(toni_fake_client_connect(&mallory), TONI_ERR_FORBIDDEN);
    toni_fake_host_expect(&service, "guard_refuse 429 not so often, mallory\n");
    toni_fake_client_init(&nobody, &service, 3);
    ck_assert_int_eq(toni_fake_client_connect(&nobody), TONI_ERR_FORBIDDEN);
    toni_fake_host_expect(&service, "guard_refuse 401 a token, please\n");
    toni_fake_host_stop(&service);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("testkit_notes");
    TCase *tests = tcase_create("notes");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, it_is_left_at_once);
    tcase_add_test(tests, it_is_left_through_a_ticket);
    tcase_add_test(tests, a_parameter_is_taken_out);
    tcase_add_test(tests, what_a_host_refuses_is_refused);
    tcase_add_test(tests, a_guard_service_is_asked);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
