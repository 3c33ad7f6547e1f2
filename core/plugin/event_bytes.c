/* See event_bytes.h. Strings of a table end with a NUL, so theirs is among the bytes. */
#include "plugin/event_bytes.h"

/* --- Writing */

static int put_text(struct buffer *bytes, const char *text)
{
    return put_string(bytes, toni_str_make(text, strlen(text) + 1));
}

static int put_members(const toni_event_list *list, const toni_event_member *members,
                       unsigned depth, struct buffer *bytes);

/* NOLINTNEXTLINE(misc-no-recursion): as deep as EVENT_DEPTH_MAX */
static int put_member(const toni_event_list *list, const toni_event_member *member, unsigned depth,
                      struct buffer *bytes)
{
    const int64_t bounds[] = {member->least, member->most};
    const toni_event_member *inner = event_member_inner(member, depth);

    if (put_number(bytes, member->type) || put_number(bytes, member->is_required != 0) ||
        buffer_append(bytes, bounds, sizeof bounds) || put_number(bytes, inner != NULL))
        return -1;
    if (!inner)
        return 0;
    return member->type == TONI_EVENT_ARRAY ? put_member(list, inner, depth + 1, bytes)
                                            : put_members(list, inner, depth + 1, bytes);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as EVENT_DEPTH_MAX */
static int put_members(const toni_event_list *list, const toni_event_member *members,
                       unsigned depth, struct buffer *bytes)
{
    uint32_t count = 0;

    while (event_member_at(list, members, count))
        count++;
    if (put_number(bytes, count))
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        const toni_event_member *member = event_member_at(list, members, i);
        if (put_text(bytes, member->name) || put_member(list, member, depth, bytes))
            return -1;
    }
    return 0;
}

int events_write(const toni_event_list *list, struct buffer *bytes)
{
    uint32_t count = 0;

    if (!list)
        return put_number(bytes, 0);
    while (event_table_name(list, count))
        count++;
    if (put_number(bytes, 1) || put_text(bytes, event_table_field(list)) ||
        put_number(bytes, count))
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        const toni_event_member *members = event_table_members(list, i);
        if (put_text(bytes, event_table_name(list, i)) || put_number(bytes, members != NULL) ||
            (members && put_members(list, members, 1, bytes)))
            return -1;
    }
    return 0;
}

/* --- Reading */

/* What is no text is read as an empty one. */
static const char *get_text(struct reader *reader)
{
    const toni_str text = get_string(reader);

    if (reader->is_good && text.size > 1 &&
        memchr(text.data, '\0', text.size) == text.data + text.size - 1)
        return text.data;
    reader->is_good = false;
    return "";
}

/* @return So many in a row, the last of which ends the list; NULL: it is too much, or the reader is
 * bad. */
static toni_event_member *take_members(struct reader *reader, struct told_events *told,
                                       uint32_t count)
{
    const size_t left = sizeof told->members / sizeof told->members[0] - told->member_count;

    if (!reader->is_good || count >= left) {
        reader->is_good = false;
        return NULL;
    }
    toni_event_member *members = &told->members[told->member_count];
    told->member_count += (size_t)count + 1;
    return members;
}

static toni_event_member *get_members(struct reader *reader, struct told_events *told,
                                      unsigned depth);

/* NOLINTNEXTLINE(misc-no-recursion): as deep as EVENT_DEPTH_MAX */
static void get_member(struct reader *reader, struct told_events *told, unsigned depth,
                       toni_event_member *member)
{
    int64_t bounds[2] = {0};

    member->type = get_number(reader);
    member->is_required = get_number(reader) != 0;
    get_bytes(reader, bounds, sizeof bounds);
    member->least = bounds[0];
    member->most = bounds[1];
    if (get_number(reader) == 0)
        return;
    if (depth == EVENT_DEPTH_MAX ||
        (member->type != TONI_EVENT_ARRAY && member->type != TONI_EVENT_OBJECT)) {
        reader->is_good = false;
    } else if (member->type == TONI_EVENT_OBJECT) {
        member->inner = get_members(reader, told, depth + 1);
    } else {
        toni_event_member *inner = take_members(reader, told, 0);
        member->inner = inner;
        if (inner)
            get_member(reader, told, depth + 1, inner);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as EVENT_DEPTH_MAX */
static toni_event_member *get_members(struct reader *reader, struct told_events *told,
                                      unsigned depth)
{
    const uint32_t count = get_number(reader);
    toni_event_member *members = take_members(reader, told, count);

    for (uint32_t i = 0; reader->is_good && i < count; i++) {
        members[i].name = get_text(reader);
        get_member(reader, told, depth, &members[i]);
    }
    return members;
}

const toni_event_list *events_read(struct reader *reader, struct told_events *told)
{
    if (get_number(reader) == 0)
        return NULL;
    const char *field = get_text(reader);
    const uint32_t count = get_number(reader);
    if (count > EVENTS_MAX)
        reader->is_good = false;
    for (uint32_t i = 0; reader->is_good && i < count; i++) {
        told->events[i].name = get_text(reader);
        if (get_number(reader) != 0)
            told->events[i].members = get_members(reader, told, 1);
    }
    told->list = (toni_event_list){
        .struct_size = sizeof told->list,
        .entry_size = sizeof told->events[0],
        .name_at = offsetof(struct told_event, name),
        .members_at = offsetof(struct told_event, members),
        .member_size = sizeof told->members[0],
        .entries = told->events,
        .field = field,
    };
    return reader->is_good ? &told->list : NULL;
}
