/* What tokens say, and where in a request they are. */
#include "claims.h"
#include "runner.h"
#include "sources.h"
#include "strict_json.h"

#include <string.h>

#define NOW 1000000

static const toni_str audiences[] = {TONI_LIT_INIT("here"), TONI_LIT_INIT("there")};
static struct claim_rules rules;
static struct claims claims;
static const char *why;

static void set_up(void)
{
    rules = (struct claim_rules){.leeway_s = 10, .needs_expiry = true};
    why = NULL;
}

static enum token_verdict check(const char *payload)
{
    json_t *json = strict_json_read(toni_str_of(payload));
    ck_assert_msg(json != NULL, "%s", payload);
    const enum token_verdict verdict = claims_check(json, &rules, NOW, &claims, &why);
    ck_assert_msg(verdict == TOKEN_ACCEPTED || why, "%s", payload);
    claims.subject = toni_str_make("", 0); /* it was in the payload */
    json_decref(json);
    return verdict;
}

struct row {
    const char *payload;
    enum token_verdict verdict;
};

#define CHECK(rows)                                                                                \
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows)[0]; i++)                                    \
    ck_assert_msg(check((rows)[i].payload) == (rows)[i].verdict, "%s: %s", (rows)[i].payload, why)

START_TEST(times)
{
    static const struct row rows[] = {
        {"{\"sub\":\"a\",\"exp\":1000001}", TOKEN_ACCEPTED},
        {"{\"sub\":\"a\",\"exp\":999991}", TOKEN_ACCEPTED}, /* within the leeway */
        {"{\"sub\":\"a\",\"exp\":999990}", TOKEN_EXPIRED},
        {"{\"sub\":\"a\",\"exp\":999990.9}", TOKEN_EXPIRED},
        {"{\"sub\":\"a\",\"exp\":1e9}", TOKEN_ACCEPTED},
        {"{\"sub\":\"a\",\"exp\":0}", TOKEN_EXPIRED},
        {"{\"sub\":\"a\",\"exp\":253402300799}", TOKEN_ACCEPTED},
        {"{\"sub\":\"a\",\"exp\":253402300800}", TOKEN_CLAIMS},
        {"{\"sub\":\"a\",\"exp\":9223372036854775807}", TOKEN_CLAIMS},
        {"{\"sub\":\"a\",\"exp\":1e300}", TOKEN_CLAIMS},
        {"{\"sub\":\"a\",\"exp\":-1}", TOKEN_CLAIMS},
        {"{\"sub\":\"a\",\"exp\":\"1000001\"}", TOKEN_CLAIMS},
        {"{\"sub\":\"a\",\"exp\":true}", TOKEN_CLAIMS},
        {"{\"sub\":\"a\",\"exp\":null}", TOKEN_CLAIMS},
        {"{\"sub\":\"a\"}", TOKEN_CLAIMS},
        {"{\"sub\":\"a\",\"exp\":1e9,\"nbf\":1000010}", TOKEN_ACCEPTED},
        {"{\"sub\":\"a\",\"exp\":1e9,\"nbf\":1000011}", TOKEN_NOT_YET_VALID},
        {"{\"sub\":\"a\",\"exp\":1e9,\"nbf\":\"now\"}", TOKEN_CLAIMS},
        {"{\"sub\":\"a\",\"exp\":1e9,\"iat\":1000010}", TOKEN_ACCEPTED},
        {"{\"sub\":\"a\",\"exp\":1e9,\"iat\":1000011}", TOKEN_NOT_YET_VALID},
        {"{\"sub\":\"a\",\"exp\":1e9,\"iat\":[1]}", TOKEN_CLAIMS},
    };
    CHECK(rows);
    ck_assert_int_eq(check("{\"sub\":\"a\",\"exp\":1000001,\"iat\":999000.5}"), TOKEN_ACCEPTED);
    ck_assert_int_eq(claims.ends_s, 1000011);
    ck_assert_int_eq(claims.issued_s, 999000);
    rules.needs_expiry = false;
    ck_assert_int_eq(check("{\"sub\":\"a\"}"), TOKEN_ACCEPTED);
    ck_assert_int_eq(claims.ends_s, 0);
    ck_assert_int_eq(check("{\"sub\":\"a\",\"exp\":1}"), TOKEN_EXPIRED);
}
END_TEST

