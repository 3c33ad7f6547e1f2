/* Tokens of jwt_guard: those of the RFCs, and all that must not be let in. */
#include "jwt_fixture.h"
#include "runner.h"
#include "token.h"
#include "verify.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

static struct key_set *keys;
static struct token token;

static void set_up(void)
{
    keys = key_set_create();
}

static void tear_down(void)
{
    key_set_unref(keys);
}

/* What becomes of it, up to its signature; the payload is read, too. */
static enum token_verdict judge(const char *text)
{
    enum token_verdict verdict = token_read(&token, toni_str_of(text));
    if (verdict != TOKEN_ACCEPTED)
        return verdict;
    verdict = verify_signature(keys, &token);
    json_decref(token_read_payload(&token));
    token_finish(&token);
    ck_assert_int_eq((int)ERR_peek_error(), 0); /* others of the thread would read it */
    return verdict;
}

/* @param text  Freed. */
static void expect(char *text, enum token_verdict verdict)
{
    const enum token_verdict found = judge(text);
    ck_assert_msg(found == verdict, "%d, not %d: %.200s", (int)found, (int)verdict, text);
    free(text);
}

static const char *const rfc_tokens[] = {RFC_HS256_TOKEN, RFC_RS256_TOKEN, RFC_ES256_TOKEN,
                                         RFC_EDDSA_TOKEN};
#define RFC_TOKENS (sizeof rfc_tokens / sizeof rfc_tokens[0])

START_TEST(those_of_the_rfcs)
{
    static const char *const rfc_keys[] = {JWKS(RFC_HS256_KEY), JWKS(RFC_RS256_KEY),
                                           JWKS(RFC_ES256_KEY), JWKS(RFC_EDDSA_KEY)};
    jwt_add_jwks(keys, rfc_keys[_i]);
    for (size_t i = 0; i < RFC_TOKENS; i++)
        expect(strdup(rfc_tokens[i]), i == (size_t)_i ? TOKEN_ACCEPTED : TOKEN_ALGORITHM);
}
END_TEST

START_TEST(each_byte_counts)
{
    jwt_add_jwks(keys, JWKS(RFC_HS256_KEY "," RFC_RS256_KEY "," RFC_ES256_KEY "," RFC_EDDSA_KEY));
    const size_t size = strlen(rfc_tokens[_i]);
    for (size_t i = 0; i < size; i++) {
        char *text = strdup(rfc_tokens[_i]);
        text[i] = text[i] == 'A' ? 'B' : 'A';
        ck_assert_int_ne(judge(text), TOKEN_ACCEPTED);
        free(text);
        text = strndup(rfc_tokens[_i], i); /* cut short */
        ck_assert_int_ne(judge(text), TOKEN_ACCEPTED);
        free(text);
    }
}
END_TEST

