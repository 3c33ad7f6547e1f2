/* What guards leave: bounds, replacement, and where header fields go in an answer. */
#include "rooms/guard_notes.h"
#include "runner.h"

#include <stdlib.h>
#include <string.h>
#include <toni/guard.h>
#include <toni/toni.h>

static toni_host table;
static struct guard_notes *notes;
static toni_request request;
static char bytes[GUARD_NOTES_BYTES + 1];

static int32_t find_header(void *context, toni_str name, toni_str *value)
{
    (void)context;
    if (!toni_str_equal(name, TONI_LIT("Sec-WebSocket-Protocol")))
        return TONI_ERR_NOT_FOUND;
    *value = TONI_LIT("v1, v2");
    return TONI_OK;
}

static struct guard_notes **find_notes(void *context)
{
    (void)context;
    return &notes;
}

static const struct request_source taking = {
    .find_header = find_header, .notes = find_notes, .takes_notes = true};
static const struct request_source reading = {.find_header = find_header, .notes = find_notes};

static void set_up(void)
{
    request_fill_table(&table);
    guard_notes_fill_table(&table);
    request = (toni_request){.host = &table, .source = &taking};
    memset(bytes, 'x', sizeof bytes);
    notes = NULL;
}

static void tear_down(void)
{
    guard_notes_destroy(notes);
}

static int32_t leave(const char *name, size_t size)
{
    return toni_guard_leave_value(&request, toni_str_of(name), toni_str_make(bytes, size));
}

static size_t size_of(const char *name)
{
    toni_str value;
    return toni_request_value(&request, toni_str_of(name), &value) == TONI_OK ? value.size
                                                                              : SIZE_MAX;
}

START_TEST(values_are_bounded_together)
{
    ck_assert_int_eq(leave("a", GUARD_NOTES_BYTES), TONI_ERR_TOO_BIG);
    ck_assert_int_eq(leave("a", GUARD_NOTES_BYTES - 1), TONI_OK);
    ck_assert_int_eq(leave("b", 0), TONI_ERR_TOO_BIG);
    ck_assert_int_eq(leave("a", GUARD_NOTES_BYTES - 2), TONI_OK); /* in its own place */
    ck_assert_int_eq(leave("b", 0), TONI_OK);
    ck_assert_uint_eq(size_of("a"), GUARD_NOTES_BYTES - 2);
    ck_assert_uint_eq(size_of("b"), 0);
    ck_assert_uint_eq(size_of("A"), SIZE_MAX);
}
END_TEST

START_TEST(values_are_bounded_in_number)
{
    char name[16];
    for (int i = 0; i <= GUARD_NOTES_MAX; i++) {
        (void)snprintf(name, sizeof name, "n%d", i);
        ck_assert_int_eq(leave(name, 1), i < GUARD_NOTES_MAX ? TONI_OK : TONI_ERR_LIMIT);
    }
    ck_assert_int_eq(leave("n3", 5), TONI_OK);
    ck_assert_uint_eq(size_of("n3"), 5);
}
END_TEST

START_TEST(nobody_but_a_guard_leaves_any)
{
    ck_assert_int_eq(leave("a", 1), TONI_OK);
    request.source = &reading;
    ck_assert_uint_eq(size_of("a"), 1);
    ck_assert_int_eq(leave("a", 2), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_guard_add_header(&request, TONI_LIT("X-A"), TONI_LIT("a")),
                     TONI_ERR_INVALID);
    ck_assert_int_eq(toni_guard_choose_subprotocol(&request, TONI_LIT("v1")), TONI_ERR_INVALID);
    request.source = NULL;
    ck_assert_uint_eq(size_of("a"), SIZE_MAX);
    ck_assert_int_eq(leave("a", 2), TONI_ERR_INVALID);
}
END_TEST

static void expect_query(const toni_request *of, const char *query)
{
    const toni_str found = toni_request_query(of);
    ck_assert_msg(toni_str_equal(found, toni_str_of(query)), "`%.*s`, not `%s`",
                  TONI_STR_ARG(found), query);
}

