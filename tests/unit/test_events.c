/* Events by name, against the fake host: the words on the wire, answers at once, later and in
 * parts, and everything that a client can get wrong. */
#include "runner.h"
#include "toni_testkit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <toni/events.h>

static toni_fake_host host;
static toni_fake_client anna, berta;
static toni_events *events;
static toni_call kept[64];
static size_t kept_count, cancelled_count;
static char told[1024]; /* what became of requests */
static toni_events_setup setup;

/* --- A plugin whose events do what their names say */

static int32_t echo(void *self, const toni_event *event)
{
    (void)self;
    return toni_call_answer(event->call, json_incref((json_t *)event->data));
}

static int32_t nothing(void *self, const toni_event *event)
{
    (void)self, (void)event;
    return TONI_OK;
}

static int32_t fail_as_asked(void *self, const toni_event *event)
{
    (void)self;
    return (int32_t)json_integer_value(json_object_get(event->data, "error"));
}

static int32_t refuse(void *self, const toni_event *event)
{
    (void)self;
    return toni_call_fail(event->call, TONI_EVENT_FORBIDDEN, "not %s", "you");
}

static int32_t keep(void *self, const toni_event *event)
{
    (void)self;
    ck_assert_uint_lt(kept_count, sizeof kept / sizeof kept[0]);
    kept[kept_count++] = event->call;
    return TONI_LATER;
}

static void cancelled(void *self, toni_call call)
{
    (void)self;
    ck_assert(toni_call_is_cancelled(call));
    cancelled_count++;
}

static int32_t twice(void *self, const toni_event *event)
{
    (void)self;
    ck_assert_int_eq(toni_call_answer(event->call, json_true()), TONI_OK);
    ck_assert_int_eq(toni_call_answer(event->call, json_false()), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_call_fail(event->call, TONI_EVENT_INTERNAL, "x"), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_call_part(event->call, json_true()), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_call_complete(event->call), TONI_ERR_NOT_FOUND);
    return TONI_ERR_FAILED;
}

static int32_t parts(void *self, const toni_event *event)
{
    (void)self;
    for (int i = 1; i <= 2; i++)
        ck_assert_int_eq(toni_call_part(event->call, json_integer(i)), TONI_OK);
    return TONI_OK;
}

static const toni_event_member point[] = {{"x", TONI_EVENT_NUMBER, 1, -10, 10, NULL}, {0}};
static const toni_event_member tag[] = {{"", TONI_EVENT_STRING, 1, 1, 3, NULL}, {0}};
static const toni_event_member drawing[] = {
    {"name", TONI_EVENT_STRING, 1, 1, 5, NULL},
    {"size", TONI_EVENT_INTEGER, 1, 1, 100, NULL},
    {"at", TONI_EVENT_OBJECT, 0, 0, 0, point},
    {"tags", TONI_EVENT_ARRAY, 0, 0, 2, tag},
    {"filled", TONI_EVENT_BOOLEAN, 0, 0, 0, NULL},
    {"rest", TONI_EVENT_ANY, 0, 0, 0, NULL},
    {0},
};

static const toni_event_handler handlers[] = {
    {.name = "echo", .handle = echo},
    {.name = "nothing", .handle = nothing},
    {.name = "fail", .handle = fail_as_asked},
    {.name = "refuse", .handle = refuse},
    {.name = "keep", .handle = keep, .cancelled = cancelled, .timeout_ms = 500},
    {.name = "deaf", .handle = keep},
    {.name = "twice", .handle = twice},
    {.name = "parts", .handle = parts},
    {.name = "draw", .handle = echo, .members = drawing},
    TONI_EVENT_TOKEN,
    TONI_EVENTS_ROOM,
    {0},
};

static int32_t create(toni_context *context, void **self)
{
    *self = NULL;
    return toni_events_create(context, NULL, &setup, &events);
}

static void destroy(void *self)
{
    (void)self;
    toni_events_destroy(events);
    events = NULL;
}

static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    (void)self;
    return toni_events_dispatch(events, client, message);
}

static void on_disconnect(void *self, toni_client *client, const toni_disconnect_info *info)
{
    (void)self, (void)info;
    toni_events_gone(events, toni_client_id_of(client));
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("events"), .path = TONI_LIT("/events"),
            .needs = TONI_NEEDS(TONI_REQUIRES_CONNECTIONS), .create = create, .destroy = destroy,
            .on_message = on_message, .on_disconnect = on_disconnect, );

static void stop(void)
{
    if (events)
        toni_fake_host_stop(&host);
}

static void init(void)
{
    stop();
    kept_count = cancelled_count = 0;
    told[0] = '\0';
    events = NULL;
    setup = (toni_events_setup){.handlers = handlers};
    toni_fake_host_init(&host);
    toni_fake_host_use(&host, toni_plugin_entry());
}

static void start(void)
{
    init();
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_client_init(&anna, &host, 1);
    toni_fake_client_init(&berta, &host, 2);
}

static void say(const char *text)
{
    toni_fake_host_clear(&host);
    ck_assert_int_eq(toni_fake_client_send_text(&anna, text), TONI_OK);
}

static void check(const char *text, const char *answer)
{
    char expected[2048];
    say(text);
    (void)snprintf(expected, sizeof expected, answer[0] ? "text:%s\n" : "%s", answer);
    toni_fake_client_expect(&anna, expected);
}

#define ERROR(id, kind, message)                                                                   \
    "{\"id\":" id ",\"error\":{\"kind\":\"" kind "\",\"message\":\"" message "\"}}"

/* --- Answers */

