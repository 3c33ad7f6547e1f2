/* What `toni status` shows, as text and as JSON. */
#include "host/status.h"
#include "runner.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static struct status_instance instances[] = {
    {.kind = "gateway",
     .name = "rooms",
     .module = "chat",
     .namespace = "quiz",
     .path = TONI_LIT_INIT("/rooms"),
     .version = TONI_LIT_INIT("2.1-rc1"),
     .generation = 12,
     .since_ms = 1764243201175,
     .library = "/opt/toni/rooms_gateway.so",
     .is_gateway = true,
     .clients = 1042},
    {.kind = "service",
     .name = "a_longer_name",
     .module = "m",
     .namespace = "",
     .generation = 1,
     .since_ms = 0,
     .library = "/opt/caf\xc3\xa9.so"},
    {.kind = "gateway",
     .name = "e",
     .module = "m",
     .namespace = "",
     .path = TONI_LIT_INIT("/\xc3\xa9\xc3\xa9"),
     .generation = 1,
     .library = "/x.so",
     .is_gateway = true},
};

static struct status_report report = {
    .version = "0.1.0",
    .pid = 4711,
    .state = "serving",
    .since_ms = 1764243201175,
    .config_path = "/etc/toni/gateways.conf",
    .workers = 2,
    .clients = 1042,
    .instances = instances,
    .instance_count = 3,
    .rooms = 4000,
    .largest = {{.namespace = "quiz", .name = TONI_LIT_INIT("L1"), .members = 1000},
                {.namespace = "", .name = TONI_LIT_INIT("caf\xc3\xa9"), .members = 42}},
    .largest_count = 2,
};

static struct buffer out;

static void setup(void)
{
    buffer_init(&out);
}

static void teardown(void)
{
    buffer_finish(&out);
}

/* @return What was written, with a NUL. */
static const char *written(int (*write)(const struct status_report *, struct buffer *))
{
    buffer_clear(&out);
    ck_assert_int_eq(write(&report, &out), 0);
    ck_assert_int_eq(buffer_append(&out, "", 1), 0);
    return out.bytes;
}

START_TEST(text_is_aligned)
{
    ck_assert_str_eq(written(status_write_text),
                     "toni 0.1.0, pid 4711, serving, since 2025-11-27T11:33:21.175Z\n"
                     "configuration  /etc/toni/gateways.conf\n"
                     "workers        2\n"
                     "clients        1042\n"
                     "rooms          4000\n"
                     "last reload    none\n"
                     "old libraries  0 mapped still\n"
                     "\n"
                     "KIND     NAME           MODULE  PATH    CLIENTS  VERSION  GEN\n"
                     "gateway  rooms          chat    /rooms     1042  2.1-rc1   12\n"
                     "         since 2025-11-27T11:33:21.175Z, namespace quiz\n"
                     "         /opt/toni/rooms_gateway.so\n"
                     "service  a_longer_name  m       -             -  -          1\n"
                     "         since 1970-01-01T00:00:00.000Z\n"
                     "         /opt/caf\xc3\xa9.so\n"
                     "gateway  e              m       /\xc3\xa9\xc3\xa9           0  -          1\n"
                     "         since 1970-01-01T00:00:00.000Z\n"
                     "         /x.so\n"
                     "\n"
                     "MEMBERS  LARGEST ROOMS\n"
                     "   1000  quiz/L1\n"
                     "     42  caf\xc3\xa9\n");
}
END_TEST

START_TEST(text_tells_what_the_last_reload_did)
{
    report.last_reload = "reloaded: 1 swapped\nand more\n";
    report.last_reload_ms = 1764243201175;
    report.old_libraries = 3;
    ck_assert_ptr_nonnull(strstr(written(status_write_text),
                                 "clients        1042\n"
                                 "rooms          4000\n"
                                 "last reload    2025-11-27T11:33:21.175Z\n"
                                 "               reloaded: 1 swapped\n"
                                 "               and more\n"
                                 "old libraries  3 mapped still\n\n"));
    report.last_reload = NULL;
    report.old_libraries = 0;
}
END_TEST

START_TEST(text_tells_of_histories_where_there_are_any)
{
    report.histories = (struct status_histories){.rooms = 3, .bytes = 4321, .recovered = 17};
    ck_assert_ptr_nonnull(strstr(written(status_write_text), "rooms          4000\n"
                                                             "histories      3 rooms, 4321 bytes\n"
                                                             "came back      17 recovered, 0 not\n"
                                                             "last reload"));
    report.histories = (struct status_histories){0};
    report.histories.not_recovered[NOT_EPOCH] = 2;
    report.histories.not_recovered[NOT_NO_MEMORY] = 1;
    ck_assert_ptr_nonnull(strstr(written(status_write_text),
                                 "came back      0 recovered, 3 not: epoch 2, no_memory 1\n"));
    report.histories = (struct status_histories){0};
}
END_TEST

/* A plugin may call its version what it likes. */
START_TEST(text_holds_nothing_that_a_terminal_would_obey)
{
    const toni_str bad[] = {TONI_LIT_INIT("1.0\x1b[2J"), TONI_LIT_INIT("\xff"),
                            TONI_LIT_INIT("1\n2"), TONI_LIT_INIT("\xc2\x9b")};
    const toni_str good = instances[0].version;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        instances[0].version = bad[i];
        instances[0].library = "/opt/\x1b[2J.so";
        const char *text = written(status_write_text);
        ck_assert_ptr_nonnull(strstr(text, "1042  ?         12\n"));
        ck_assert_ptr_null(strchr(text, '\x1b'));
    }
    instances[0].version = good;
    instances[0].library = "/opt/toni/rooms_gateway.so";
}
END_TEST

