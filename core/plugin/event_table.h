/* The table of events that a descriptor points to (toni/event_list.h): is it right, and what is in
 * it. Knows its entries by size and place alone, since the table is of the plugin's own type. */
#ifndef PLUGIN_EVENT_TABLE_H
#define PLUGIN_EVENT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <toni/event_list.h>

#define EVENTS_MAX 256         /* of a table */
#define EVENT_MEMBERS_MAX 1024 /* of all its events together */
#define EVENT_DEPTH_MAX 8      /* members that lie deeper are not told: shapes may be recursive */
#define EVENT_NAME_MAX 255     /* bytes, of an event or a member */

/** @param problem  Filled in if there is one: what is wrong, and what mends it.
 * @return Whether the table is right. All else here needs one that is. */
bool event_table_check(const toni_event_list *list, char *problem, size_t size);

/** @return The name of an event, or NULL: there are no more. */
const char *event_table_name(const toni_event_list *list, size_t index);

/** @return What its `data` has, or NULL: anything. */
const toni_event_member *event_table_members(const toni_event_list *list, size_t index);

/** @return The name of the event's field in a message. */
const char *event_table_field(const toni_event_list *list);

/** @param members  Of a list; NULL: an empty one.
 * @return The member at @p index, or NULL: there are no more. */
const toni_event_member *event_member_at(const toni_event_list *list,
                                         const toni_event_member *members, size_t index);

/** @param depth  Of the member: 1 for those of an event.
 * @return What is told of its inside: of an object the list of its members, of an array the one
 * member that its elements are like; or NULL. */
const toni_event_member *event_member_inner(const toni_event_member *member, unsigned depth);

#endif