START_TEST(a_call_is_answered_under_its_id)
{
    check("{\"event\":\"echo\",\"id\":7,\"data\":{\"a\":[1,2.5,\"\xc3\xbc\",null]}}",
          "{\"id\":7,\"data\":{\"a\":[1,2.5,\"\xc3\xbc\",null]}}");
    check("{\"event\":\"echo\",\"id\":7}", "{\"id\":7,\"data\":null}");
    check("{\"event\":\"nothing\",\"id\":7,\"data\":1}", "{\"id\":7,\"complete\":true}");
    check("{\"event\":\"refuse\",\"id\":7}", ERROR("7", "forbidden", "not you"));
    check("{\"event\":\"twice\",\"id\":7}", "{\"id\":7,\"data\":true}");
    say("{\"event\":\"parts\",\"id\":7}");
    toni_fake_client_expect(&anna, "text:{\"id\":7,\"data\":1}\ntext:{\"id\":7,\"data\":2}\n"
                                   "text:{\"id\":7,\"complete\":true}\n");
    ck_assert_uint_eq(toni_events_figures_of(events).in_flight, 0);
}
END_TEST

START_TEST(an_id_is_any_scalar_and_comes_back_equal)
{
    static const char *const ids[] = {"0",
                                      "-1",
                                      "\"\"",
                                      "\"a \\\" \\u00e9\"",
                                      "true",
                                      "false",
                                      "null",
                                      "1.5",
                                      "9007199254740993",
                                      "9223372036854775807",
                                      "-9223372036854775808",
                                      "0.1",
                                      "1e300"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "{\"event\":\"echo\",\"id\":%s,\"data\":1}", ids[i]);
        say(text);
        json_t *answer = json_loads(anna.got + strlen("text:"), JSON_DISABLE_EOF_CHECK, NULL);
        json_t *id = json_loads(ids[i], JSON_DECODE_ANY, NULL);
        ck_assert_msg(json_equal(json_object_get(answer, "id"), id), "%s: %s", ids[i], anna.got);
        json_decref(answer);
        json_decref(id);
        toni_fake_client_clear(&anna);
    }
}
END_TEST

START_TEST(without_an_id_nothing_is_answered)
{
    check("{\"event\":\"echo\",\"data\":1}", "");
    check("{\"event\":\"fail\",\"data\":{\"error\":-12}}", "");
    check("{\"event\":\"nobody\"}", "");
    check("{\"event\":\"draw\",\"data\":{}}", "");
    check("{\"event\":\"parts\"}", "");
    check("{\"id_\":1}", "");
    check("{\"event\":\"keep\"}", "");
    ck_assert_uint_eq(kept_count, 1);
    ck_assert_int_eq(toni_call_answer(kept[0], json_true()), TONI_OK);
    ck_assert_int_eq(toni_call_is_cancelled(kept[0]), 0);
    ck_assert_uint_eq(toni_call_client(kept[0]), 0);
    toni_fake_client_expect(&anna, "");
}
END_TEST

