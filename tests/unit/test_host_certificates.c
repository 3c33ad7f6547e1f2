/* What the host says of certificates that end: once for each stage, and again of a new one. */
#include "base/log.h"
#include "certificates.h"
#include "host/certificates.h"
#include "temporary_folder.h"

#include <time.h>

#define DAY_S 86400

static char last[512];
static unsigned said;

static void hear(void *data, enum log_level level, const char *line, size_t length)
{
    (void)data, (void)level;
    (void)snprintf(last, sizeof last, "%.*s", (int)length, line);
    said++;
}

static struct tls_context *contexts[1];
static struct tls_set set = {.contexts = contexts, .count = 1};
static struct listen_address address;
static struct address_list addresses = {.addresses = &address, .count = 1};
static struct value *tree;

/* A certificate that ends so many seconds from now. */
static void have(long end_s)
{
    const struct value_place place = {.file = "gateways.conf", .line = 1};
    struct made made =
        made_create(&(struct recipe){.name = "soon.example", .begin_s = -DAY_S, .end_s = end_s});
    made_write(testing_path("a.pem"), (const struct made *const[]){&made, NULL});
    made_write_key(testing_path("a.key"), &made, 0600);
    struct value *group = value_group_create(place);
    value_add_string(group, "certificate", place, "a.pem");
    value_add_string(group, "key", place, "a.key");
    tls_context_unref(contexts[0]);
    contexts[0] = tls_context_create(group, test_folder, &faults);
    testing_check_no_faults();
    value_destroy(group);
    made_finish(&made);
}

static void setup(void)
{
    const struct value_place place = {.file = "gateways.conf", .line = 1};
    testing_setup();
    tree = value_group_create(place);
    address.at = value_add_string(tree, "address", place, "0.0.0.0:443");
    log_set_sink(hear, NULL);
}

static void teardown(void)
{
    log_set_sink(NULL, NULL);
    tls_context_unref(contexts[0]);
    value_destroy(tree);
    testing_teardown();
}

START_TEST(each_stage_is_said_once)
{
    struct certificate_watch watch = {0};
    have(30L * DAY_S);
    const int64_t now_s = (int64_t)time(NULL);
    static const struct {
        int days; /* from now */
        unsigned said;
        const char *words;
    } rows[] = {{0, 0, ""},
                {8, 0, ""},
                {10, 1, "expires soon"},
                {10, 1, "expires soon"},
                {22, 1, "expires soon"},
                {24, 2, "expires soon"},
                {28, 2, "expires soon"},
                {30, 3, "has expired"},
                {31, 3, "has expired"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        certificate_watch_look(&watch, &set, &addresses, now_s + (int64_t)rows[i].days * DAY_S + 5);
        ck_assert_msg(said == rows[i].said, "day %d: %u lines", rows[i].days, said);
        ck_assert_ptr_nonnull(strstr(last, rows[i].words));
    }
    ck_assert_ptr_nonnull(strstr(last, "name=soon.example"));
    ck_assert_ptr_nonnull(strstr(last, "address=0.0.0.0:443"));
    certificate_watch_finish(&watch);
}
END_TEST

START_TEST(a_new_one_is_said_anew)
{
    struct certificate_watch watch = {0};
    have(6L * DAY_S);
    certificate_watch_look(&watch, &set, &addresses, (int64_t)time(NULL));
    ck_assert_uint_eq(said, 1);
    have(5L * DAY_S);
    certificate_watch_look(&watch, &set, &addresses, (int64_t)time(NULL));
    ck_assert_uint_eq(said, 2);
    have(90L * DAY_S);
    certificate_watch_look(&watch, &set, &addresses, (int64_t)time(NULL));
    ck_assert_uint_eq(said, 2);
    certificate_watch_finish(&watch);
}
END_TEST

START_TEST(plain_addresses_have_none)
{
    struct certificate_watch watch = {0};
    certificate_watch_look(&watch, &set, &addresses, (int64_t)time(NULL));
    ck_assert_uint_eq(said, 0);
    certificate_watch_finish(&watch);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host_certificates");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, each_stage_is_said_once);
    tcase_add_test(cases, a_new_one_is_said_anew);
    tcase_add_test(cases, plain_addresses_have_none);
    suite_add_tcase(suite, cases);
    return testing_run(suite);
}