START_TEST(parameters_are_taken_out)
{
    const toni_str parameters[] = {TONI_LIT("token=first"), TONI_LIT("a=1&2"), TONI_LIT("token"),
                                   TONI_LIT("tokens=b"), TONI_LIT("token=last")};
    const struct request_parts parts = {
        .path = TONI_LIT("/"), .parameters = parameters, .parameter_count = 5};
    toni_request *made = request_create(&table, &parts), *other = request_create(&table, &parts);
    toni_str value;
    made->source = &taking;
    const toni_str before = toni_request_query(made);
    ck_assert_int_eq(toni_guard_drop_parameter(made, TONI_LIT("none")), 0);
    ck_assert_int_eq(toni_guard_drop_parameter(made, TONI_LIT("token")), 3);
    expect_query(made, "a=1&2&tokens=b");
    for (size_t i = toni_request_query(made).size; i < before.size; i++)
        ck_assert_int_eq(before.data[i], 0); /* nothing is left of it */
    ck_assert_int_eq(toni_request_parameter(made, TONI_LIT("token"), &value), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_request_parameter(made, TONI_LIT("a"), &value), TONI_OK);
    ck_assert(toni_str_equal(value, TONI_LIT("1&2")));
    ck_assert_int_eq(toni_guard_drop_parameter(made, TONI_LIT("token")), 0);
    guard_notes_drop_parameters(notes, other);
    expect_query(other, "a=1&2&tokens=b");
    ck_assert_int_eq(toni_guard_drop_parameter(made, TONI_LIT("tokens")), 1);
    ck_assert_int_eq(toni_guard_drop_parameter(made, TONI_LIT("a")), 1);
    expect_query(made, "");
    made->source = &reading;
    ck_assert_int_eq(toni_guard_drop_parameter(made, TONI_LIT("a")), TONI_ERR_INVALID);
    request_destroy(other);
    request_destroy(made);
}
END_TEST

START_TEST(parameters_are_bounded_in_number)
{
    char name[16];
    for (int i = 0; i <= GUARD_NOTES_MAX; i++) {
        (void)snprintf(name, sizeof name, "n%d", i);
        ck_assert_int_eq(toni_guard_drop_parameter(&request, toni_str_of(name)),
                         i < GUARD_NOTES_MAX ? 0 : TONI_ERR_LIMIT);
    }
    ck_assert_int_eq(toni_guard_drop_parameter(&request, TONI_LIT("n3")), 0);
    ck_assert_int_eq(toni_guard_drop_parameter(&request, toni_str_make(bytes, sizeof bytes)),
                     TONI_ERR_TOO_BIG);
}
END_TEST