START_TEST(an_error_of_a_handler_has_a_kind)
{
    static const struct {
        int32_t error;
        const char *kind;
    } rows[] = {{TONI_ERR_INVALID, "bad_request"},
                {TONI_ERR_NOT_FOUND, "not_found"},
                {TONI_ERR_UNAUTHORIZED, "unauthorized"},
                {TONI_ERR_FORBIDDEN, "forbidden"},
                {TONI_ERR_MAY_NOT_PUBLISH, "forbidden"},
                {TONI_ERR_LIMIT, "too_many_requests"},
                {TONI_ERR_TIMEOUT, "timeout"},
                {TONI_ERR_BUSY, "unavailable"},
                {TONI_ERR_FAILED, "internal"},
                {TONI_ERR_NO_MEMORY, "internal"},
                {-4711, "internal"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char data[64], expected[256];
        (void)snprintf(data, sizeof data, "{\"error\":%d}", (int)rows[i].error);
        (void)snprintf(expected, sizeof expected,
                       "{\"error\":{\"kind\":\"%s\",\"message\":\"%s\"}}", rows[i].kind,
                       toni_strerror(rows[i].error));
        ck_assert_str_eq(toni_fake_client_call(&anna, "fail", data), expected);
    }
}
END_TEST

START_TEST(a_call_can_be_answered_later)
{
    ck_assert_ptr_null(toni_fake_client_call(&anna, "keep", NULL));
    ck_assert_ptr_null(toni_fake_client_call(&anna, "keep", NULL));
    ck_assert_uint_eq(toni_call_client(kept[1]), 1);
    ck_assert_int_eq(toni_call_answer(kept[1], json_string("b")), TONI_OK);
    ck_assert_str_eq(toni_fake_client_answer(&anna), "{\"data\":\"b\"}");
    ck_assert_int_eq(toni_call_answer(kept[1], json_string("b")), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_call_part(kept[0], json_integer(1)), TONI_OK);
    ck_assert_int_eq(
        toni_call_fail_with(kept[0], TONI_EVENT_CONFLICT, TONI_LIT("no"), json_pack("[s]", "d")),
        TONI_OK);
    toni_fake_client_expect(&anna, "text:{\"id\":1,\"data\":1}\ntext:{\"id\":1,\"error\":{\"kind\":"
                                   "\"conflict\",\"message\":\"no\",\"details\":[\"d\"]}}\n");
    toni_fake_host_advance(&host, 100000);
    toni_fake_client_expect(&anna, "");
    ck_assert_uint_eq(toni_fake_host_task_count(&host), 0);
}
END_TEST

START_TEST(at_the_latest_it_is_answered_by_the_clock)
{
    ck_assert_ptr_null(toni_fake_client_call(&anna, "keep", NULL));
    toni_fake_host_advance(&host, 499);
    ck_assert_int_eq(toni_call_part(kept[0], json_true()), TONI_OK); /* its time begins anew */
    toni_fake_client_expect(&anna, "text:{\"id\":1,\"data\":true}\n");
    toni_fake_host_advance(&host, 499);
    toni_fake_client_expect(&anna, "");
    toni_fake_host_advance(&host, 1);
    toni_fake_client_expect(&anna, "text:" ERROR("1", "timeout", "it took too long") "\n");
    ck_assert_uint_eq(cancelled_count, 1);
    ck_assert_int_eq(toni_call_answer(kept[0], json_true()), TONI_ERR_NOT_FOUND);

    ck_assert_ptr_null(toni_fake_client_call(&anna, "deaf", NULL)); /* the setup's: 30 s */
    toni_fake_host_advance(&host, 29999);
    toni_fake_client_expect(&anna, "");
    toni_fake_host_advance(&host, 1);
    ck_assert_ptr_nonnull(toni_fake_client_answer(&anna));
    ck_assert_uint_eq(toni_events_figures_of(events).timeouts, 2);
    ck_assert_double_eq(toni_fake_host_figure(&host, "events_timeouts_total"), 2);
    ck_assert_double_eq(toni_fake_host_figure(&host, "events_calls_total"), 2);
    ck_assert_double_eq(toni_fake_host_figure(&host, "events_in_flight"), 0);
}
END_TEST

START_TEST(a_client_cancels)
{
    say("{\"event\":\"keep\",\"id\":\"a\"}");
    say("{\"event\":\"keep\",\"id\":\"b\"}");
    ck_assert_int_eq(toni_call_is_cancelled(kept[1]), 0);
    check("{\"event\":\"cancel\",\"id\":\"b\"}", "");
    check("{\"event\":\"cancel\",\"id\":\"b\"}", "");
    check("{\"event\":\"cancel\",\"id\":\"c\"}", "");
    check("{\"event\":\"cancel\"}", "");
    ck_assert_uint_eq(cancelled_count, 1);
    ck_assert_int_eq(toni_call_is_cancelled(kept[0]), 0);
    ck_assert_int_eq(toni_call_is_cancelled(kept[1]), 1);
    ck_assert_int_eq(toni_call_complete(kept[1]), TONI_OK);
    toni_fake_client_expect(&anna, "text:{\"id\":\"b\",\"complete\":true}\n");
}
END_TEST

START_TEST(who_is_gone_is_answered_no_more)
{
    ck_assert_ptr_null(toni_fake_client_call(&anna, "keep", NULL));
    ck_assert_ptr_null(toni_fake_client_call(&berta, "keep", NULL));
    toni_fake_client_disconnect(&anna, TONI_CLOSED_LOST);
    ck_assert_uint_eq(cancelled_count, 1);
    ck_assert_int_eq(toni_call_answer(kept[0], json_true()), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_call_answer(kept[1], json_true()), TONI_OK);
    ck_assert_uint_eq(toni_events_figures_of(events).in_flight, 0);
}
END_TEST

START_TEST(a_client_has_so_many_calls_and_no_more)
{
    char text[64];
    for (int i = 0; i < 32; i++) {
        (void)snprintf(text, sizeof text, "{\"event\":\"keep\",\"id\":%d}", i);
        say(text);
    }
    check(
        "{\"event\":\"echo\",\"id\":99}",
        ERROR("99", "too_many_requests", "too many calls wait for their answers: at most 32 may"));
    check("{\"event\":\"echo\"}", "");
    ck_assert_str_eq(toni_fake_client_call(&berta, "echo", "1"), "{\"data\":1}");
    ck_assert_int_eq(toni_call_complete(kept[5]), TONI_OK);
    toni_fake_client_clear(&anna);
    check("{\"event\":\"echo\",\"id\":99,\"data\":2}", "{\"id\":99,\"data\":2}");
}
END_TEST

START_TEST(an_id_is_used_once_at_a_time)
{
    say("{\"event\":\"keep\",\"id\":7}");
    check("{\"event\":\"echo\",\"id\":7}",
          ERROR("7", "conflict", "a call of this id is not answered yet"));
    check("{\"event\":\"echo\",\"id\":\"7\",\"data\":1}", "{\"id\":\"7\",\"data\":1}");
    ck_assert_int_eq(toni_call_complete(kept[0]), TONI_OK);
    toni_fake_client_clear(&anna);
    check("{\"event\":\"echo\",\"id\":7,\"data\":1}", "{\"id\":7,\"data\":1}");
}
END_TEST

/* --- Bad input */

/* What waits for its answer keeps its id: 32 for each client. */
START_TEST(an_id_has_a_bound)
{
    char id[300], text[600], expected[600];
    memset(id, 'x', sizeof id);
    for (int size = 256; size <= 257; size++) {
        (void)snprintf(text, sizeof text, "{\"event\":\"echo\",\"id\":\"%.*s\",\"data\":1}", size,
                       id);
        (void)snprintf(expected, sizeof expected, "{\"id\":\"%.*s\",\"data\":1}", size, id);
        check(text, size == 256 ? expected
                                : ERROR("null", "bad_request", "`id` is longer than 256 bytes"));
        toni_fake_client_clear(&anna);
    }
    say("{\"event\":\"keep\",\"id\":true}");
    ck_assert_uint_eq(kept_count, 1);
}
END_TEST

static unsigned allocations_left;

static void *allocate(size_t size)
{
    return allocations_left > 0 && allocations_left-- ? malloc(size) : NULL;
}

/* @return The answer to anna, while jansson has memory for so many allocations. */
static const char *answer_with(unsigned allocations, const char *text)
{
    toni_fake_client_clear(&anna);
    toni_fake_host_clear(&host);
    allocations_left = allocations;
    json_set_alloc_funcs(allocate, free);
    const int32_t result = toni_fake_client_send_text(&anna, text);
    json_set_alloc_funcs(malloc, free);
    ck_assert_int_eq(result, TONI_OK);
    return anna.got;
}

START_TEST(data_that_is_wrong_reaches_no_handler_without_memory)
{
    const char *answer = "";
    for (unsigned i = 0; i < 100; i++) {
        answer = answer_with(i, "{\"event\":\"draw\",\"id\":7,\"data\":{\"name\":1}}");
        ck_assert_msg(toni_events_figures_of(events).calls == 0, "with memory for %u", i);
    }
    ck_assert_ptr_nonnull(strstr(answer, "unprocessable"));
}
END_TEST

START_TEST(without_memory_for_its_id_a_call_does_not_begin)
{
    size_t begun = 0;
    for (unsigned i = 0; i < 100; i++) {
        const size_t before = kept_count;
        (void)answer_with(i, "{\"event\":\"keep\",\"id\":\"seven\"}");
        if (kept_count == before)
            continue;
        begun++;
        ck_assert_int_eq(toni_call_complete(kept[--kept_count]), TONI_OK);
        toni_fake_client_expect(&anna, "text:{\"id\":\"seven\",\"complete\":true}\n");
    }
    ck_assert_uint_gt(begun, 0);
    ck_assert_uint_lt(begun, 100);
    ck_assert_uint_eq(toni_events_figures_of(events).in_flight, 0);
}
END_TEST

START_TEST(what_can_not_be_read_is_a_bad_request)
{
    static char deep[20002];
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "malformed JSON: '[' or '{' expected"},
        {"{", "malformed JSON: string or '}' expected"},
        {"{\"event\":\"echo\",\"event\":\"echo\",\"id\":1}",
         "malformed JSON: duplicate object key"},
        {"{\"event\":\"echo\",\"id\":1,\"data\":\"\\ud800\"}", NULL},
        {"{\"event\":\"echo\",\"id\":9223372036854775808}", "malformed JSON: too big integer"},
        {"{\"event\":\"echo\",\"id\":-9223372036854775809}",
         "malformed JSON: too big negative integer"},
        {"{\"event\":\"echo\",\"id\":1e999}", "malformed JSON: real number overflow"},
        {"{\"event\":\"echo\",\"id\":1,\"data\":\"\\u0000\"}", NULL},
        {"{\"event\":\"echo\",\"id\":{}}", "`id` is no string, number, boolean or null"},
        {"{\"event\":\"echo\",\"id\":[7]}", "`id` is no string, number, boolean or null"},
        {"[]", "the message is no JSON object"},
        {"7", NULL},
        {deep, "malformed JSON: nested too deeply"},
    };
    memset(deep, '[', 10000);
    memset(deep + 10000, ']', 10000);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char expected[256];
        say(rows[i].text);
        (void)snprintf(expected, sizeof expected,
                       "text:{\"id\":null,\"error\":{\"kind\":\"bad_request\",\"message\":\"%s",
                       rows[i].message ? rows[i].message : "malformed JSON");
        ck_assert_msg(strncmp(anna.got, expected, strlen(expected)) == 0, "%s: %s", rows[i].text,
                      anna.got);
        toni_fake_client_clear(&anna);
    }
    const toni_message binary = toni_binary(TONI_LIT("{}"));
    ck_assert_int_eq(toni_fake_client_send(&anna, &binary), TONI_OK);
    toni_fake_client_expect(
        &anna, "text:" ERROR("null", "bad_request", "a binary message is no event") "\n");
    ck_assert_uint_eq(toni_events_figures_of(events).refused, 14);
    ck_assert_double_eq(toni_fake_host_figure(&host, "events_refused_total"), 14);
}
END_TEST

