/* The group `tls`: settings, certificates, and every fault that keeps an address from being served.
 * Certificates are made by the test. */
#include "certificates.h"
#include "temporary_folder.h"
#include "tls/certificate.h"
#include "tls/context.h"
#include "tls/names.h"

#include <time.h>

#define LINE 7
#define DAY_S 86400L

static struct made authority, host, other;

static void setup(void)
{
    testing_setup();
    authority = made_create(&(struct recipe){.name = "Test CA", .is_authority = true});
    host = made_create(&(struct recipe){.name = "ignored.example",
                                        .names = "DNS:Host.Example, DNS:*.wild.example",
                                        .issuer = &authority});
    other =
        made_create(&(struct recipe){.name = "other.example", .names = NULL, .issuer = &authority});
    made_write(testing_path("host.pem"), (const struct made *const[]){&host, &authority, NULL});
    made_write_key(testing_path("host.key"), &host, 0640);
    made_write(testing_path("other.pem"), (const struct made *const[]){&other, NULL});
    made_write_key(testing_path("other.key"), &other, 0600);
    made_write(testing_path("ca.pem"), (const struct made *const[]){&authority, NULL});
}

static void teardown(void)
{
    made_finish(&authority);
    made_finish(&host);
    made_finish(&other);
    testing_teardown();
}

/* --- Groups */

static const struct value_place place = {.file = "gateways.conf", .line = LINE};

static struct value *group_of(const char *const *settings)
{
    struct value *group = value_group_create(place);
    for (; *settings; settings += 2)
        value_add_string(group, settings[0], place, settings[1]);
    return group;
}

static struct tls_context *load(struct value *group)
{
    struct tls_context *context = tls_context_create(group, test_folder, &faults);
    value_destroy(group);
    return context;
}

#define GROUP(...) group_of((const char *const[]){__VA_ARGS__, NULL})

static void check_refused(struct value *group, const char *const *words)
{
    ck_assert_ptr_null(load(group));
    testing_check_fault(LINE, words);
}

#define REFUSED(group, ...) check_refused(group, WORDS(__VA_ARGS__))

/* --- What is good */

START_TEST(a_pair_is_loaded)
{
    struct tls_context *context =
        load(GROUP("certificate", "host.pem", "key", "host.key", "minimum", "1.3", "ciphers",
                   "TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256"));
    testing_check_no_faults();
    ck_assert_ptr_nonnull(context);
    ck_assert_uint_eq(tls_context_count(context), 1);
    ck_assert_str_eq(tls_context_title(context, 0), "host.example");
    const int64_t left_s = tls_context_ends_s(context, 0) - (int64_t)time(NULL);
    ck_assert_int_gt(left_s, 29 * DAY_S);
    ck_assert_int_le(left_s, 30 * DAY_S);
    tls_context_unref(context);
}
END_TEST

START_TEST(the_first_of_a_chain_to_end_ends_it)
{
    struct made brief = made_create(
        &(struct recipe){.name = "Brief CA", .is_authority = true, .begin_s = -10, .end_s = 1000});
    struct made below = made_create(&(struct recipe){.name = "a.example", .issuer = &brief});
    made_write(testing_path("chain.pem"), (const struct made *const[]){&below, &brief, NULL});
    made_write_key(testing_path("below.key"), &below, 0600);
    struct tls_context *context = load(GROUP("certificate", "chain.pem", "key", "below.key"));
    testing_check_no_faults();
    ck_assert_int_le(tls_context_ends_s(context, 0) - (int64_t)time(NULL), 1000);
    tls_context_unref(context);
    made_finish(&brief);
    made_finish(&below);
}
END_TEST

