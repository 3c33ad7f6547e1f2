/* Who clients are, in the test kit: a guard that says so, and a gateway that asks. */
#include "runner.h"
#include "toni_testkit.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static toni_fake_host host;
static toni_fake_client client;

static void begin(const char *library)
{
    toni_fake_host_init(&host);
    toni_fake_host_load(&host, library);
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_client_init(&client, &host, 7);
}

static void set_up(void)
{
    begin(TEST_FIXTURES_DIR "/identity_guard.so");
}

static void tear_down(void)
{
    toni_fake_host_stop(&host);
}

static int32_t connect(const char *token)
{
    toni_fake_client_set_parameter(&client, "token", token);
    return toni_fake_client_connect(&client);
}

static toni_client *handle(void)
{
    return toni_fake_client_handle(&client);
}

START_TEST(a_guard_says_who_it_is)
{
    toni_identity identity = {.struct_size = sizeof identity};
    toni_str value;
    ck_assert_int_eq(toni_client_identity(handle(), &identity), TONI_ERR_NOT_FOUND);
    ck_assert_uint_eq(toni_client_subject(handle()).size, 0);
    ck_assert_int_eq(connect("ann,7,4000000000,rooms=a,role=,rooms=b"), TONI_OK);
    toni_fake_host_expect(&host, "guard_identify ann 7 4000000000\nguard_claim rooms: a\n"
                                 "guard_claim role: \nguard_claim rooms: b\n");
    ck_assert_int_eq(toni_client_identity(handle(), &identity), TONI_OK);
    ck_assert(toni_str_equal(identity.subject, TONI_LIT("ann")));
    ck_assert_int_eq(identity.issued_s, 7);
    ck_assert_int_eq(identity.expires_s, 4000000000);
    ck_assert_int_eq(toni_client_claim(handle(), TONI_LIT("rooms"), 1, &value), TONI_OK);
    ck_assert_str_eq(value.data, "b");
    ck_assert_int_eq(toni_client_claim(handle(), TONI_LIT("role"), 0, &value), TONI_OK);
    ck_assert_uint_eq(value.size, 0);
    ck_assert_int_eq(toni_client_claim(handle(), TONI_LIT("rooms"), 2, &value), TONI_ERR_NOT_FOUND);
}
END_TEST

START_TEST(it_is_said_through_a_ticket)
{
    toni_fake_host_stop(&host);
    toni_fake_host_init(&host);
    toni_fake_host_load(&host, TEST_FIXTURES_DIR "/identity_guard.so");
    toni_fake_host_set_str(&host, "later", "5ms");
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_client_init(&client, &host, 7);
    ck_assert_int_eq(connect("ann,7,0,a=b"), TONI_LATER);
    toni_fake_host_advance(&host, 5);
    ck_assert_int_eq(toni_fake_client_resume(&client), TONI_OK);
    ck_assert(toni_str_equal(toni_client_subject(handle()), TONI_LIT("ann")));
}
END_TEST

/* As by a host: unit.rooms_identity. */
START_TEST(what_a_host_refuses_is_refused)
{
    char token[128];
    (void)snprintf(token, sizeof token, "ann,0,%lld", (long long)time(NULL) - 1);
    ck_assert_int_eq(connect(token), TONI_ERR_UNAUTHORIZED);
    toni_fake_client_init(&client, &host, 8);
    ck_assert_int_eq(connect("ann,-1,0"), TONI_ERR_INVALID);
    toni_fake_client_init(&client, &host, 9);
    ck_assert_int_eq(connect(",0,0"), TONI_ERR_INVALID);
    toni_fake_client_init(&client, &host, 10);
    ck_assert_int_eq(connect("ann,0,0,=x"), TONI_ERR_INVALID);
}
END_TEST

START_TEST(another_token_takes_its_place)
{
    toni_identity identity = {.struct_size = sizeof identity};
    toni_str value;
    ck_assert_int_eq(toni_fake_client_refresh(&client, "ann,8,0"), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(connect("ann,7,4000000000,a=b"), TONI_OK);
    toni_fake_host_clear(&host);
    ck_assert_int_eq(toni_fake_client_refresh(&client, "ann,8,4100000000,c=d"), TONI_OK);
    toni_fake_host_expect(&host, "guard_identify ann 8 4100000000\nguard_claim c: d\n");
    ck_assert_int_eq(toni_fake_client_refresh(&client, "bob,9,4200000000"), TONI_ERR_FORBIDDEN);
    ck_assert_int_eq(toni_fake_client_refresh(&client, "ann,9,1"), TONI_ERR_UNAUTHORIZED);
    ck_assert_int_eq(toni_client_identity(handle(), &identity), TONI_OK);
    ck_assert_int_eq(identity.issued_s, 8);
    ck_assert_int_eq(toni_client_claim(handle(), TONI_LIT("a"), 0, &value), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_client_claim(handle(), TONI_LIT("c"), 0, &value), TONI_OK);
}
END_TEST

START_TEST(a_gateway_asks_who_it_is)
{
    toni_fake_host_stop(&host);
    begin(TEST_FIXTURES_DIR "/identity_gateway.so");
    toni_fake_client_identify(&client, "ann", 7, 0);
    toni_fake_client_add_claim(&client, "rooms", "a");
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_OK);
    ck_assert_int_eq(toni_fake_client_send_text(&client, "claim rooms 0"), TONI_OK);
    ck_assert_int_eq(toni_fake_client_send_text(&client, "refresh t"), TONI_OK);
    toni_fake_client_expect(&client, "text:ann 7 0\ntext:a\ntext:TONI_OK\n");
    host.result = TONI_ERR_UNAUTHORIZED;
    host.result_of = "refresh";
    toni_fake_host_clear(&host);
    ck_assert_int_eq(toni_fake_client_send_text(&client, "refresh t"), TONI_OK);
    toni_fake_host_expect(&host, "refresh 7 t\nsend 7 text:TONI_ERR_UNAUTHORIZED\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("testkit_identity");
    TCase *tests = tcase_create("identity");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_guard_says_who_it_is);
    tcase_add_test(tests, it_is_said_through_a_ticket);
    tcase_add_test(tests, what_a_host_refuses_is_refused);
    tcase_add_test(tests, another_token_takes_its_place);
    tcase_add_test(tests, a_gateway_asks_who_it_is);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
