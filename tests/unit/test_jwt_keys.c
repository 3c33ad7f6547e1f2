/* Keys of jwt_guard: which are taken, which are faults, and when files are read anew. */
#include "jwt_fixture.h"
#include "key_files.h"
#include "runner.h"
#include "temporary_folder.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#define SECRET "01234567890123456789012345678901"

static struct key_set *keys;
static struct key_files files;
static struct key_fault fault;

static void set_up(void)
{
    testing_setup();
    keys = key_set_create();
    files = (struct key_files){0};
}

static void tear_down(void)
{
    key_set_unref(keys);
    testing_teardown();
}

/* --- JWKS */

START_TEST(key_sets)
{
    static const struct {
        const char *text, *fault; /* NULL: none */
        size_t count, skipped;
    } rows[] = {
        {JWKS(RFC_ES256_KEY), NULL, 1, 0},
        {JWKS(RFC_ES256_KEY "," RFC_RS256_KEY "," RFC_EDDSA_KEY "," RFC_HS256_KEY), NULL, 4, 0},
        {"{\"keys\":[" RFC_ES256_KEY "],\"more\":1}", NULL, 1, 0},
        {JWKS(RFC_ES256_KEY ",{\"kty\":\"EC\",\"crv\":\"P-521\"}"), NULL, 1, 1},
        {JWKS(RFC_ES256_KEY ",{\"kty\":\"NEW\"}"), NULL, 1, 1},
        {JWKS(RFC_ES256_KEY ",{\"kty\":\"RSA\",\"use\":\"enc\"}"), NULL, 1, 1},
        {JWKS(RFC_ES256_KEY ",{\"kty\":\"RSA\",\"alg\":\"RS512\"}"), NULL, 1, 1},
        {JWKS(RFC_ES256_KEY ",{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"HS256\"}"), NULL, 1, 1},
        {JWKS(RFC_ES256_KEY ",{\"kty\":\"RSA\",\"key_ops\":[\"encrypt\"]}"), NULL, 1, 1},
        {JWKS("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"use\":\"sig\","
              "\"key_ops\":[\"sign\",\"verify\"],\"kid\":\"a\","
              "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"),
         NULL, 1, 0},
        {"", "no JSON object", 0, 0},
        {"[]", "no JSON object", 0, 0},
        {"{\"keys\":{}}", "no JSON object", 0, 0},
        {"{\"keys\":[],\"keys\":[]}", "no JSON object", 0, 0},
        {"{\"keys\":[]}", "no key that tokens can be verified with", 0, 0},
        {JWKS("{\"kty\":\"NEW\"}"), "no key that tokens can be verified with", 0, 0},
        {JWKS("7"), "no object with a text `kty`", 0, 0},
        {JWKS("{}"), "no object with a text `kty`", 0, 0},
        {JWKS("{\"kty\":\"RSA\",\"kid\":7}"), "no object with a text `kty`", 0, 0},
        {JWKS("{\"kty\":\"RSA\"}"), "no `n`", 0, 0},
        {JWKS("{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}"), "17 bits; expected 2048 to 8192",
         0, 0},
        {JWKS("{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"\"}"), "`e` that is not base64url", 0, 0},
        {JWKS("{\"kty\":\"oct\",\"k\":\"AQAB\"}"), "3 bytes; expected at least 32", 0, 0},
        {JWKS("{\"kty\":\"oct\",\"k\":\"AQA=\"}"), "`k` that is not base64url", 0, 0},
        {JWKS("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQAB\",\"y\":\"AQAB\"}"), "of 32 bytes", 0,
         0},
        {JWKS("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvR"
              "VEU\",\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}"),
         "type `EC` is not valid", 0, 0}, /* no point of the curve */
        {JWKS("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusA"
              "xyuf2A\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"),
         "private key", 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct key_set *set = key_set_create();
        const int result = key_set_add_jwks(set, toni_str_of(rows[i].text), &fault);
        if (rows[i].fault) {
            ck_assert_msg(result == -1 && strstr(fault.text, rows[i].fault), "%s: %s", rows[i].text,
                          fault.text);
        } else {
            ck_assert_msg(result == 0 && set->count == rows[i].count &&
                              set->skipped == rows[i].skipped,
                          "%s: %s", rows[i].text, fault.text);
        }
        key_set_unref(set);
        ck_assert_int_eq((int)ERR_peek_error(), 0);
    }
}
END_TEST

START_TEST(so_many_keys)
{
    static char text[KEYS_MAX * 200];
    size_t at = (size_t)snprintf(text, sizeof text, "{\"keys\":[%s", RFC_EDDSA_KEY);
    for (int i = 1; i < KEYS_MAX; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, ",%s", RFC_EDDSA_KEY);
    (void)snprintf(text + at, sizeof text - at, "]}");
    jwt_add_jwks(keys, text);
    ck_assert_uint_eq(keys->count, KEYS_MAX);
    ck_assert_int_eq(key_set_add_jwks(keys, toni_str_of(JWKS(RFC_EDDSA_KEY)), &fault), -1);
    ck_assert_ptr_nonnull(strstr(fault.text, "more than 64 keys"));
}
END_TEST

/* --- PEM */

static int add_pem(const char *text)
{
    const int result = key_set_add_pem(keys, toni_str_of(text), &fault);
    ck_assert_int_eq((int)ERR_peek_error(), 0);
    return result;
}

START_TEST(pem_with_several_keys)
{
    static const char *const types[] = {"RSA", "EC", "ED25519"};
    char text[8192] = "Comments stand between them.\n";
    size_t size = strlen(text);
    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY *pair = jwt_make_key(types[i]);
        char *pem = jwt_pem(pair);
        size += (size_t)snprintf(text + size, sizeof text - size, "%s", pem);
        free(pem);
        EVP_PKEY_free(pair);
    }
    ck_assert_int_eq(add_pem(text), 0);
    ck_assert_uint_eq(keys->count, 3);
    ck_assert_int_eq(keys->keys[0].algorithm, KEY_RS256);
    ck_assert_int_eq(keys->keys[1].algorithm, KEY_ES256);
    ck_assert_int_eq(keys->keys[2].algorithm, KEY_EDDSA);
    text[size - 40] = '\0'; /* the last one is cut */
    ck_assert_int_eq(add_pem(text), -1);
    ck_assert_ptr_nonnull(strstr(fault.text, "damaged"));
}
END_TEST

