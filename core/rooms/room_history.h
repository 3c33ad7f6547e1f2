/* What rooms do with their histories: they keep what is sent to them, and forget what is too old.
 */
#ifndef ROOMS_ROOM_HISTORY_H
#define ROOMS_ROOM_HISTORY_H

#include "rooms/room_table.h"
#include "rooms/rules.h"

#include <toni/types.h>

#include <stdbool.h>
#include <stddef.h>

/** Keeps a message of a room, which has its number by that; of a room without a history nothing.
 * Under the room's lock.
 * @param payload  NULL: there was no memory for it. @thread Any. */
void room_history_append(struct room *room, struct payload *payload);

/** A room's last member has left, or the first one is there. Under the room's lock; of a room
 * without a history nothing. @thread Any. */
void room_history_await(struct room *room);
void room_history_end_await(struct room *room);

/** Gives a room's history another rule, by which it is also looked at, maybe sooner. Under the lock
 * of the room, which has one; the caller has a reference. @param rule  As history_bind() has it. */
void room_history_bind(struct room *room, const struct history_rule *rule);

/** Forgets what is too old, of @p most rooms at most and of each a part if that is much, and ends
 * rooms that are there for nothing else.
 * @return Whether there may be more. @thread Any, one at a time. */
bool room_history_sweep(toni_connections *connections, size_t most);

/** All rooms forget all: the host ends, and nobody is in one. */
void room_history_end(toni_connections *connections);

/** @return Where the room is; zeros: it keeps no history, or, with a door, no message has come yet
 * since somebody is in it here. Without the room's lock. @thread Any. */
toni_position room_history_position(struct room *room);

#endif
