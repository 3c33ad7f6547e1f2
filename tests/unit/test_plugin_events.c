/* The table of events of a descriptor: what is wrong with one, what is told of it, and that it
 * comes through to another process as it was. */
#include "http/events_json.h"
#include "plugin/descriptor_bytes.h"
#include "plugin/event_table.h"
#include "runner.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <toni/plugin.h>

/* Another layout than that of libtoni-events: the host knows places alone. */
struct entry {
    int (*handle)(void);
    const toni_event_member *members;
    const char *name;
};

static const toni_event_member number[] = {{.type = TONI_EVENT_INTEGER, .least = 1, .most = 6}};
static const toni_event_member inside[] = {
    {.name = "x", .type = TONI_EVENT_NUMBER, .is_required = 1, .least = -5, .most = 5}, {0}};
static const toni_event_member members[] = {
    {.name = "text", .type = TONI_EVENT_STRING, .is_required = 1, .least = 1, .most = 32},
    {.name = "dice", .type = TONI_EVENT_ARRAY, .least = 2, .most = 2, .inner = number},
    {.name = "at", .type = TONI_EVENT_OBJECT, .inner = inside},
    {.name = "odd\"<b>\x01\xe2\x80\xae", .type = 99},
    {0}};
static const toni_event_member none[] = {{0}};
static const struct entry entries[] = {{.name = "game.throw", .members = members},
                                       {.name = "game.leave"},
                                       {.name = "game.look", .members = none},
                                       {0}};

#define LIST(table)                                                                                \
    {                                                                                              \
        .struct_size = sizeof(toni_event_list), .entry_size = sizeof(struct entry),                \
        .name_at = offsetof(struct entry, name), .members_at = offsetof(struct entry, members),    \
        .member_size = sizeof(toni_event_member), .entries = (table)                               \
    }

static const toni_event_list good = LIST(entries);

/* @return To be freed. */
static char *json_of(const toni_event_list *list)
{
    json_t *json = events_to_json(list);
    ck_assert_ptr_nonnull(json);
    char *text = json_dumps(json, JSON_ENCODE_ANY);
    json_decref(json);
    return text;
}

static void check_problem(const toni_event_list *list, const char *words)
{
    char problem[128] = "";
    ck_assert(!event_table_check(list, problem, sizeof problem));
    ck_assert_msg(strstr(problem, words) != NULL, "%s", problem);
}

static void check_good(const toni_event_list *list)
{
    char problem[128] = "";
    ck_assert_msg(event_table_check(list, problem, sizeof problem), "%s", problem);
}

START_TEST(all_of_it_is_told)
{
    check_good(&good);
    char *text = json_of(&good);
    ck_assert_str_eq(
        text,
        "{\"field\": \"event\", \"handled\": [{\"name\": \"game.throw\", \"data\": ["
        "{\"name\": \"text\", \"type\": \"string\", \"required\": true, \"least\": 1, \"most\": "
        "32}, "
        "{\"name\": \"dice\", \"type\": \"array\", \"required\": false, \"least\": 2, \"most\": 2, "
        "\"items\": {\"type\": \"integer\", \"least\": 1, \"most\": 6}}, "
        "{\"name\": \"at\", \"type\": \"object\", \"required\": false, \"members\": ["
        "{\"name\": \"x\", \"type\": \"number\", \"required\": true, \"least\": -5, \"most\": "
        "5}]}, "
        "{\"name\": \"odd\\\"<b>\\u0001\xe2\x80\xae\", \"type\": \"any\", \"required\": false}]}, "
        "{\"name\": \"game.leave\", \"data\": null}, {\"name\": \"game.look\", \"data\": []}]}");
    free(text);
    text = json_of(NULL);
    ck_assert_str_eq(text, "null");
    free(text);
}
END_TEST

START_TEST(it_comes_through_as_it_was)
{
    toni_event_list named = good;
    named.field = "type";
    const toni_plugin plugin = {.kind = TONI_GATEWAY, .events = &named};
    toni_plugin copy;
    struct buffer bytes;
    buffer_init(&bytes);
    ck_assert_int_eq(descriptor_write(&plugin, &bytes), 0);
    void *rest = descriptor_read(bytes.bytes, bytes.length, &copy);
    ck_assert_ptr_nonnull(rest);
    check_good(copy.events);
    char *before = json_of(&named), *after = json_of(copy.events);
    ck_assert_str_eq(before, after);
    for (size_t size = 0; size < bytes.length; size++)
        ck_assert_ptr_null(descriptor_read(bytes.bytes, size, &copy));
    free(before);
    free(after);
    free(rest);
    buffer_finish(&bytes);
}
END_TEST

/* A tree is a list of trees: told to the depth that there is, and no deeper. */
START_TEST(what_leads_back_to_itself_ends)
{
    static const toni_event_member tree[] = {
        {.name = "left", .type = TONI_EVENT_OBJECT, .inner = tree},
        {.name = "label", .type = TONI_EVENT_STRING},
        {0}};
    static const struct entry recursive[] = {{.name = "grow", .members = tree}, {0}};
    const toni_event_list list = LIST(recursive);
    check_good(&list);
    char *text = json_of(&list);
    size_t depth = 0;
    for (const char *at = text; (at = strstr(at, "left")); at++)
        depth++;
    ck_assert_uint_eq(depth, EVENT_DEPTH_MAX);
    free(text);

    static const toni_event_member wide[] = {
        {.name = "a", .type = TONI_EVENT_OBJECT, .inner = wide},
        {.name = "b", .type = TONI_EVENT_OBJECT, .inner = wide},
        {.name = "c", .type = TONI_EVENT_OBJECT, .inner = wide},
        {.name = "d", .type = TONI_EVENT_OBJECT, .inner = wide},
        {0}};
    static const struct entry too_wide[] = {{.name = "grow", .members = wide}, {0}};
    const toni_event_list wide_list = LIST(too_wide);
    check_problem(&wide_list, "more than 1024 members");
}
END_TEST

START_TEST(what_is_wrong_is_said)
{
    toni_event_list list = good;
    list.struct_size = 8;
    check_problem(&list, "TONI_EVENTS");
    list = good;
    list.name_at = sizeof(struct entry) - 1;
    check_problem(&list, "TONI_EVENTS");
    list = good;
    list.entries = NULL;
    check_problem(&list, "TONI_EVENTS");
    list = good;
    list.field = "";
    check_problem(&list, "a name that is empty");

    static const struct entry nameless[] = {{.name = ""}, {0}};
    const toni_event_list no_name = LIST(nameless);
    check_problem(&no_name, "a name that is empty");
    static const struct entry latin[] = {{.name = "\xff"}, {0}};
    const toni_event_list no_utf8 = LIST(latin);
    check_problem(&no_utf8, "not UTF-8");
    static struct entry endless[EVENTS_MAX + 1];
    for (size_t i = 0; i <= EVENTS_MAX; i++)
        endless[i].name = "e";
    const toni_event_list no_end = LIST(endless);
    check_problem(&no_end, "more than 256 entries");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin");
    TCase *cases = tcase_create("events");

    tcase_add_test(cases, all_of_it_is_told);
    tcase_add_test(cases, it_comes_through_as_it_was);
    tcase_add_test(cases, what_leads_back_to_itself_ends);
    tcase_add_test(cases, what_is_wrong_is_said);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