static void expect_pem_fault(EVP_PKEY *key, bool is_private, const char *expected)
{
    char *bytes;
    BIO *bio = BIO_new(BIO_s_mem());
    ck_assert_int_eq(is_private ? PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)
                                : PEM_write_bio_PUBKEY(bio, key),
                     1);
    const long size = BIO_get_mem_data(bio, &bytes);
    ck_assert_int_eq(key_set_add_pem(keys, toni_str_make(bytes, (size_t)size), &fault), -1);
    ck_assert_msg(strstr(fault.text, expected) != NULL, "%s", fault.text);
    BIO_free(bio);
    EVP_PKEY_free(key);
}

START_TEST(pem_that_is_refused)
{
    expect_pem_fault(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024), false,
                     "1024 bits; expected 2048 to 8192");
    expect_pem_fault(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"), false, "not known here");
    expect_pem_fault(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), false, "not known here");
    expect_pem_fault(jwt_make_key("EC"), true, "private key");
    static const char *const rows[][2] = {
        {"", "no public key in PEM"},
        {"nothing\n", "no public key in PEM"},
        {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "that is no public key"},
        {"-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n", "PEM"},
        {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
         "a block `CERTIFICATE`; expected `PUBLIC KEY`"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_int_eq(add_pem(rows[i][0]), -1);
        ck_assert_msg(strstr(fault.text, rows[i][1]) != NULL, "%s", fault.text);
    }
    ck_assert_uint_eq(keys->count, 0);
}
END_TEST

/* --- Files */

static const char *write_file(const char *name, const char *text, mode_t mode)
{
    const char *path = testing_write(name, text, strlen(text));
    ck_assert_int_eq(chmod(path, mode), 0);
    return path;
}