START_TEST(what_is_no_event_is_refused)
{
    check("{\"id\":1}", ERROR("1", "bad_request", "`event` is missing or no string"));
    check("{\"id\":1,\"event\":7}", ERROR("1", "bad_request", "`event` is missing or no string"));
    check("{\"id\":1,\"event\":\"nobody\"}",
          ERROR("1", "not_found", "there is no event \\\"nobody\\\""));
    check("{\"id\":1,\"event\":"
          "\"01234567890123456789012345678901234567890123456789012345678901234\"}",
          ERROR("1", "not_found", "there is no event of that name"));
}
END_TEST

START_TEST(a_depth_that_is_in_a_string_is_none)
{
    char data[512] = "\"";
    for (int i = 0; i < 100; i++)
        strncat(data, i % 2 ? "\\\"" : "[{", 3);
    strncat(data, "\"", 2);
    char expected[600];
    (void)snprintf(expected, sizeof expected, "{\"data\":%s}", data);
    ck_assert_str_eq(toni_fake_client_call(&anna, "echo", data), expected);
}
END_TEST

START_TEST(numbers_beyond_2_53_stay_what_they_are)
{
    ck_assert_str_eq(toni_fake_client_call(&anna, "echo", "[9007199254740993,-9007199254740995]"),
                     "{\"data\":[9007199254740993,-9007199254740995]}");
}
END_TEST

/* @param details  `PATH MESSAGE; PATH MESSAGE`. */
static void check_details(const char *data, const char *details)
{
    char found[1024] = "";
    json_t *answer = json_loads(toni_fake_client_call(&anna, "draw", data), 0, NULL);
    const json_t *error = json_object_get(answer, "error");
    ck_assert_str_eq(json_string_value(json_object_get(error, "kind")), "unprocessable");
    const json_t *list = json_object_get(error, "details");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const size_t used = strlen(found);
        const json_t *detail = json_array_get(list, i);
        (void)snprintf(found + used, sizeof found - used, "%s%s %s", i > 0 ? "; " : "",
                       json_string_value(json_object_get(detail, "path")),
                       json_string_value(json_object_get(detail, "message")));
    }
    ck_assert_str_eq(found, details);
    json_decref(answer);
}

