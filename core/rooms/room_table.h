/* The table of rooms, by namespace and name. A room comes with its first member and goes with its
 * last; one that keeps a history comes with its first message, too, and goes when nobody is in it,
 * its last message is too old, and its last member has not come back for as long. */
#ifndef ROOMS_ROOM_TABLE_H
#define ROOMS_ROOM_TABLE_H

#include "rooms/room.h"

/** @return The room, with a new reference, or NULL if there is none. @thread Any. */
struct room *room_table_find(struct space *space, toni_str name);

/** @return The room, made if there is none, with a new reference; NULL on no memory. It may end
 * before it is locked. @thread Any. */
struct room *room_table_get(struct space *space, toni_str name);

/** The same for who sends to it: a room is made if there is none only where its history is to keep
 * what is sent. @return It; NULL: there is none, or no memory for one. */
struct room *room_table_to_send(struct space *space, toni_str name);

/** Drops what room_table_to_send has returned: a room that was made for what could not be kept
 * ends.
 * @param room  One of the table, or that of everyone. @thread Any, without the room's lock. */
void room_table_release(struct room *room);

/** @return What is kept of a room by the rules of its namespace, be it here or by the engine behind
 * a door; `messages` 0: nothing. @thread Any. */
struct history_rule room_table_kept(struct space *space, toni_str name);

/** @return The same of what is kept here: nothing, where there is a door. */
struct history_rule room_table_rule(struct space *space, toni_str name);

/** @return The epoch of positions in a room; another for each room, and in each host. */
uint64_t room_table_epoch(const struct room *room);

/** Ends a room that has no members, and whose history does not hold it. Without the room's lock.
 * @thread Any. */
void room_table_collect(struct room *room);

#endif