START_TEST(subjects)
{
    char payload[512];
    static const struct row rows[] = {
        {"{\"exp\":1e9}", TOKEN_CLAIMS},
        {"{\"sub\":\"\",\"exp\":1e9}", TOKEN_CLAIMS},
        {"{\"sub\":7,\"exp\":1e9}", TOKEN_CLAIMS},
        {"{\"sub\":[\"a\"],\"exp\":1e9}", TOKEN_CLAIMS},
    };
    CHECK(rows);
    for (int size = 256; size <= 257; size++) {
        (void)snprintf(payload, sizeof payload, "{\"sub\":\"%0*d\",\"exp\":1e9}", size, 7);
        ck_assert_int_eq(check(payload), size == 256 ? TOKEN_ACCEPTED : TOKEN_CLAIMS);
    }
}
END_TEST

START_TEST(audiences_and_issuers)
{
    static const struct row unset[] = {
        {"{\"sub\":\"a\",\"exp\":1e9}", TOKEN_ACCEPTED},
        {"{\"sub\":\"a\",\"exp\":1e9,\"iss\":\"x\"}", TOKEN_ACCEPTED},
        {"{\"sub\":\"a\",\"exp\":1e9,\"aud\":\"here\"}", TOKEN_AUDIENCE},
        {"{\"sub\":\"a\",\"exp\":1e9,\"aud\":[]}", TOKEN_AUDIENCE},
    };
    static const struct row set[] = {
        {"{\"sub\":\"a\",\"exp\":1e9,\"iss\":\"x\",\"aud\":\"there\"}", TOKEN_ACCEPTED},
        {"{\"sub\":\"a\",\"exp\":1e9,\"iss\":\"x\",\"aud\":[\"y\",\"here\"]}", TOKEN_ACCEPTED},
        {"{\"sub\":\"a\",\"exp\":1e9,\"iss\":\"x\"}", TOKEN_AUDIENCE},
        {"{\"sub\":\"a\",\"exp\":1e9,\"iss\":\"x\",\"aud\":\"her\"}", TOKEN_AUDIENCE},
        {"{\"sub\":\"a\",\"exp\":1e9,\"iss\":\"x\",\"aud\":\"heres\"}", TOKEN_AUDIENCE},
        {"{\"sub\":\"a\",\"exp\":1e9,\"iss\":\"x\",\"aud\":[[\"here\"]]}", TOKEN_AUDIENCE},
        {"{\"sub\":\"a\",\"exp\":1e9,\"iss\":\"x\",\"aud\":{\"here\":1}}", TOKEN_AUDIENCE},
        {"{\"sub\":\"a\",\"exp\":1e9,\"iss\":\"xy\",\"aud\":\"here\"}", TOKEN_ISSUER},
        {"{\"sub\":\"a\",\"exp\":1e9,\"iss\":[\"x\"],\"aud\":\"here\"}", TOKEN_ISSUER},
        {"{\"sub\":\"a\",\"exp\":1e9,\"aud\":\"here\"}", TOKEN_ISSUER},
    };
    CHECK(unset);
    rules.audiences = audiences;
    rules.audience_count = 2;
    rules.issuer = TONI_LIT("x");
    CHECK(set);
}
END_TEST

/* --- Values */

struct taken {
    char text[256];
    size_t most;
};

static int32_t take(void *context, toni_str value)
{
    struct taken *taken = context;
    if (taken->most-- == 0)
        return TONI_ERR_LIMIT;
    const size_t at = strlen(taken->text);
    (void)snprintf(taken->text + at, sizeof taken->text - at, "%.*s|", TONI_STR_ARG(value));
    return TONI_OK;
}