START_TEST(data_is_checked_and_faults_have_paths)
{
    static const char fine[] = "{\"name\":\"a\",\"size\":1,\"at\":{\"x\":-10.0},\"tags\":[\"a\"],"
                               "\"filled\":true,\"rest\":[{}],\"more\":1}";
    static const struct {
        const char *data, *details; /* without quotes: path message; … */
    } rows[] = {
        {NULL, "/name is missing; /size is missing"},
        {"7", " is not an object"},
        {"{'name':'','size':101}",
         "/name has 0 bytes, expected 1 to 5; /size is not from 1 to 100"},
        {"{'name':7,'size':1.5}", "/name is not a string; /size is not a whole number"},
        {"{'name':'a','size':1,'at':{'x':10.5},'tags':['a',7,'long'],'filled':0}",
         "/at/x is not from -10 to 10; /tags has 3 elements, expected 0 to 2; /tags/1 is not a "
         "string; /tags/2 has 4 bytes, expected 1 to 3; /filled is not a boolean"},
        {"{'name':'a','size':1,'at':{}}", "/at/x is missing"},
    };
    ck_assert_ptr_nonnull(strstr(toni_fake_client_call(&anna, "draw", fine), "{\"data\":"));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char data[256];
        (void)snprintf(data, sizeof data, "%s", rows[i].data ? rows[i].data : "");
        for (char *at = data; (at = strchr(at, '\''));)
            *at = '"';
        check_details(rows[i].data ? data : NULL, rows[i].details);
    }
}
END_TEST

START_TEST(details_have_a_bound)
{
    char data[4096] = "{\"name\":\"a\",\"size\":1,\"tags\":[0";
    for (int i = 0; i < 500; i++)
        strncat(data, ",0", 3);
    strncat(data, "]}", 3);
    const char *answer = toni_fake_client_call(&anna, "draw", data);
    size_t count = 0;
    for (const char *at = answer; (at = strstr(at, "\"path\"")); at++)
        count++;
    ck_assert_uint_eq(count, 16);
}
END_TEST

/* --- From the server */

START_TEST(the_server_says_something)
{
    toni_connections *connections = toni_fake_host_connections(&host);
    ck_assert_int_eq(toni_join_room(connections, 2, TONI_LIT("r")), TONI_OK);
    ck_assert_int_eq(toni_events_send(events, 1, "said", json_string("x")), TONI_OK);
    ck_assert_int_eq(toni_events_send_to_room(events, TONI_LIT("r"), "said", json_integer(2)), 1);
    toni_target *target = toni_to_all(connections);
    toni_target_except(target, 2);
    ck_assert_int_eq(toni_events_send_to_target(events, target, "said", NULL), 1);
    toni_fake_client_expect(&anna, "text:{\"event\":\"said\",\"data\":\"x\"}\n"
                                   "text:{\"event\":\"said\",\"data\":null}\n");
    toni_fake_client_expect(&berta, "text:{\"event\":\"said\",\"data\":2}\n");
    ck_assert_int_eq(toni_events_send(events, 4711, "said", json_string("x")), TONI_ERR_NOT_FOUND);
}
END_TEST

static toni_receipt receipt_told;
static int receipts_told, receipts_released;

static void note_receipt(void *self, void *data, const toni_receipt *receipt)
{
    (void)self;
    receipt_told = *receipt;
    ++*(int *)data;
}

static void note_release(void *data)
{
    (void)data;
    receipts_released++;
}

static int32_t say_with_receipt(toni_str room)
{
    return toni_events_send_to_room_with_receipt(events, room, "said", json_integer(1),
                                                 note_receipt, &receipts_told, note_release);
}

START_TEST(an_event_to_a_room_has_a_receipt)
{
    receipts_told = receipts_released = 0;
    toni_fake_host_keep(&host, "r", 2, 60);
    ck_assert_int_eq(toni_join_room(toni_fake_host_connections(&host), 1, TONI_LIT("r")), TONI_OK);
    ck_assert_int_eq(say_with_receipt(TONI_LIT("r")), 1);
    toni_fake_client_expect(&anna, "text:{\"event\":\"said\",\"room\":\"r\",\"at\":"
                                   "\"0000000000000001:0000000000000001\",\"data\":1}\n");
    toni_fake_host_advance(&host, 0);
    ck_assert_int_eq(receipts_told, 1);
    ck_assert_int_eq(receipts_released, 1);
    ck_assert_int_eq(receipt_told.status, TONI_OK);
    ck_assert_uint_eq(receipt_told.queued, 1);
    ck_assert_int_eq(say_with_receipt(TONI_LIT("")), TONI_ERR_INVALID);
    toni_fake_host_advance(&host, 0);
    ck_assert_int_eq(receipts_told, 1);
    ck_assert_int_eq(receipts_released, 1);
}
END_TEST

/* --- Rooms that clients come into by themselves */

#define AT(offset) "0000000000000001:000000000000000" offset

static void say_and_wait(const char *text)
{
    ck_assert_int_eq(toni_fake_client_send_text(&anna, text), TONI_OK);
    toni_fake_host_advance(&host, 0);
}

