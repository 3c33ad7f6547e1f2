/* The table of rooms, by namespace and name. A room comes with its first member and goes with its
 * last. */
#ifndef ROOMS_ROOM_TABLE_H
#define ROOMS_ROOM_TABLE_H

#include "rooms/room.h"

/** @return The room, with a new reference, or NULL if there is none. @thread Any. */
struct room *room_table_find(struct space *space, toni_str name);

/** @return The room, made if there is none, with a new reference; NULL on no memory. It may end
 * before it is locked. @thread Any. */
struct room *room_table_get(struct space *space, toni_str name);

/** Ends a room that has no members. Without the room's lock. @thread Any. */
void room_table_collect(struct room *room);

#endif