/* As if nobody had touched it for a while. @param age_s  In seconds. */
static void set_age(const char *path, time_t age_s)
{
    const struct timespec then = {.tv_sec = time(NULL) - age_s};
    const struct timespec times[2] = {then, then};
    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void expect_file_fault(enum key_file_kind kind, const char *path, const char *expected)
{
    files.count = 0;
    ck_assert_int_eq(key_files_add(&files, kind, path), 0);
    struct key_set *set = key_files_read(&files, &fault);
    ck_assert_ptr_null(set);
    ck_assert_msg(strstr(fault.text, expected) && strstr(fault.text, path), "%s", fault.text);
}

START_TEST(files_that_are_refused)
{
    static char large[262146];
    memset(large, ' ', sizeof large - 1);
    expect_file_fault(KEY_FILE_PEM, testing_path("none"), "No such file");
    expect_file_fault(KEY_FILE_PEM, test_folder, "it is no file");
    expect_file_fault(KEY_FILE_SECRET, write_file("a", SECRET, 0644), "everybody may read");
    expect_file_fault(KEY_FILE_SECRET, write_file("b", SECRET, 0602), "everybody may read");
    expect_file_fault(KEY_FILE_SECRET, write_file("c", "too short\n", 0600), "9 bytes");
    expect_file_fault(KEY_FILE_SECRET, write_file("d", "", 0600), "0 bytes");
    expect_file_fault(KEY_FILE_JWKS, write_file("e", JWKS(RFC_HS256_KEY), 0644),
                      "holds a secret (`oct`)");
    expect_file_fault(KEY_FILE_JWKS, write_file("f", large, 0644), "more than 262144 bytes");
    EVP_PKEY *pair = jwt_make_key("EC");
    char *pem = jwt_pem(pair);
    expect_file_fault(KEY_FILE_SECRET, write_file("g", pem, 0600), "it is PEM");
    ck_assert_int_eq(mkfifo(testing_path("pipe"), 0600), 0);
    expect_file_fault(KEY_FILE_PEM, testing_path("pipe"), "it is no file");
    free(pem);
    EVP_PKEY_free(pair);
}
END_TEST

START_TEST(files_that_are_read)
{
    static const char *const lines[] = {SECRET, SECRET "\n", SECRET "\r\n"};
    static const char name[] = "secret";
    for (size_t i = 0; i < 3; i++) {
        files.count = 0;
        ck_assert_int_eq(key_files_add(&files, KEY_FILE_SECRET, write_file(name, lines[i], 0640)),
                         0);
        struct key_set *set = key_files_read(&files, &fault);
        ck_assert_msg(set != NULL, "%s", fault.text);
        key_set_unref(set);
    }
    ck_assert_int_eq(
        key_files_add(&files, KEY_FILE_JWKS, write_file("jwks", JWKS(RFC_EDDSA_KEY), 0644)), 0);
    struct key_set *both = key_files_read(&files, &fault);
    ck_assert_uint_eq(both->count, 2);
    key_set_unref(both);
    while (files.count < KEY_FILES_MAX)
        ck_assert_int_eq(key_files_add(&files, KEY_FILE_PEM, "x"), 0);
    ck_assert_int_eq(key_files_add(&files, KEY_FILE_PEM, "x"), -1);
}
END_TEST

static void expect_read(bool is_good)
{
    ck_assert(key_files_have_changed(&files));
    struct key_set *set = key_files_read(&files, &fault);
    ck_assert_int_eq(set != NULL, is_good);
    key_set_unref(set);
    ck_assert(!key_files_have_changed(&files)); /* it is complained of once */
}

START_TEST(changes_are_noticed)
{
    const char *path = strdup(testing_path("jwks"));
    (void)write_file("jwks", JWKS(RFC_EDDSA_KEY), 0644);
    set_age(path, 100);
    ck_assert_int_eq(key_files_add(&files, KEY_FILE_JWKS, path), 0);
    expect_read(true);
    (void)write_file("jwks", "{", 0644);
    ck_assert(!key_files_have_changed(&files)); /* somebody may be in the middle of it */
    set_age(path, 50);
    expect_read(false);
    (void)write_file("other", JWKS(RFC_ES256_KEY), 0644);
    set_age(testing_path("other"), 100);
    ck_assert_int_eq(rename(testing_path("other"), path), 0);
    expect_read(true);
    ck_assert_int_eq(unlink(path), 0);
    expect_read(false);
    (void)write_file("other", JWKS(RFC_ES256_KEY), 0644);
    set_age(testing_path("other"), 100);
    ck_assert_int_eq(symlink("other", path), 0); /* as Kubernetes does */
    expect_read(true);
    set_age(testing_path("other"), -3600); /* a clock that was set back */
    expect_read(true);
    free((char *)path);
}
END_TEST

static void let_open(rlim_t descriptors)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = descriptors;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Else a key that was taken out stays trusted until somebody touches its file again. */
START_TEST(what_the_host_was_short_of_is_tried_again)
{
    const char *path = strdup(testing_path("jwks"));
    (void)write_file("jwks", JWKS(RFC_EDDSA_KEY), 0644);
    set_age(path, 100);
    ck_assert_int_eq(key_files_add(&files, KEY_FILE_JWKS, path), 0);
    expect_read(true);
    (void)write_file("jwks", JWKS(RFC_ES256_KEY), 0644);
    set_age(path, 50);
    ck_assert(key_files_have_changed(&files));
    let_open(0);
    ck_assert_ptr_null(key_files_read(&files, &fault));
    ck_assert_msg(strstr(fault.text, "Too many open files"), "%s", fault.text);
    let_open(256);
    expect_read(true);
    free((char *)path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jwt_keys");
    TCase *tests = tcase_create("keys");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, key_sets);
    tcase_add_test(tests, so_many_keys);
    tcase_add_test(tests, pem_with_several_keys);
    tcase_add_test(tests, pem_that_is_refused);
    tcase_add_test(tests, files_that_are_refused);
    tcase_add_test(tests, files_that_are_read);
    tcase_add_test(tests, changes_are_noticed);
    tcase_add_test(tests, what_the_host_was_short_of_is_tried_again);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