START_TEST(a_client_comes_back_to_a_room)
{
    toni_fake_host_keep(&host, "r", 2, 60);
    ck_assert_int_eq(toni_events_send_to_room(events, TONI_LIT("r"), "said", json_integer(1)), 0);
    say_and_wait("{\"event\":\"room.join\",\"id\":1,\"data\":{\"room\":\"r\",\"last\":5}}");
    toni_fake_client_expect(
        &anna, "text:{\"event\":\"said\",\"room\":\"r\",\"at\":\"" AT(
                   "1") "\",\"data\":1}\n"
                        "text:{\"id\":1,\"data\":{\"recovered\":false,\"messages\":1,\"at\":\"" AT(
                            "1") "\"}}\n");
    say_and_wait("{\"event\":\"room.leave\",\"id\":2,\"data\":{\"room\":\"r\"}}");
    toni_fake_client_expect(&anna, "text:{\"id\":2,\"complete\":true}\n");
    ck_assert_int_eq(toni_events_send_to_room(events, TONI_LIT("r"), "said", json_integer(2)), 0);
    say_and_wait(
        "{\"event\":\"room.join\",\"id\":3,\"data\":{\"room\":\"r\",\"since\":\"" AT("1") "\"}}");
    toni_fake_client_expect(
        &anna, "text:{\"event\":\"said\",\"room\":\"r\",\"at\":\"" AT(
                   "2") "\",\"data\":2}\n"
                        "text:{\"id\":3,\"data\":{\"recovered\":true,\"messages\":1,\"at\":\"" AT(
                            "2") "\"}}\n");
    say_and_wait("{\"event\":\"room.leave\",\"data\":{\"room\":\"r\"}}");
    for (int i = 3; i <= 5; i++)
        ck_assert_int_eq(toni_events_send_to_room(events, TONI_LIT("r"), "said", json_integer(i)),
                         0);
    say_and_wait(
        "{\"event\":\"room.join\",\"id\":4,\"data\":{\"room\":\"r\",\"since\":\"" AT("2") "\"}}");
    toni_fake_client_expect(&anna, "text:{\"id\":4,\"data\":{\"recovered\":false,\"messages\":0,"
                                   "\"why\":\"trimmed\",\"at\":\"" AT("5") "\"}}\n");
}
END_TEST

START_TEST(rooms_that_keep_nothing_have_no_positions)
{
    say_and_wait("{\"event\":\"room.join\",\"id\":1,\"data\":{\"room\":\"q\"}}");
    ck_assert_int_eq(toni_events_send_to_room(events, TONI_LIT("q"), "said", json_integer(1)), 1);
    toni_fake_client_expect(&anna, "text:{\"id\":1,\"data\":{\"recovered\":false,\"messages\":0}}\n"
                                   "text:{\"event\":\"said\",\"data\":1}\n");
    ck_assert_ptr_nonnull(
        strstr(toni_fake_client_call(&anna, "room.join", "{\"room\":\"q\",\"since\":\"1\"}"),
               "unprocessable"));
    ck_assert_ptr_nonnull(strstr(
        toni_fake_client_call(&anna, "room.join",
                              "{\"room\":\"q\",\"since\":\"000000000000000X:0000000000000000\"}"),
        "\"kind\":\"bad_request\",\"message\":\"`since` is no position"));
    host.result = TONI_ERR_FORBIDDEN;
    host.result_of = "join_since";
    ck_assert_ptr_nonnull(
        strstr(toni_fake_client_call(&anna, "room.join", "{\"room\":\"secret\"}"),
               "{\"kind\":\"forbidden\",\"message\":\"this client may not join this room\"}"));
    host.result = TONI_OK;
}
END_TEST

/* Each is refused, and the client is in no room. */
START_TEST(positions_that_are_nonsense)
{
    static const char *const bad[] = {
        "\"since\":5",
        "\"since\":-1",
        "\"since\":{\"epoch\":1}",
        ("\"since\":[\"" AT("1") "\"]"),
        "\"since\":true",
        "\"since\":null",
        "\"since\":\"\"",
        ("\"since\":\"" AT("1") "0\""),
        ("\"since\":\"" AT("-") "\""),
        "\"since\":\"0000000000000001:+00000000000000f\"",
        "\"since\":\"0000000000000001:000000000000000F\"",
        "\"since\":\"0000000000000001 0000000000000001\"",
        "\"since\":\"000000000000001::0000000000000001\"",
        "\"since\":\"0000000000000001:00000000000000\\u0001\\u0001\"",
        "\"since\":\"0000000000000001:00000000000000\\u00fc\"",
        "\"last\":-1",
        "\"last\":10001",
        "\"last\":2.5",
        "\"last\":1e300",
        "\"last\":\"5\"",
        "\"last\":{}",
    };
    toni_fake_host_keep(&host, "r", 2, 60);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char data[128];
        (void)snprintf(data, sizeof data, "{\"room\":\"r\",%s}", bad[i]);
        const char *answer = toni_fake_client_call(&anna, "room.join", data);
        ck_assert_msg(strstr(answer, "\"error\":"), "%s: %s", bad[i], answer);
    }
    ck_assert_int_eq(toni_events_send_to_room(events, TONI_LIT("r"), "said", json_integer(1)), 0);
}
END_TEST

static void add_told(const char *format, unsigned long long a, unsigned long long b)
{
    const size_t used = strlen(told);
    (void)snprintf(told + used, sizeof told - used, format, a, b);
}

static void reply(void *self, void *data, const toni_reply *answer)
{
    (void)self;
    ck_assert_ptr_eq(data, told);
    char *text = json_dumps(answer->data, JSON_COMPACT | JSON_ENCODE_ANY);
    add_told("%llu:%llu ", answer->client, answer->outcome);
    strncat(told, text ? text : "-", sizeof told - strlen(told) - 1);
    strncat(told, "\n", sizeof told - strlen(told) - 1);
    free(text);
}

static void expect_told(const char *expected)
{
    ck_assert_str_eq(told, expected);
    told[0] = '\0';
}

static int32_t ask(toni_client_id client)
{
    return toni_events_request(events, client, "ready", json_true(), 1000, reply, told);
}