START_TEST(the_names_are_those_of_the_certificate)
{
    char **names;
    size_t count;
    ck_assert_int_eq(tls_names_read(host.x509, &names, &count), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(names[0], "host.example");
    ck_assert_str_eq(names[1], "*.wild.example");
    tls_names_free(names, count);
    ck_assert_int_eq(tls_names_read(other.x509, &names, &count), 0);
    ck_assert_uint_eq(count, 1); /* the common name, since there are no others */
    ck_assert_str_eq(names[0], "other.example");
    tls_names_free(names, count);
}
END_TEST

START_TEST(a_wildcard_is_for_one_label)
{
    ck_assert(tls_name_covers("*.wild.example", "a.wild.example"));
    ck_assert(!tls_name_covers("*.wild.example", "a.b.wild.example"));
    ck_assert(!tls_name_covers("*.wild.example", "wild.example"));
    ck_assert(!tls_name_covers("*.wild.example", ".wild.example"));
    ck_assert(!tls_name_covers("*.wild.example", "awild.example"));
    ck_assert(tls_name_covers("a.example", "a.example"));
    ck_assert(!tls_name_covers("a.example", "b.example"));
}
END_TEST

static struct value *several(const char *const pairs[][2], size_t count)
{
    struct value *group = value_group_create(place);
    struct value *list = value_add_list(group, "certificates", place);
    for (size_t i = 0; i < count; i++) {
        struct value *pair = value_add_group(list, NULL, place);
        value_add_string(pair, "certificate", place, pairs[i][0]);
        value_add_string(pair, "key", place, pairs[i][1]);
    }
    return group;
}

START_TEST(several_are_loaded)
{
    static const char *const pairs[][2] = {{"host.pem", "host.key"}, {"other.pem", "other.key"}};
    struct tls_context *context = load(several(pairs, 2));
    testing_check_no_faults();
    ck_assert_uint_eq(tls_context_count(context), 2);
    ck_assert_str_eq(tls_context_title(context, 1), "other.example");
    tls_context_unref(context);
}
END_TEST

START_TEST(no_name_is_in_two_certificates)
{
    static const char *const pairs[][2] = {{"host.pem", "host.key"}, {"host.pem", "host.key"}};
    check_refused(several(pairs, 2), WORDS("both for `host.example`"));
}
END_TEST

START_TEST(a_credential_of_the_unit_is_found)
{
    unsetenv("CREDENTIALS_DIRECTORY");
    REFUSED(GROUP("certificate", "host.pem", "key", "credential:host.key"),
            "$CREDENTIALS_DIRECTORY is not set", "LoadCredential=host.key:");
    setenv("CREDENTIALS_DIRECTORY", test_folder, 1);
    struct tls_context *context =
        load(GROUP("certificate", "credential:host.pem", "key", "credential:host.key"));
    testing_check_no_faults();
    ck_assert_ptr_nonnull(context);
    tls_context_unref(context);
}
END_TEST

/* --- Faults of the settings */

START_TEST(settings_that_are_wrong_are_faults)
{
    REFUSED(GROUP("certificate", "host.pem"), "lacks `key`");
    REFUSED(GROUP("key", "host.key"), "lacks `certificate`");
    REFUSED(GROUP("certificate", "", "key", "host.key"), "`certificate`", "empty");
    REFUSED(GROUP("certificate", "host.pem", "key", "host.key", "minimum", "1.1"), "`minimum`",
            "`1.1`");
    REFUSED(GROUP("certificate", "host.pem", "key", "host.key", "ciphers", "NONE-SUCH"),
            "`ciphers`", "`NONE-SUCH`");
    REFUSED(GROUP("certificate", "host.pem", "key", "host.key", "ciphers", "TLS_NONE_SUCH"),
            "`ciphers`", "`TLS_NONE_SUCH`");
    REFUSED(GROUP("certificate", "host.pem", "key", "host.key", "client_certificates", "perhaps",
                  "client_authorities", "ca.pem"),
            "`perhaps`", "`optional` or `required`");
    REFUSED(GROUP("certificate", "host.pem", "key", "host.key", "client_certificates", "required"),
            "lacks `client_authorities`");
    REFUSED(GROUP("certificate", "host.pem", "key", "host.key", "client_authorities", "ca.pem"),
            "changes nothing without `client_certificates`");
    REFUSED(GROUP("certificate", "host.pem", "key", "host.key", "cert", "x"), "`cert`");
    struct value *both = GROUP("certificate", "host.pem", "key", "host.key");
    value_add_list(both, "certificates", place);
    REFUSED(both, "move these into an entry of `certificates`");
    struct value *none = value_group_create(place);
    value_add_list(none, "certificates", place);
    REFUSED(none, "0 entries");
}
END_TEST

/* --- Faults of the files */

START_TEST(files_that_are_wrong_are_faults)
{
    size_t size;
    char *text = testing_read(testing_path("host.pem"), &size);
    testing_write("truncated.pem", text, size - 100);
    testing_write("half.pem", text, 100);
    free(text);
    testing_write_text("empty.pem", "");
    testing_write_text("words.pem", "this is no certificate\n");
    ck_assert_int_eq(mkdir(testing_path("folder"), 0700), 0);
    REFUSED(GROUP("certificate", "none.pem", "key", "host.key"), "none.pem", "No such file");
    REFUSED(GROUP("certificate", "folder", "key", "host.key"), "a folder");
    REFUSED(GROUP("certificate", "empty.pem", "key", "host.key"), "empty.pem", "is empty");
    REFUSED(GROUP("certificate", "words.pem", "key", "host.key"), "holds no certificate");
    REFUSED(GROUP("certificate", "half.pem", "key", "host.key"), "certificate 1 in `half.pem`",
            "truncated");
    REFUSED(GROUP("certificate", "truncated.pem", "key", "host.key"),
            "certificate 2 in `truncated.pem`", "truncated");
    REFUSED(GROUP("certificate", "host.pem", "key", "host.pem"), "host.pem", "mode 0644");
    chmod(testing_path("words.pem"), 0600);
    REFUSED(GROUP("certificate", "host.pem", "key", "words.pem"), "no private key");
    REFUSED(GROUP("certificate", "host.pem", "key", "other.key"), "is not that of the certificate");
}
END_TEST

START_TEST(a_key_that_everybody_may_use_is_a_fault)
{
    static const unsigned modes[] = {0644, 0604, 0602, 0666, 0601};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        made_write_key(testing_path("open.key"), &host, modes[i]);
        REFUSED(GROUP("certificate", "host.pem", "key", "open.key"), "everybody", "chmod 0640");
    }
    made_write_key(testing_path("open.key"), &host, 0640);
    struct tls_context *context = load(GROUP("certificate", "host.pem", "key", "open.key"));
    testing_check_no_faults();
    tls_context_unref(context);
}
END_TEST

