/* See events_json.h. A lack of memory shows at the end of each object or list: jansson takes a
 * value that is NULL for an error. */
#include "http/events_json.h"

#include "plugin/event_table.h"

const char *event_type_word(uint32_t type)
{
    static const char *const words[] = {"any",     "string", "integer", "number",
                                        "boolean", "object", "array"};
    return type < sizeof words / sizeof words[0] ? words[type] : words[TONI_EVENT_ANY];
}

static json_t *members_to_json(const toni_event_list *list, const toni_event_member *members,
                               unsigned depth);

/* @param json  Taken; NULL is handed on. @return The same, with one member more; NULL on no memory.
 */
static json_t *with(json_t *json, const char *key, json_t *value)
{
    if (json && json_object_set_new(json, key, value) == 0)
        return json;
    if (!json)
        json_decref(value);
    json_decref(json);
    return NULL;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as EVENT_DEPTH_MAX */
static json_t *member_to_json(const toni_event_list *list, const toni_event_member *member,
                              unsigned depth, bool has_name)
{
    const toni_event_member *inner = event_member_inner(member, depth);
    json_t *json = json_object();

    if (has_name)
        json = with(json, "name", json_string(member->name));
    json = with(json, "type", json_string(event_type_word(member->type)));
    if (has_name)
        json = with(json, "required", json_boolean(member->is_required != 0));
    if (member->least != 0 || member->most != 0) {
        json = with(json, "least", json_integer(member->least));
        json = with(json, "most", json_integer(member->most));
    }
    if (inner && member->type == TONI_EVENT_OBJECT)
        json = with(json, "members", members_to_json(list, inner, depth + 1));
    else if (inner)
        json = with(json, "items", member_to_json(list, inner, depth + 1, false));
    return json;
}

/* @param array  Taken; NULL is handed on. */
static json_t *and_also(json_t *array, json_t *item)
{
    if (array && json_array_append_new(array, item) == 0)
        return array;
    if (!array)
        json_decref(item);
    json_decref(array);
    return NULL;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as EVENT_DEPTH_MAX */
static json_t *members_to_json(const toni_event_list *list, const toni_event_member *members,
                               unsigned depth)
{
    json_t *array = json_array();
    const toni_event_member *member;

    for (size_t i = 0; (member = event_member_at(list, members, i)); i++)
        array = and_also(array, member_to_json(list, member, depth, true));
    return array;
}

json_t *events_to_json(const toni_event_list *list)
{
    json_t *handled = json_array();
    const char *name;

    if (!list) {
        json_decref(handled);
        return json_null();
    }
    for (size_t i = 0; (name = event_table_name(list, i)); i++) {
        const toni_event_member *members = event_table_members(list, i);
        json_t *event = with(json_object(), "name", json_string(name));
        event = with(event, "data", members ? members_to_json(list, members, 1) : json_null());
        handled = and_also(handled, event);
    }
    return with(with(json_object(), "field", json_string(event_table_field(list))), "handled",
                handled);
}
