/* The guard of tokens against the fake host: what it says of whom, what it leaves, and what it
 * logs. */
#include "jwt_fixture.h"
#include "runner.h"
#include "temporary_folder.h"
#include "toni_testkit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define SECRET "01234567890123456789012345678901"
#define CHALLENGE                                                                                  \
    "guard_header WWW-Authenticate: Bearer error=\"invalid_token\", error_description="

static toni_fake_host host;
static toni_fake_client client;

static const char *write_secret(const char *secret)
{
    const char *path = testing_write("secret", secret, strlen(secret));
    const struct timespec then = {.tv_sec = time(NULL) - 100};
    const struct timespec times[2] = {then, then};
    ck_assert_int_eq(chmod(path, 0600), 0);
    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
    return path;
}

static void set_up(void)
{
    testing_setup();
    toni_fake_host_init(&host);
    toni_fake_host_load(&host, TEST_PLUGINS_DIR "/jwt_guard.so");
    toni_fake_host_add_str(&host, "secrets", NULL, write_secret(SECRET));
}

static void tear_down(void)
{
    toni_fake_host_stop(&host);
    testing_teardown();
}

static void start(void)
{
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_host_clear(&host);
    toni_fake_client_init(&client, &host, 7);
}

static void set_token(const char *secret, const char *payload)
{
    static char value[4096];
    char *token = jwt_sign_hmac(secret, strlen(secret), "{\"alg\":\"HS256\"}", payload);
    (void)snprintf(value, sizeof value, "Bearer %s", token);
    toni_fake_client_set_header(&client, "Authorization", value);
    free(token);
}

static int32_t connect_with(const char *secret, const char *payload)
{
    toni_fake_client_init(&client, &host, 7);
    set_token(secret, payload);
    return toni_fake_client_connect(&client);
}

START_TEST(it_says_who_it_is)
{
    toni_fake_host_add_str(&host, "claims", NULL, "rooms");
    toni_fake_host_add_str(&host, "claims", NULL, "level");
    start();
    ck_assert_int_eq(connect_with(SECRET, "{\"sub\":\"ann\",\"iat\":9,\"exp\":4000000000,"
                                          "\"level\":3,\"rooms\":[\"a-*\",\"b\"],\"x\":1}"),
                     TONI_OK);
    toni_fake_host_expect(&host, "guard_identify ann 9 4000000030\nguard_claim rooms: a-*\n"
                                 "guard_claim rooms: b\nguard_claim level: 3\n");
    ck_assert_int_eq((int)toni_fake_host_figure(&host, "jwt_tokens_accepted_total"), 1);
    ck_assert_int_eq((int)toni_fake_host_figure(&host, "jwt_keys"), 1);
}
END_TEST

START_TEST(it_says_what_is_wrong)
{
    start();
    ck_assert_int_eq(connect_with(SECRET, "{\"sub\":\"ann\",\"exp\":1}"), TONI_ERR_FORBIDDEN);
    toni_fake_host_expect(&host, "log 1 the token has expired address= path=/ subject=ann "
                                 "reason=`exp` has passed\n" CHALLENGE "\"the token has expired\"\n"
                                 "guard_refuse 401 the token has expired\n");
    ck_assert_int_eq(connect_with("another secret", "{\"sub\":\"ann\",\"exp\":4000000000}"),
                     TONI_ERR_FORBIDDEN);
    toni_fake_host_expect(&host, /* whose it is nobody knows */
                          "log 1 the token's signature is not valid address= path=/\n" CHALLENGE
                          "\"the token's signature is not valid\"\n"
                          "guard_refuse 401 the token's signature is not valid\n");
    toni_fake_client_init(&client, &host, 7);
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_ERR_FORBIDDEN);
    toni_fake_host_expect(&host, "log 1 a token is needed address= path=/\n"
                                 "guard_refuse 401 a token is needed\n");
}
END_TEST

/* Without memory for a claim nobody comes in with half of what they may. */
START_TEST(without_memory)
{
    toni_fake_host_add_str(&host, "claims", NULL, "rooms");
    start();
    static const struct {
        const char *call;
        const char *refusal;
    } rows[] = {
        {"guard_identify", "guard_refuse 503 the token could not be checked\n"},
        {"guard_claim", "guard_refuse 503 the token could not be checked\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        host.result = TONI_ERR_NO_MEMORY;
        host.result_of = rows[i].call;
        ck_assert_int_eq(
            connect_with(SECRET, "{\"sub\":\"ann\",\"exp\":4000000000,\"rooms\":\"a\"}"),
            TONI_ERR_FORBIDDEN);
        ck_assert_msg(strstr(host.calls, rows[i].refusal) != NULL, "%s", host.calls);
        host.result = TONI_OK;
        host.result_of = NULL;
        toni_fake_host_clear(&host);
    }
}
END_TEST

START_TEST(it_takes_another_token)
{
    start();
    ck_assert_int_eq(connect_with(SECRET, "{\"sub\":\"ann\",\"exp\":4000000000}"), TONI_OK);
    toni_fake_host_clear(&host);
    char *good =
        jwt_sign_hmac(SECRET, 32, "{\"alg\":\"HS256\"}", "{\"sub\":\"ann\",\"exp\":5000000000}");
    char *other =
        jwt_sign_hmac(SECRET, 32, "{\"alg\":\"HS256\"}", "{\"sub\":\"bob\",\"exp\":5000000000}");
    ck_assert_int_eq(toni_fake_client_refresh(&client, good), TONI_OK);
    ck_assert_ptr_nonnull(strstr(host.calls, "guard_identify ann 0 5000000030\n"));
    ck_assert_int_eq(toni_fake_client_refresh(&client, other), TONI_ERR_FORBIDDEN);
    ck_assert_int_eq(toni_fake_client_refresh(&client, "x"), TONI_ERR_UNAUTHORIZED);
    free(other);
    free(good);
}
END_TEST

/* Looked at every ten seconds, by a job. */
START_TEST(keys_are_read_anew)
{
    static const char other[] = "another secret of 32 bytes or so";
    static const char payload[] = "{\"sub\":\"ann\",\"exp\":4000000000}";
    start();
    (void)write_secret(other);
    ck_assert_int_eq(connect_with(other, payload), TONI_ERR_FORBIDDEN);
    toni_fake_host_advance(&host, 10000);
    toni_fake_host_run_work(&host);
    ck_assert_int_eq(connect_with(other, payload), TONI_OK);
    ck_assert_int_eq(connect_with(SECRET, payload), TONI_ERR_FORBIDDEN);
    toni_fake_host_clear(&host);
    (void)write_secret("short");
    for (int i = 0; i < 3; i++) { /* it is complained of once */
        toni_fake_host_advance(&host, 10000);
        toni_fake_host_run_work(&host);
    }
    ck_assert_ptr_nonnull(strstr(host.calls, "the keys have changed and can't be used"));
    ck_assert_int_eq((int)toni_fake_host_figure(&host, "jwt_key_reloads_failed_total"), 1);
    ck_assert_int_eq((int)toni_fake_host_figure(&host, "jwt_key_reloads_total"), 1);
    ck_assert_int_eq(connect_with(other, payload), TONI_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jwt_guard");
    TCase *tests = tcase_create("guard");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, it_says_who_it_is);
    tcase_add_test(tests, it_says_what_is_wrong);
    tcase_add_test(tests, without_memory);
    tcase_add_test(tests, it_takes_another_token);
    tcase_add_test(tests, keys_are_read_anew);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