static void check_made(const struct recipe *recipe, const char *const *words)
{
    struct made made = made_create(recipe);
    made_write(testing_path("made.pem"), (const struct made *const[]){&made, NULL});
    made_write_key(testing_path("made.key"), &made, 0600);
    check_refused(GROUP("certificate", "made.pem", "key", "made.key"), words);
    made_finish(&made);
}

START_TEST(the_time_of_a_certificate_counts)
{
    check_made(&(struct recipe){.name = "a.example", .begin_s = -2 * DAY_S, .end_s = -DAY_S},
               WORDS("certificate 1 in `made.pem` has expired at 20"));
    check_made(&(struct recipe){.name = "a.example", .begin_s = DAY_S, .end_s = 2 * DAY_S},
               WORDS("certificate 1 in `made.pem` is not valid yet"));
}
END_TEST

START_TEST(the_time_of_its_issuer_counts)
{
    struct made old = made_create(&(struct recipe){
        .name = "Old CA", .is_authority = true, .begin_s = -2 * DAY_S, .end_s = -DAY_S});
    struct made below = made_create(&(struct recipe){.name = "a.example", .issuer = &old});
    made_write(testing_path("below.pem"), (const struct made *const[]){&below, &old, NULL});
    made_write_key(testing_path("below.key"), &below, 0600);
    REFUSED(GROUP("certificate", "below.pem", "key", "below.key"),
            "certificate 2 in `below.pem` has expired");
    made_finish(&old);
    made_finish(&below);
}
END_TEST

