/* What sdk/events reads and writes of JSON by itself is what jansson reads and writes: whatever it
 * takes for plain, jansson takes for the same; and the bytes that it writes are jansson's. */
#include "dice.h"
#include "events_private.h"
#include "runner.h"

#include <string.h>

static void add(struct text *text, const char *piece)
{
    text_add(text, piece, strlen(piece));
}

static toni_str str_of(const struct text *text)
{
    return toni_str_make(text->bytes, text->size);
}

static json_t *by_jansson(toni_str text)
{
    return json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
}

static void check_written(const json_t *json)
{
    struct text text;
    char *expected = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    text_init(&text);
    text_add_json(&text, json);
    ck_assert(!text.has_failed);
    if (text.size != strlen(expected) || memcmp(text.bytes, expected, text.size) != 0)
        ck_abort_msg("%.*s is written, expected %s", (int)text.size, text.bytes, expected);
    text_finish(&text);
    free(expected);
}

/* @return Whether it was plain. */
static bool check(toni_str text)
{
    json_t *plain = read_plain(text), *whole = by_jansson(text);
    if (plain && (!whole || !json_equal(plain, whole)))
        ck_abort_msg("%.*s is taken for something that jansson does not take it for",
                     TONI_STR_ARG(text));
    if (whole)
        check_written(whole);
    const bool is_plain = plain != NULL;
    json_decref(plain);
    json_decref(whole);
    return is_plain;
}

static const struct {
    const char *text;
    bool is_plain;
} rows[] = {
    {"{}", true},
    {" { \t\r\n} ", true},
    {"{\"event\":\"chat.send\",\"id\":7,\"data\":{\"text\":\"hi\"}}", true},
    {"{\"a\":[1,-2,true,false,null,{},[],\"\"],\"\":{\"b\":\"\"}}", true},
    {"{\"a\":\"gr\xc3\xbc\xc3\x9f\"}", true},
    {"{\"a\":999999999999999999}", true},
    {"{\"a\":0}", true},
    /* Jansson's to read. */
    {"{\"a\":1000000000000000000}", false},
    {"{\"a\":9223372036854775807}", false},
    {"{\"a\":-0}", false},
    {"{\"a\":1.5}", false},
    {"{\"a\":1e3}", false},
    {"{\"a\":\"\\n\\u00e4\\\"\\\\\\/\"}", false},
    {"{\"gr\xc3\xbc\xc3\x9f\":1}", false},
    /* Jansson's to refuse. */
    {"", false},
    {"[]", false},
    {"7", false},
    {"{", false},
    {"{}}", false},
    {"{} x", false},
    {"{,}", false},
    {"{\"a\":1,}", false},
    {"{\"a\":[1,]}", false},
    {"{\"a\":[,1]}", false},
    {"{\"a\" 1}", false},
    {"{\"a\":}", false},
    {"{\"a\":-}", false},
    {"{\"a\":01}", false},
    {"{\"a\":+1}", false},
    {"{\"a\":tru}", false},
    {"{\"a\":truex}", false},
    {"{\"a\":1x}", false},
    {"{\"a\":1,\"a\":1}", false},
    {"{\"a\":1,\"b\":{\"c\":1,\"c\":2}}", false},
    {"{a:1}", false},
    {"{\"a\":\"\x01\"}", false},
    {"{\"a\":\"\xff\"}", false},
    {"{\"a\":\"\xed\xa0\x80\"}", false},
    {"{\"a\":\"", false},
    {"{\"a", false},
};

START_TEST(rows_of_texts)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(check(toni_str_of(rows[i].text)) == rows[i].is_plain, "%s", rows[i].text);
    ck_assert(!check(toni_str_make("{\"a\":\"\0\"}", 9)));
    ck_assert_ptr_null(read_plain((toni_str){0}));
}
END_TEST

/* Pieces in any order: mostly no JSON, and often nearly. */
START_TEST(random_texts)
{
    static const char *const pieces[] = {
        "{",  "}",       "[",     "]",    ",",   ":",     "\"a\"", "7",   "\"b\"",
        "-1", "true",    "false", "null", "1.5", " ",     "0",     "\"c", "\\\"",
        "\"", "{\"d\":", "[[",    "}",    "]",   "\"\":", "{}",    "[]",  "\"\\u0041\""};
    struct dice dice = {environment_number("TONI_TEST_SEED", 1)};
    unsigned plain = 0, whole = 0;
    for (int i = 0; i < 300000; i++) {
        struct text text;
        text_init(&text);
        add(&text, "{\"a\":");
        const uint32_t count = dice_below(&dice, 6);
        for (uint32_t piece = 0; piece < count; piece++)
            add(&text, pieces[dice_below(&dice, sizeof pieces / sizeof pieces[0])]);
        add(&text, "}");
        json_t *json = by_jansson(str_of(&text));
        whole += json != NULL;
        json_decref(json);
        plain += check(str_of(&text));
        text_finish(&text);
    }
    ck_assert_uint_gt(plain, 1000);
    ck_assert_uint_gt(whole, plain);
}
END_TEST

START_TEST(depths)
{
    for (unsigned depth = 60; depth < 70; depth++) {
        struct text text;
        text_init(&text);
        add(&text, "{\"a\":");
        for (unsigned i = 1; i < depth; i++)
            add(&text, "[");
        for (unsigned i = 1; i < depth; i++)
            add(&text, "]");
        add(&text, "}");
        ck_assert(check(str_of(&text)) == (depth <= DEPTH_MOST));
        text_finish(&text);
    }
}
END_TEST

START_TEST(what_is_written)
{
    static const json_int_t numbers[] = {0, 7, -7, 10, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        json_t *json = json_integer(numbers[i]);
        check_written(json);
        json_decref(json);
    }
    json_t *json = json_pack("{s:s, s:f, s:[s, n, b], s:{}, s:[]}", "a\n\"", "\x1f\x7f/\\", "b",
                             0.1, "c", "gr\xc3\xbc\xc3\x9f", 1, "d", "e");
    ck_assert_ptr_nonnull(json);
    check_written(json);
    json_decref(json);
}
END_TEST

/* A plugin's mistake, which must not hang. */
START_TEST(a_circle_is_refused)
{
    struct text text;
    json_t *array = json_array(), *object = json_object();
    json_array_append(array, object);
    json_object_set(object, "a", array);
    text_init(&text);
    text_add_json(&text, array);
    ck_assert(text.has_failed);
    text_finish(&text);
    json_object_clear(object);
    json_decref(object);
    json_decref(array);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("events/json");
    TCase *cases = tcase_create("json");
    tcase_add_test(cases, rows_of_texts);
    tcase_add_test(cases, random_texts);
    tcase_add_test(cases, depths);
    tcase_add_test(cases, what_is_written);
    tcase_add_test(cases, a_circle_is_refused);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