static json_t *read_json(void)
{
    json_error_t error;
    json_t *whole = json_loads(written(status_write_json), JSON_REJECT_DUPLICATES, &error);

    ck_assert_msg(whole != NULL, "%s", error.text);
    return whole;
}

START_TEST(json_says_all)
{
    report.reloads = 7;
    report.last_reload = "reloaded\n";
    report.last_reload_ms = 1764243201175;
    report.old_libraries = 3;
    instances[1].guard_answers[GUARD_LET_IN] = 5;
    instances[1].guard_answers[GUARD_SAID_NO] = 2;
    instances[1].guard_answers[GUARD_TIMED_OUT] = 1;
    report.histories = (struct status_histories){.rooms = 3, .bytes = 4321, .recovered = 17};
    report.histories.not_recovered[NOT_TRIMMED] = 2;
    json_t *whole = read_json();
    json_t *expected = json_pack(
        "{s:s, s:i, s:s, s:s, s:s, s:i, s:i, s:i, s:{s:s, s:s}, s:i, s:[{s:s, s:s, s:s, s:s, s:s, "
        "s:s, "
        "s:i, s:s, s:s, s:i, s:n},"
        "{s:s, s:s, s:s, s:s, s:n, s:n, s:i, s:s, s:s, s:n, s:{s:i, s:i, s:i, s:i, s:i, s:i}},"
        "{s:s, s:s, s:s, s:s, s:s, s:n, s:i, s:s, s:s, s:i, s:n}], s:i, s:[{s:s, s:s, s:i}, "
        "{s:s, s:s, s:i}], s:n}",
        "version", "0.1.0", "pid", 4711, "state", "serving", "since", "2025-11-27T11:33:21.175Z",
        "config", "/etc/toni/gateways.conf", "workers", 2, "clients", 1042, "reloads", 7,
        "last_reload", "time", "2025-11-27T11:33:21.175Z", "text", "reloaded\n", "old_libraries", 3,
        "instances", "name", "rooms", "kind", "gateway", "module", "chat", "namespace", "quiz",
        "path", "/rooms", "version", "2.1-rc1", "generation", 12, "since",
        "2025-11-27T11:33:21.175Z", "library", "/opt/toni/rooms_gateway.so", "clients", 1042,
        "guard", "name", "a_longer_name", "kind", "service", "module", "m", "namespace", "", "path",
        "version", "generation", 1, "since", "1970-01-01T00:00:00.000Z", "library",
        "/opt/caf\xc3\xa9.so", "clients", "guard", "let_in", 5, "refused", 2, "timeout", 1, "busy",
        0, "withdrawn", 0, "revoked", 0, "name", "e", "kind", "gateway", "module", "m", "namespace",
        "", "path", "/\xc3\xa9\xc3\xa9", "version", "generation", 1, "since",
        "1970-01-01T00:00:00.000Z", "library", "/x.so", "clients", 0, "guard", "rooms", 4000,
        "largest_rooms", "namespace", "quiz", "name", "L1", "members", 1000, "namespace", "",
        "name", "caf\xc3\xa9", "members", 42, "cluster");

    json_t *histories = json_pack(
        "{s:i, s:i, s:i, s:{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}}", "rooms", 3, "bytes",
        4321, "recovered", 17, "not_recovered", "epoch", 0, "ahead", 0, "trimmed", 2, "too_much", 0,
        "no_history", 0, "outbox", 0, "member", 0, "away", 0, "no_memory", 0);

    ck_assert_int_eq(json_object_set_new(expected, "histories", histories), 0);
    ck_assert_msg(json_equal(whole, expected), "%s", out.bytes);
    json_decref(whole);
    json_decref(expected);
    report.histories = (struct status_histories){0};
    memset(instances[1].guard_answers, 0, sizeof instances[1].guard_answers);
    report.last_reload = NULL;
    report.reloads = report.old_libraries = 0;
}
END_TEST

START_TEST(json_of_a_text_that_is_not_utf8_is_null)
{
    const toni_str good = instances[0].version;
    instances[0].version = (toni_str)TONI_LIT_INIT("\xff");
    instances[0].library = "/opt/\xff.so";
    report.config_path = "/\xff";
    json_t *whole = read_json();
    const json_t *first = json_array_get(json_object_get(whole, "instances"), 0);

    ck_assert(json_is_null(json_object_get(first, "version")));
    ck_assert(json_is_null(json_object_get(first, "library")));
    ck_assert(json_is_null(json_object_get(whole, "config")));
    json_decref(whole);
    instances[0].version = good;
    instances[0].library = "/opt/toni/rooms_gateway.so";
    report.config_path = "/etc/toni/gateways.conf";
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host/status");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, text_is_aligned);
    tcase_add_test(cases, text_tells_what_the_last_reload_did);
    tcase_add_test(cases, text_tells_of_histories_where_there_are_any);
    tcase_add_test(cases, text_holds_nothing_that_a_terminal_would_obey);
    tcase_add_test(cases, json_says_all);
    tcase_add_test(cases, json_of_a_text_that_is_not_utf8_is_null);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