START_TEST(a_broken_chain_is_a_fault)
{
    struct made stranger = made_create(
        &(struct recipe){.name = "Test CA", .is_authority = true}); /* but not its key */
    made_write(testing_path("broken.pem"), (const struct made *const[]){&host, &stranger, NULL});
    REFUSED(GROUP("certificate", "broken.pem", "key", "host.key"), "the chain in `broken.pem`",
            "certificate 2 has not signed certificate 1");
    made_write(testing_path("turned.pem"), (const struct made *const[]){&authority, &host, NULL});
    made_write_key(testing_path("authority.key"), &authority, 0600);
    REFUSED(GROUP("certificate", "turned.pem", "key", "authority.key"),
            "the chain in `turned.pem`");
    made_finish(&stranger);
}
END_TEST

START_TEST(authorities_have_to_be_whole)
{
    size_t size;
    char *text = testing_read(testing_path("ca.pem"), &size);
    testing_write("half.pem", text, size / 2);
    free(text);
    REFUSED(GROUP("certificate", "host.pem", "key", "host.key", "client_certificates", "optional",
                  "client_authorities", "half.pem"),
            "`client_authorities`", "0 certificates can be read");
    struct tls_context *context =
        load(GROUP("certificate", "host.pem", "key", "host.key", "client_certificates", "optional",
                   "client_authorities", "ca.pem"));
    testing_check_no_faults();
    tls_context_unref(context);
}
END_TEST

START_TEST(a_response_that_is_none_is_a_fault)
{
    testing_write_text("words.der", "this is no response");
    REFUSED(GROUP("certificate", "host.pem", "key", "host.key", "ocsp", "words.der"),
            "the OCSP response in `words.der`", "damaged");
}
END_TEST

START_TEST(a_port_changes_its_context)
{
    struct tls_port port;
    struct tls_context *first = load(GROUP("certificate", "host.pem", "key", "host.key"));
    struct tls_context *second = load(GROUP("certificate", "other.pem", "key", "other.key"));
    tls_port_init(&port, first);
    struct tls_context *seen = tls_port_context(&port);
    ck_assert_ptr_eq(seen, first);
    tls_port_change(&port, second);
    tls_context_unref(first);
    ck_assert_str_eq(tls_context_title(seen, 0), "host.example"); /* who has it keeps it */
    tls_context_unref(seen);
    seen = tls_port_context(&port);
    ck_assert_ptr_eq(seen, second);
    tls_context_unref(seen);
    tls_context_unref(second);
    tls_port_finish(&port);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls_context");
    TCase *good = tcase_create("good"), *bad = tcase_create("bad");
    tcase_add_checked_fixture(good, setup, teardown);
    tcase_add_checked_fixture(bad, setup, teardown);
    tcase_add_test(good, a_pair_is_loaded);
    tcase_add_test(good, the_first_of_a_chain_to_end_ends_it);
    tcase_add_test(good, the_names_are_those_of_the_certificate);
    tcase_add_test(good, a_wildcard_is_for_one_label);
    tcase_add_test(good, several_are_loaded);
    tcase_add_test(good, a_credential_of_the_unit_is_found);
    tcase_add_test(good, a_port_changes_its_context);
    tcase_add_test(bad, no_name_is_in_two_certificates);
    tcase_add_test(bad, settings_that_are_wrong_are_faults);
    tcase_add_test(bad, files_that_are_wrong_are_faults);
    tcase_add_test(bad, a_key_that_everybody_may_use_is_a_fault);
    tcase_add_test(bad, the_time_of_a_certificate_counts);
    tcase_add_test(bad, the_time_of_its_issuer_counts);
    tcase_add_test(bad, a_broken_chain_is_a_fault);
    tcase_add_test(bad, authorities_have_to_be_whole);
    tcase_add_test(bad, a_response_that_is_none_is_a_fault);
    suite_add_tcase(suite, good);
    suite_add_tcase(suite, bad);
    return testing_run(suite);
}