START_TEST(header_fields_are_checked)
{
    static const struct {
        const char *name, *value;
        int32_t result;
    } rows[] = {
        {"X-A", "one", TONI_OK},
        {"X-A", "two", TONI_OK}, /* more than once, as Set-Cookie comes */
        {"", "a", TONI_ERR_INVALID},
        {"X A", "a", TONI_ERR_INVALID},
        {"X-A", "", TONI_ERR_INVALID},
        {"X-A", " a", TONI_ERR_INVALID},
        {"X-A", "a ", TONI_ERR_INVALID},
        {"X-A", "a\r\nX-B: b", TONI_ERR_INVALID},
        {"X-A", "a\nb", TONI_ERR_INVALID},
        {"X-A\r\nX-B", "b", TONI_ERR_INVALID},
        {"Connection", "close", TONI_ERR_INVALID},
        {"UPGRADE", "h2c", TONI_ERR_INVALID},
        {"content-length", "5", TONI_ERR_INVALID},
        {"Transfer-Encoding", "chunked", TONI_ERR_INVALID},
        {"sec-websocket-accept", "a", TONI_ERR_INVALID},
        {"Sec-WebSocket-Protocol", "v1", TONI_ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_int_eq(
            toni_guard_add_header(&request, toni_str_of(rows[i].name), toni_str_of(rows[i].value)),
            rows[i].result);
    }
    char answer[512] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    const size_t size = guard_notes_put_fields(notes, answer, strlen(answer));
    answer[size] = '\0';
    ck_assert_str_eq(answer, "HTTP/1.1 101 Switching Protocols\r\nX-A: one\r\nX-A: two\r\n"
                             "Upgrade: websocket\r\n\r\n");
}
END_TEST

START_TEST(header_fields_fit)
{
    static char answer[GUARD_FIELDS_BYTES + 100];
    const size_t most = GUARD_FIELDS_BYTES - GUARD_NOTES_MAX * (size_t)4;
    ck_assert_int_eq(
        toni_guard_add_header(&request, TONI_LIT("X-A"), toni_str_make(bytes, most - 2)),
        TONI_ERR_TOO_BIG);
    ck_assert_int_eq(
        toni_guard_add_header(&request, TONI_LIT("X"), toni_str_make(bytes, most - 31)), TONI_OK);
    for (int i = 0; i < 15; i++)
        ck_assert_int_eq(toni_guard_add_header(&request, TONI_LIT("X"), TONI_LIT("x")), TONI_OK);
    ck_assert_int_eq(toni_guard_add_header(&request, TONI_LIT("X"), TONI_LIT("x")),
                     TONI_ERR_TOO_BIG);
    strcpy(answer, "101\r\n\r\n");
    ck_assert_uint_eq(guard_notes_put_fields(notes, answer, 7), 7 + GUARD_FIELDS_BYTES);
}
END_TEST

START_TEST(the_subprotocol_is_one_that_is_offered)
{
    ck_assert_int_eq(toni_guard_choose_subprotocol(&request, TONI_LIT("v3")), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_guard_choose_subprotocol(&request, TONI_LIT("v")), TONI_ERR_INVALID);
    ck_assert_ptr_null(notes);
    ck_assert_int_eq(toni_guard_choose_subprotocol(&request, TONI_LIT("v2")), TONI_OK);
    ck_assert_str_eq(notes->subprotocol, "v2");
    ck_assert_int_eq(toni_guard_choose_subprotocol(&request, TONI_LIT("")), TONI_OK);
    ck_assert_str_eq(notes->subprotocol, "");
}
END_TEST

static int32_t refuse(uint32_t status, const char *text)
{
    return toni_guard_refuse(&request, status, toni_str_of(text));
}

START_TEST(a_refusal_has_a_status_that_makes_sense_and_a_text)
{
    static const uint32_t good[] = {400, 401, 402, 403, 404, 409, 410,
                                    423, 429, 451, 500, 502, 503, 504};
    static const uint32_t bad[] = {0, 101, 200, 302, 399, 405, 426, 499, 505, 600, 10000};
    char text[GUARD_TEXT_MAX + 2];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_int_eq(refuse(bad[i], "no"), TONI_ERR_INVALID);
    ck_assert_int_eq(refuse(403, ""), TONI_ERR_INVALID);
    ck_assert_int_eq(refuse(403, "two\r\nlines"), TONI_ERR_INVALID);
    ck_assert_int_eq(refuse(403, "\xff"), TONI_ERR_INVALID);
    memset(text, 'a', sizeof text);
    text[GUARD_TEXT_MAX + 1] = '\0';
    ck_assert_int_eq(refuse(403, text), TONI_ERR_TOO_BIG);
    ck_assert_ptr_null(notes);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_int_eq(refuse(good[i], text + 1), TONI_ERR_FORBIDDEN);
        ck_assert_uint_eq(notes->status, good[i]);
        ck_assert_str_eq(notes->text, text + 1);
    }
    request.source = &reading;
    ck_assert_int_eq(refuse(403, "no"), TONI_ERR_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("guard_notes");
    TCase *tests = tcase_create("guard_notes");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, values_are_bounded_together);
    tcase_add_test(tests, values_are_bounded_in_number);
    tcase_add_test(tests, nobody_but_a_guard_leaves_any);
    tcase_add_test(tests, parameters_are_taken_out);
    tcase_add_test(tests, parameters_are_bounded_in_number);
    tcase_add_test(tests, header_fields_are_checked);
    tcase_add_test(tests, header_fields_fit);
    tcase_add_test(tests, the_subprotocol_is_one_that_is_offered);
    tcase_add_test(tests, a_refusal_has_a_status_that_makes_sense_and_a_text);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
