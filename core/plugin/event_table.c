/* See event_table.h. A table is walked to the depth that is told: so one that leads back to itself
 * is walked to an end, too. */
#include "plugin/event_table.h"

#include "base/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* What a version 1.0 plugin fills in. */
#define LIST_SIZE_1_0 (offsetof(toni_event_list, field) + sizeof(const char *))
#define MEMBER_SIZE_1_0 (offsetof(toni_event_member, inner) + sizeof(void *))

static const void *pointer_in(const toni_event_list *list, size_t index, uint32_t at)
{
    const void *pointer;
    memcpy(&pointer, (const char *)list->entries + index * list->entry_size + at, sizeof pointer);
    return pointer;
}

const char *event_table_name(const toni_event_list *list, size_t index)
{
    return pointer_in(list, index, list->name_at);
}

const toni_event_member *event_table_members(const toni_event_list *list, size_t index)
{
    return pointer_in(list, index, list->members_at);
}

const char *event_table_field(const toni_event_list *list)
{
    return list->field ? list->field : "event";
}

const toni_event_member *event_member_at(const toni_event_list *list,
                                         const toni_event_member *members, size_t index)
{
    if (!members)
        return NULL;
    const toni_event_member *member =
        (const void *)((const char *)members + index * list->member_size);
    return member->name ? member : NULL;
}

const toni_event_member *event_member_inner(const toni_event_member *member, unsigned depth)
{
    const bool has_inside = member->type == TONI_EVENT_OBJECT || member->type == TONI_EVENT_ARRAY;
    return has_inside && depth < EVENT_DEPTH_MAX ? member->inner : NULL;
}

/* --- The check */

static bool name_is_good(const char *name)
{
    const size_t size = strnlen(name, EVENT_NAME_MAX + 1);
    return size > 0 && size <= EVENT_NAME_MAX && utf8_valid(name, size);
}

struct walk {
    const toni_event_list *list;
    size_t members;  /* so far */
    const char *bad; /* the name of one that can't be one; NULL: none is */
};

static void walk_members(struct walk *walk, const toni_event_member *members, unsigned depth);

/* NOLINTNEXTLINE(misc-no-recursion): as deep as EVENT_DEPTH_MAX */
static void walk_inner(struct walk *walk, const toni_event_member *member, unsigned depth)
{
    const toni_event_member *inner = event_member_inner(member, depth);
    if (!inner)
        return;
    if (member->type == TONI_EVENT_OBJECT) {
        walk_members(walk, inner, depth + 1);
    } else if (++walk->members <= EVENT_MEMBERS_MAX) {
        walk_inner(walk, inner, depth + 1);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as EVENT_DEPTH_MAX */
static void walk_members(struct walk *walk, const toni_event_member *members, unsigned depth)
{
    const toni_event_member *member;
    for (size_t i = 0; (member = event_member_at(walk->list, members, i)); i++) {
        if (++walk->members > EVENT_MEMBERS_MAX)
            return;
        if (!name_is_good(member->name))
            walk->bad = member->name;
        walk_inner(walk, member, depth);
    }
}

static bool sizes_are_good(const toni_event_list *list)
{
    const uint32_t pointer = sizeof(void *);
    return list->struct_size >= LIST_SIZE_1_0 && list->entries &&
           list->member_size >= MEMBER_SIZE_1_0 && list->entry_size >= pointer &&
           list->name_at <= list->entry_size - pointer &&
           list->members_at <= list->entry_size - pointer;
}

bool event_table_check(const toni_event_list *list, char *problem, size_t size)
{
    struct walk walk = {.list = list};
    if (!sizes_are_good(list)) {
        (void)snprintf(problem, size,
                       "sizes that don't fit its table; make it with TONI_EVENTS of toni/events.h");
        return false;
    }
    size_t count = 0;
    for (const char *name; (name = event_table_name(list, count)); count++) {
        if (count == EVENTS_MAX) {
            (void)snprintf(problem, size,
                           "more than %d entries; end the table with one whose name is NULL",
                           EVENTS_MAX);
            return false;
        }
        if (!name_is_good(name))
            walk.bad = name;
        walk_members(&walk, event_table_members(list, count), 1);
    }
    if (walk.members > EVENT_MEMBERS_MAX) {
        (void)snprintf(problem, size,
                       "more than %d members; end each list with {0}, or name fewer of them",
                       EVENT_MEMBERS_MAX);
        return false;
    }
    if (walk.bad || (list->field && !name_is_good(list->field))) {
        (void)snprintf(problem, size,
                       "a name that is empty, longer than %d bytes or not UTF-8; rename it",
                       EVENT_NAME_MAX);
        return false;
    }
    return true;
}
