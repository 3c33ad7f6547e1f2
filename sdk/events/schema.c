/* Whether `data` is what a handler expects: members, types, ranges. */
#include "events_private.h"

#include <stdio.h>
#include <string.h>

#define DETAILS_MOST 16 /* a client needs no longer list to mend its message */
#define PATH_MOST 256   /* bytes of a path (RFC 6901) */

struct check {
    json_t *details; /* NULL: nothing is wrong yet; null: no memory to say what */
    char path[PATH_MOST];
};

TONI_PRINTF(2, 3) static void add_detail(struct check *check, const char *format, ...)
{
    char message[128];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (!check->details)
        check->details = json_array();
    if (!check->details) /* no memory: it is wrong all the same */
        check->details = json_null();
    if (json_array_size(check->details) < DETAILS_MOST) {
        (void)json_array_append_new(
            check->details, json_pack("{s:s, s:s}", "path", check->path, "message", message));
    }
}

static const char *type_name(uint32_t type)
{
    static const char *const names[] = {"anything",  "a string",  "a whole number", "a number",
                                        "a boolean", "an object", "an array"};
    return names[type];
}

static bool has_type(uint32_t type, const json_t *value)
{
    switch (type) {
    case TONI_EVENT_STRING:
        return json_is_string(value);
    case TONI_EVENT_INTEGER:
        return json_is_integer(value);
    case TONI_EVENT_NUMBER:
        return json_is_number(value);
    case TONI_EVENT_BOOLEAN:
        return json_is_boolean(value);
    case TONI_EVENT_OBJECT:
        return json_is_object(value);
    case TONI_EVENT_ARRAY:
        return json_is_array(value);
    default:
        return true;
    }
}

static bool has_bounds(const toni_event_member *member)
{
    return member->least != 0 || member->most != 0;
}

static void check_size(struct check *check, const toni_event_member *member, size_t size,
                       const char *unit)
{
    if (has_bounds(member) && ((int64_t)size < member->least || (int64_t)size > member->most))
        add_detail(check, "has %zu %s, expected %lld to %lld", size, unit, (long long)member->least,
                   (long long)member->most);
}

static void check_range(struct check *check, const toni_event_member *member, const json_t *value)
{
    bool is_within;
    if (json_is_integer(value)) {
        const json_int_t number = json_integer_value(value);
        is_within = number >= member->least && number <= member->most;
    } else {
        const double number = json_real_value(value);
        is_within = number >= (double)member->least && number <= (double)member->most;
    }
    if (has_bounds(member) && !is_within)
        add_detail(check, "is not from %lld to %lld", (long long)member->least,
                   (long long)member->most);
}

static void check_value(struct check *check, const toni_event_member *member, const json_t *value);

/* @param step  What is added to the path while the value is looked at. */
static void check_inside(struct check *check, const char *step, const toni_event_member *member,
                         const json_t *value)
{
    const size_t before = strlen(check->path);
    (void)snprintf(check->path + before, sizeof check->path - before, "/%s", step);
    if (value)
        check_value(check, member, value);
    else if (member->is_required)
        add_detail(check, "is missing");
    check->path[before] = '\0';
}

static void check_members(struct check *check, const toni_event_member *members,
                          const json_t *object)
{
    for (const toni_event_member *member = members; member && member->name; member++)
        check_inside(check, member->name, member, json_object_get(object, member->name));
}

static void check_elements(struct check *check, const toni_event_member *member,
                           const json_t *array)
{
    char step[24];
    check_size(check, member, json_array_size(array), "elements");
    for (size_t i = 0; member->inner && i < json_array_size(array); i++) {
        (void)snprintf(step, sizeof step, "%zu", i);
        check_inside(check, step, member->inner, json_array_get(array, i));
        if (json_array_size(check->details) >= DETAILS_MOST)
            break;
    }
}

static void check_value(struct check *check, const toni_event_member *member, const json_t *value)
{
    if (!has_type(member->type, value)) {
        add_detail(check, "is not %s", type_name(member->type));
        return;
    }
    switch (member->type) {
    case TONI_EVENT_STRING:
        check_size(check, member, json_string_length(value), "bytes");
        break;
    case TONI_EVENT_INTEGER:
    case TONI_EVENT_NUMBER:
        check_range(check, member, value);
        break;
    case TONI_EVENT_OBJECT:
        check_members(check, member->inner, value);
        break;
    case TONI_EVENT_ARRAY:
        check_elements(check, member, value);
        break;
    default:
        break;
    }
}

json_t *schema_check(const toni_event_member *members, const json_t *data)
{
    const toni_event_member whole = {.type = TONI_EVENT_OBJECT, .inner = members};
    struct check check = {0};
    if (!members)
        return NULL;
    if (data)
        check_value(&check, &whole, data);
    else
        check_members(&check, members, NULL);
    return check.details;
}