START_TEST(a_client_answers_the_server)
{
    ck_assert_int_eq(ask(1), TONI_OK);
    toni_fake_client_expect(&anna, "text:{\"event\":\"ready\",\"id\":1,\"data\":true}\n");
    check("{\"id\":2,\"data\":5}", ""); /* to nothing that was asked */
    expect_told("");
    ck_assert_int_eq(toni_fake_client_send_text(&berta, "{\"id\":1,\"data\":5}"), TONI_OK);
    expect_told(""); /* who was not asked */
    check("{\"id\":1,\"data\":5}", "");
    expect_told("1:1 5\n");
    check("{\"id\":1,\"data\":5}", "");
    ck_assert_int_eq(ask(1), TONI_OK);
    say("{\"id\":2,\"error\":{\"kind\":\"internal\"}}");
    expect_told("1:2 {\"kind\":\"internal\"}\n");
    ck_assert_int_eq(ask(1), TONI_OK);
    say("{\"id\":3,\"complete\":true}");
    expect_told("1:1 -\n");
    toni_fake_host_advance(&host, 2000);
    expect_told("");
}
END_TEST

START_TEST(a_client_does_not_answer)
{
    ck_assert_int_eq(ask(1), TONI_OK);
    toni_fake_host_advance(&host, 1000);
    expect_told("1:3 -\n");
    ck_assert_int_eq(ask(1), TONI_OK);
    toni_fake_client_disconnect(&anna, TONI_CLOSED_LOST);
    expect_told("1:4 -\n");
    ck_assert_int_eq(ask(1), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(ask(2), TONI_OK);
    for (int i = 1; i < 32; i++)
        ck_assert_int_eq(ask(2), TONI_OK);
    ck_assert_int_eq(ask(2), TONI_ERR_LIMIT);
    toni_fake_host_stop(&host);
    ck_assert_ptr_nonnull(strstr(told, "2:5 -\n2:5 -\n"));
    ck_assert_uint_eq(toni_fake_host_task_count(&host), 0);
}
END_TEST

static void acks(void *self, void *data, const toni_acks *of)
{
    (void)self;
    ck_assert_ptr_eq(data, told);
    add_told("answered %llu, failed %llu", of->answered_count, of->failed_count);
    add_told(", gone %llu, first %llu\n", of->gone_count,
             of->answered_count > 0 ? of->answered[0] : 0);
}

START_TEST(a_question_to_a_room_tells_who_answered)
{
    static toni_fake_client more[4];
    toni_connections *connections = toni_fake_host_connections(&host);
    ck_assert_int_eq(toni_events_request_room(events, TONI_LIT("r"), "go", NULL, 500, acks, told),
                     0);
    for (size_t i = 0; i < 4; i++) {
        toni_fake_client_init(&more[i], &host, 10 + i);
        ck_assert_int_eq(toni_join_room(connections, 10 + i, TONI_LIT("r")), TONI_OK);
    }
    ck_assert_int_eq(
        toni_events_request_room(events, TONI_LIT("r"), "go", json_true(), 500, acks, told), 4);
    toni_fake_client_expect(&more[0], "text:{\"event\":\"go\",\"id\":1,\"data\":true}\n");
    ck_assert_int_eq(toni_fake_client_send_text(&more[1], "{\"id\":1,\"data\":1}"), TONI_OK);
    ck_assert_int_eq(toni_fake_client_send_text(&more[2], "{\"id\":1,\"error\":{}}"), TONI_OK);
    toni_fake_client_disconnect(&more[3], TONI_CLOSED_LOST);
    expect_told("");
    toni_fake_host_advance(&host, 500); /* the first has not answered */
    expect_told("answered 1, failed 2, gone 1, first 11\n");

    host.result = TONI_ERR_BUSY;
    host.result_of = "target_send";
    ck_assert_int_eq(
        toni_events_request_room(events, TONI_LIT("r"), "go", json_true(), 500, acks, told),
        TONI_ERR_BUSY);
    ck_assert_uint_eq(toni_events_figures_of(events).in_flight, 0);
    toni_fake_host_advance(&host, 500);
    expect_told("");
}
END_TEST

/* --- The setup */

static void check_setup(const toni_event_handler *own, const char *text)
{
    init();
    setup.handlers = own;
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_ERR_INVALID);
    ck_assert_msg(strstr(host.calls, text), "%s", host.calls);
    ck_assert_ptr_null(events);
}

START_TEST(a_wrong_table_fails_the_start)
{
    const toni_event_handler same[] = {{.name = "x", .handle = echo},
                                       {.name = "y", .handle = echo},
                                       {.name = "x", .handle = echo},
                                       {0}};
    const toni_event_handler reserved[] = {{.name = "cancel", .handle = echo}, {0}};
    const toni_event_handler empty[] = {{.name = "x"}, {0}};
    check_setup(same, "the event \"x\" has two handlers: leave one out");
    check_setup(reserved, "the event \"cancel\" is reserved");
    check_setup(empty, "an event handler has no name or no function: \"x\"");
}
END_TEST

START_TEST(the_field_has_another_name)
{
    init();
    setup.field = "type";
    setup.max_inflight = 1;
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_client_init(&anna, &host, 1);
    check("{\"type\":\"echo\",\"id\":1,\"data\":2}", "{\"id\":1,\"data\":2}");
    check("{\"event\":\"echo\",\"id\":1}",
          ERROR("1", "bad_request", "`type` is missing or no string"));
    ck_assert_int_eq(toni_events_send(events, 1, "said", NULL), TONI_OK);
    toni_fake_client_expect(&anna, "text:{\"type\":\"said\",\"data\":null}\n");
}
END_TEST