START_TEST(values)
{
    static const char *const rows[][2] = {
        {"\"ann\"", "ann|"},
        {"\"\"", "|"},
        {"7", "7|"},
        {"-1.5", "-1.5|"},
        {"true", "true|"},
        {"false", "false|"},
        {"null", ""},
        {"[]", ""},
        {"[\"a\",null,\"b\",3,false]", "a|b|3|false|"},
        {"{\"x\": [1, 2]}", "{\"x\":[1,2]}|"},
        {"[[\"a\", \"b\"], {\"c\": \"\\u00e9\"}]", "[\"a\",\"b\"]|{\"c\":\"\xc3\xa9\"}|"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct taken taken = {.most = 9};
        json_t *json = json_loads(rows[i][0], JSON_DECODE_ANY, NULL);
        ck_assert_int_eq(claim_each_value(json, take, &taken), TONI_OK);
        ck_assert_str_eq(taken.text, rows[i][1]);
        json_decref(json);
    }
    struct taken few = {.most = 1};
    json_t *two = json_loads("[\"a\", \"b\", \"c\"]", 0, NULL);
    ck_assert_int_eq(claim_each_value(two, take, &few), TONI_ERR_LIMIT);
    ck_assert_str_eq(few.text, "a|");
    json_decref(two);
    ck_assert_int_eq(claim_each_value(NULL, take, &few), TONI_OK);
}
END_TEST

/* --- Sources */

static void expect_found(const struct found_token *found, const char *text)
{
    if (!text) {
        ck_assert_int_eq(found_token_verdict(found), TOKEN_MISSING);
        return;
    }
    ck_assert_int_eq(found_token_verdict(found), TOKEN_ACCEPTED);
    ck_assert_msg(toni_str_equal(found->text, toni_str_of(text)), "`%.*s`",
                  TONI_STR_ARG(found->text));
}

START_TEST(authorization_fields)
{
    static const char *const rows[][2] = {
        {"Bearer a.b.c", "a.b.c"},
        {"bearer a.b.c", "a.b.c"},
        {"BEARER   a.b.c", "a.b.c"},
        {"Bearer ", ""},
        {"Bearer", NULL},
        {"Bearera.b.c", NULL},
        {"Basic a.b.c", NULL},
        {"", NULL},
        {"Bearer a, Bearer b", "a, Bearer b"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct found_token found = {0};
        sources_authorization(&found, toni_str_of(rows[i][0]));
        expect_found(&found, rows[i][1]);
    }
}
END_TEST

START_TEST(cookies)
{
    static const char *const rows[][2] = {
        {"token=a.b.c", "a.b.c"},
        {"x=1; token=a.b.c; y=2", "a.b.c"},
        {"x=1;token=\"a.b.c\"", "a.b.c"},
        {"token=a; token=a", "a"},
        {"Token=a", NULL},
        {"mytoken=a", NULL},
        {"token", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct found_token found = {0};
        sources_cookie(&found, toni_str_of(rows[i][0]), TONI_LIT("token"));
        expect_found(&found, rows[i][1]);
    }
}
END_TEST

START_TEST(subprotocols)
{
    static const struct {
        const char *value, *text;
        bool has_beside;
    } rows[] = {
        {"chat, bearer.a.b.c", "a.b.c", true},
        {"bearer.a.b.c,chat", "a.b.c", true},
        {"bearer.a.b.c", "a.b.c", false},
        {"bearer.a, bearer.a, chats", "a", false},
        {"chat", NULL, true},
        {"Bearer.a", NULL, false},
        {"bearer", NULL, false},
        {"", NULL, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct found_token found = {0};
        bool has_one = false;
        ck_assert_int_eq(
            sources_subprotocol(&found, toni_str_of(rows[i].value), TONI_LIT("chat"), &has_one),
            rows[i].has_beside);
        expect_found(&found, rows[i].text);
        ck_assert_int_eq(has_one, rows[i].text != NULL);
    }
}
END_TEST

START_TEST(two_that_differ)
{
    struct found_token found = {0};
    bool has_one;
    sources_authorization(&found, TONI_LIT("Bearer a"));
    (void)sources_subprotocol(&found, TONI_LIT("bearer.a"), TONI_LIT(""), &has_one);
    expect_found(&found, "a");
    sources_cookie(&found, TONI_LIT("t=b"), TONI_LIT("t"));
    ck_assert_int_eq(found_token_verdict(&found), TOKEN_AMBIGUOUS);
    sources_cookie(&found, TONI_LIT("t=a"), TONI_LIT("t"));
    ck_assert_int_eq(found_token_verdict(&found), TOKEN_AMBIGUOUS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jwt_claims");
    TCase *tests = tcase_create("claims");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, times);
    tcase_add_test(tests, subjects);
    tcase_add_test(tests, audiences_and_issuers);
    tcase_add_test(tests, values);
    tcase_add_test(tests, authorization_fields);
    tcase_add_test(tests, cookies);
    tcase_add_test(tests, subprotocols);
    tcase_add_test(tests, two_that_differ);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