START_TEST(what_is_no_token)
{
    static const char *const texts[] = {
        "",
        ".",
        "..",
        "...",
        "a.b",
        "e30.e30.",
        ".e30.e30",
        "e30..e30",
        "eyJhbGciOiJIUzI1NiJ9.e30.AA==",      /* padding */
        "eyJhbGciOiJIUzI1NiJ9.e30.AB",        /* bits behind the last byte */
        "eyJhbGciOiJIUzI1NiJ9.e30.A",         /* a length that no bytes have */
        "eyJhbGciOiJIUzI1NiJ9.e30.A+/A",      /* base64, not base64url */
        "eyJhbGciOiJIUzI1NiJ9.e30.AAAA.AAAA", /* four parts; five are encrypted */
        "eyJhbGciOiJIUzI1NiJ9.e30.AAAA\n",
        " eyJhbGciOiJIUzI1NiJ9.e30.AAAA",
        "eyJhbGciOiJIUzI1NiK9.e30.AAAA", /* not JSON */
        "WyJIUzI1NiJd.e30.AAAA",         /* a list */
        "IkhTMjU2Ig.e30.AAAA",           /* a text */
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        expect(strdup(texts[i]), TOKEN_MALFORMED);
}
END_TEST

START_TEST(headers_that_are_refused)
{
    static const struct {
        const char *header;
        enum token_verdict verdict;
    } rows[] = {
        {"{\"alg\":\"HS256\"}", TOKEN_ACCEPTED},
        {"{\"alg\":\"HS256\",\"typ\":\"jwt\",\"jku\":\"file:///etc/passwd\"}", TOKEN_ACCEPTED},
        {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", TOKEN_ACCEPTED},
        {"{\"alg\":\"HS256\",\"kid\":\"../../../../etc/passwd\"}", TOKEN_ACCEPTED}, /* nobody's */
        {"{\"alg\":\"HS256\",\"typ\":\"logout+jwt\"}", TOKEN_MALFORMED},
        {"{\"alg\":\"HS256\",\"typ\":7}", TOKEN_MALFORMED},
        {"{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", TOKEN_MALFORMED},
        {"{\"alg\":\"HS256\",\"crit\":[]}", TOKEN_MALFORMED},
        {"{\"alg\":\"HS256\",\"alg\":\"HS256\"}", TOKEN_MALFORMED},
        {"{\"alg\":\"HS256\",\"kid\":1}", TOKEN_MALFORMED},
        {"{\"alg\":null}", TOKEN_MALFORMED},
        {"{}", TOKEN_MALFORMED},
        {"{\"alg\":\"HS256\",\"a\":\"\\u0000\"}", TOKEN_MALFORMED},
        {"{\"alg\":\"HS256\",\"a\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}", TOKEN_MALFORMED},
        {"{\"alg\":\"HS256\"} {}", TOKEN_MALFORMED},
        {"{\"alg\":\"none\"}", TOKEN_ALGORITHM},
        {"{\"alg\":\"hs256\"}", TOKEN_ALGORITHM},
        {"{\"alg\":\"HS512\"}", TOKEN_ALGORITHM},
        {"{\"alg\":\"RS256\"}", TOKEN_ALGORITHM},
        {"{\"alg\":\"\"}", TOKEN_ALGORITHM},
    };
    static const unsigned char secret[32] = "01234567890123456789012345678901";
    struct key_fault fault;
    ck_assert_int_eq(key_set_add_secret(keys, secret, sizeof secret, NULL, &fault), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect(jwt_sign_hmac(secret, sizeof secret, rows[i].header, "{}"), rows[i].verdict);
    /* without a signature, as `none` has it */
    expect(strdup("eyJhbGciOiJub25lIn0.e30."), TOKEN_ALGORITHM);
    expect(strdup("eyJhbGciOiJIUzI1NiJ9.e30."), TOKEN_SIGNATURE);
}
END_TEST

/* Who has the public key, as everybody has, could sign by it if the token chose the algorithm. */
START_TEST(a_public_key_is_no_secret)
{
    struct key_fault fault;
    EVP_PKEY *pair = jwt_make_key("RSA");
    char *pem = jwt_pem(pair);
    ck_assert_int_eq(key_set_add_pem(keys, toni_str_of(pem), &fault), 0);
    expect(jwt_sign_hmac(pem, strlen(pem), "{\"alg\":\"HS256\"}", "{}"), TOKEN_ALGORITHM);
    expect(jwt_sign_hmac(pem, strlen(pem), "{\"alg\":\"RS256\"}", "{}"), TOKEN_SIGNATURE);
    expect(jwt_sign(pair, "{\"alg\":\"HS256\"}", "{}"), TOKEN_ALGORITHM);
    expect(jwt_sign(pair, "{\"alg\":\"RS256\"}", "{}"), TOKEN_ACCEPTED);
    free(pem);
    EVP_PKEY_free(pair);
}
END_TEST

START_TEST(each_algorithm_by_keys_made_here)
{
    static const char *const types[][2] = {{"RSA", "RS256"}, {"EC", "ES256"}, {"ED25519", "EdDSA"}};
    char header[64];
    struct key_fault fault;
    EVP_PKEY *pair = jwt_make_key(types[_i][0]), *other = jwt_make_key(types[_i][0]);
    (void)snprintf(header, sizeof header, "{\"alg\":\"%s\"}", types[_i][1]);
    char *pem = jwt_pem(pair);
    ck_assert_int_eq(key_set_add_pem(keys, toni_str_of(pem), &fault), 0);
    for (int i = 0; i < 300; i++) /* numbers of ES256 that are short, or look negative */
        expect(jwt_sign(pair, header, "{}"), TOKEN_ACCEPTED);
    expect(jwt_sign(other, header, "{}"), TOKEN_SIGNATURE);
    free(pem);
    EVP_PKEY_free(other);
    EVP_PKEY_free(pair);
}
END_TEST

START_TEST(signatures_of_no_size)
{
    char *signature = NULL;
    char zeros[TOKEN_SIGNATURE_MAX + 3] = {0};
    char text[4096];
    jwt_add_jwks(keys, JWKS(RFC_HS256_KEY "," RFC_RS256_KEY "," RFC_ES256_KEY "," RFC_EDDSA_KEY));
    static const char *const headers[] = {"eyJhbGciOiJIUzI1NiJ9", "eyJhbGciOiJSUzI1NiJ9",
                                          "eyJhbGciOiJFUzI1NiJ9", "eyJhbGciOiJFZERTQSJ9"};
    for (size_t size = 0; size < sizeof zeros; size += size < 70 ? 1 : 251) {
        signature = jwt_encode(zeros, size);
        (void)snprintf(text, sizeof text, "%s.e30.%s", headers[_i], signature);
        expect(strdup(text), TOKEN_SIGNATURE);
        free(signature);
    }
    signature = jwt_encode(zeros, sizeof zeros);
    (void)snprintf(text, sizeof text, "%s.e30.%s", headers[_i], signature);
    expect(strdup(text), TOKEN_MALFORMED);
    free(signature);
}
END_TEST

START_TEST(one_that_is_too_long)
{
    static char text[100000];
    memset(text, 'A', sizeof text - 1);
    ck_assert_int_eq(judge(text), TOKEN_TOO_LONG);
    text[TOKEN_SIZE_MAX + 1] = '\0';
    ck_assert_int_eq(judge(text), TOKEN_TOO_LONG);
    text[TOKEN_SIZE_MAX] = '\0';
    ck_assert_int_eq(judge(text), TOKEN_MALFORMED);
}
END_TEST

START_TEST(payloads_that_are_refused)
{
    static const char *const payloads[] = {
        "",
        "[]",
        "\"a\"",
        "1",
        "null",
        "{\"sub\":\"a\",\"sub\":\"b\"}",
        "{\"a\":{\"b\":1,\"b\":2}}",
        "{\"exp\":1e999}",
        "{\"exp\":99999999999999999999}",
        "{\"exp\":NaN}",
        "{\"exp\":Infinity}",
        "{} ,",
        "\xef\xbb\xbf{}",
        "{\"a\":\"\xff\"}",
        "{\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}",
    };
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        char *text = jwt_sign_hmac("k", 1, "{\"alg\":\"HS256\"}", payloads[i]);
        ck_assert_int_eq(token_read(&token, toni_str_of(text)), TOKEN_ACCEPTED);
        ck_assert_msg(!token_read_payload(&token), "%s", payloads[i]);
        token_finish(&token);
        free(text);
    }
}
END_TEST

/* --- Which keys are tried */

/* A JWKS of one public key. */
static void add_with_id(EVP_PKEY *pair, const char *id)
{
    struct key_fault fault;
    ck_assert_int_eq(key_set_add_public(keys, pair, id, &fault), 0);
}

START_TEST(a_key_id_chooses)
{
    EVP_PKEY *a = jwt_make_key("ED25519"), *b = jwt_make_key("ED25519"),
             *nameless = jwt_make_key("ED25519");
    add_with_id(a, "a");
    add_with_id(b, "b");
    static const char with_a[] = "{\"alg\":\"EdDSA\",\"kid\":\"a\"}",
                      with_c[] = "{\"alg\":\"EdDSA\",\"kid\":\"c\"}",
                      with_none[] = "{\"alg\":\"EdDSA\"}";
    expect(jwt_sign(a, with_a, "{}"), TOKEN_ACCEPTED);
    expect(jwt_sign(b, with_a, "{}"), TOKEN_SIGNATURE);
    expect(jwt_sign(a, with_c, "{}"), TOKEN_UNKNOWN_KEY);
    expect(jwt_sign(b, with_none, "{}"), TOKEN_ACCEPTED);
    add_with_id(nameless, NULL);
    expect(jwt_sign(nameless, with_c, "{}"), TOKEN_ACCEPTED);
    expect(jwt_sign(nameless, with_a, "{}"), TOKEN_SIGNATURE);
    expect(jwt_sign(a, with_c, "{}"), TOKEN_SIGNATURE);
    EVP_PKEY_free(nameless);
    EVP_PKEY_free(b);
    EVP_PKEY_free(a);
}
END_TEST

START_TEST(so_many_keys_are_tried)
{
    EVP_PKEY *last = NULL;
    for (int i = 0; i < VERIFY_KEYS_MAX; i++) {
        EVP_PKEY_free(last);
        last = jwt_make_key("ED25519");
        add_with_id(last, NULL);
    }
    expect(jwt_sign(last, "{\"alg\":\"EdDSA\"}", "{}"), TOKEN_ACCEPTED);
    EVP_PKEY_free(last);
    last = jwt_make_key("ED25519");
    add_with_id(last, NULL);
    expect(jwt_sign(last, "{\"alg\":\"EdDSA\"}", "{}"), TOKEN_SIGNATURE);
    EVP_PKEY_free(last);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jwt_tokens");
    TCase *tests = tcase_create("tokens");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, those_of_the_rfcs, 0, RFC_TOKENS);
    tcase_add_loop_test(tests, each_byte_counts, 0, RFC_TOKENS);
    tcase_add_test(tests, what_is_no_token);
    tcase_add_test(tests, headers_that_are_refused);
    tcase_add_test(tests, a_public_key_is_no_secret);
    tcase_add_loop_test(tests, each_algorithm_by_keys_made_here, 0, 3);
    tcase_add_loop_test(tests, signatures_of_no_size, 0, RFC_TOKENS);
    tcase_add_test(tests, one_that_is_too_long);
    tcase_add_test(tests, payloads_that_are_refused);
    tcase_add_test(tests, a_key_id_chooses);
    tcase_add_test(tests, so_many_keys_are_tried);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