START_TEST(many_clients_have_calls_at_a_time)
{
    static toni_fake_client many[200];
    toni_call calls[200];
    for (size_t i = 0; i < 200; i++) {
        toni_fake_client_init(&many[i], &host, 1000 + i);
        kept_count = 0;
        ck_assert_ptr_null(toni_fake_client_call(&many[i], "keep", NULL));
        calls[i] = kept[0];
        toni_fake_host_clear(&host);
    }
    ck_assert_uint_eq(toni_events_figures_of(events).in_flight, 200);
    for (size_t i = 0; i < 200; i++) {
        const size_t one = (i * 77) % 200;
        ck_assert_uint_eq(toni_call_client(calls[one]), 1000 + one);
        ck_assert_int_eq(toni_call_answer(calls[one], json_integer((json_int_t)one)), TONI_OK);
        char expected[64];
        (void)snprintf(expected, sizeof expected, "{\"data\":%zu}", one);
        ck_assert_str_eq(toni_fake_client_answer(&many[one]), expected);
        toni_fake_host_clear(&host);
    }
    ck_assert_uint_eq(toni_events_figures_of(events).in_flight, 0);
}
END_TEST

START_TEST(what_a_client_has_sent_goes_to_a_room_if_it_may)
{
    toni_client *client = toni_fake_client_handle(&anna);
    ck_assert_int_eq(toni_join_room(toni_fake_host_connections(&host), 2, TONI_LIT("r")), TONI_OK);
    toni_fake_client_clear(&berta);
    ck_assert_int_eq(toni_events_send_from(events, client, TONI_LIT("r"), "said", json_true()), 1);
    toni_fake_client_expect(&berta, "text:{\"event\":\"said\",\"data\":true}\n");
    host.result = TONI_ERR_MAY_NOT_PUBLISH;
    host.result_of = "may_publish";
    ck_assert_int_eq(toni_events_send_from(events, client, TONI_LIT("r"), "said", json_object()),
                     TONI_ERR_MAY_NOT_PUBLISH);
    toni_fake_client_expect(&berta, "");
    host.result = TONI_OK;
}
END_TEST

START_TEST(another_token_is_handed_to_the_guard)
{
    ck_assert_ptr_nonnull(
        strstr(toni_fake_client_call(&anna, "token", "{\"token\":\"t\"}"), "not_found"));
    toni_fake_client_identify(&anna, "anna", 7, 4000000000);
    ck_assert_str_eq(toni_fake_client_call(&anna, "token", "{\"token\":\"t\"}"),
                     "{\"data\":{\"expires\":4000000000}}");
    toni_fake_client_identify(&anna, "anna", 7, 0);
    ck_assert_str_eq(toni_fake_client_call(&anna, "token", "{\"token\":\"t\"}"),
                     "{\"data\":{\"expires\":null}}");
    ck_assert_ptr_nonnull(
        strstr(toni_fake_client_call(&anna, "token", "{\"token\":\"\"}"), "unprocessable"));
    ck_assert_ptr_nonnull(strstr(toni_fake_client_call(&anna, "token", NULL), "unprocessable"));
    toni_fake_host_clear(&host);
    host.result = TONI_ERR_UNAUTHORIZED;
    host.result_of = "refresh";
    ck_assert_ptr_nonnull(
        strstr(toni_fake_client_call(&anna, "token", "{\"token\":\"t\"}"),
               "{\"kind\":\"unauthorized\",\"message\":\"the token is refused: it is malformed, "));
    host.result = TONI_ERR_FORBIDDEN;
    ck_assert_ptr_nonnull(
        strstr(toni_fake_client_call(&anna, "token", "{\"token\":\"t\"}"),
               "{\"kind\":\"forbidden\",\"message\":\"the token is refused: it is another "));
    host.result = TONI_OK;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("events");
    TCase *cases = tcase_create("events");

    tcase_add_checked_fixture(cases, start, stop);
    tcase_add_test(cases, a_call_is_answered_under_its_id);
    tcase_add_test(cases, an_id_is_any_scalar_and_comes_back_equal);
    tcase_add_test(cases, without_an_id_nothing_is_answered);
    tcase_add_test(cases, an_error_of_a_handler_has_a_kind);
    tcase_add_test(cases, a_call_can_be_answered_later);
    tcase_add_test(cases, at_the_latest_it_is_answered_by_the_clock);
    tcase_add_test(cases, a_client_cancels);
    tcase_add_test(cases, who_is_gone_is_answered_no_more);
    tcase_add_test(cases, a_client_has_so_many_calls_and_no_more);
    tcase_add_test(cases, an_id_is_used_once_at_a_time);
    tcase_add_test(cases, an_id_has_a_bound);
    tcase_add_test(cases, data_that_is_wrong_reaches_no_handler_without_memory);
    tcase_add_test(cases, without_memory_for_its_id_a_call_does_not_begin);
    tcase_add_test(cases, what_can_not_be_read_is_a_bad_request);
    tcase_add_test(cases, what_is_no_event_is_refused);
    tcase_add_test(cases, a_depth_that_is_in_a_string_is_none);
    tcase_add_test(cases, numbers_beyond_2_53_stay_what_they_are);
    tcase_add_test(cases, data_is_checked_and_faults_have_paths);
    tcase_add_test(cases, details_have_a_bound);
    tcase_add_test(cases, the_server_says_something);
    tcase_add_test(cases, an_event_to_a_room_has_a_receipt);
    tcase_add_test(cases, a_client_comes_back_to_a_room);
    tcase_add_test(cases, rooms_that_keep_nothing_have_no_positions);
    tcase_add_test(cases, positions_that_are_nonsense);
    tcase_add_test(cases, a_client_answers_the_server);
    tcase_add_test(cases, a_client_does_not_answer);
    tcase_add_test(cases, a_question_to_a_room_tells_who_answered);
    tcase_add_test(cases, a_wrong_table_fails_the_start);
    tcase_add_test(cases, the_field_has_another_name);
    tcase_add_test(cases, many_clients_have_calls_at_a_time);
    tcase_add_test(cases, another_token_is_handed_to_the_guard);
    tcase_add_test(cases, what_a_client_has_sent_goes_to_a_room_if_it_may);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
