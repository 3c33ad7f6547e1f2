/* Joining and leaving: what a receiver's set of memberships and the rooms of its namespace do
 * together. Knows no clients: client.c asks for all of it under the client's lock, which guards the
 * set. */
#ifndef ROOMS_JOINING_H
#define ROOMS_JOINING_H

#include "rooms/comeback.h"
#include "rooms/memberships.h"

#include <toni/types.h>

#include <stdbool.h>
#include <stdint.h>

/** @param membership  Lies in the client.
 * @return 0, or -1 on no memory. */
int joining_enter_everyone(struct space *space, struct receiver *receiver,
                           struct membership *membership);

/** Joins a room, within the limits. Of one that it is in already the set changes nothing.
 * @param name      A valid one.
 * @param comeback  What came of it is set but for the status, if the result is TONI_OK; NULL: it
 *                  does not come back.
 * @return As toni_join_room. */
int32_t joining_join(struct memberships *set, struct space *space, struct receiver *receiver,
                     toni_str name, struct comeback *comeback);

/** @return Whether it is in the room. */
bool joining_is_in(const struct memberships *set, struct space *space, toni_str name);

/** @return Whether it was in the room. */
bool joining_leave(struct memberships *set, struct space *space, toni_str name);

/** Leaves all rooms, that of everyone last, and frees the set. */
void joining_leave_all(struct memberships *set, struct membership *everyone);

/** Makes the receiver no target of its rooms any more, though it stays in them. */
void joining_untarget(const struct memberships *set, struct membership *everyone);

/** It wants those messages compressed, in all its rooms, that are longer than this. */
void joining_lower_threshold(const struct memberships *set, struct membership *everyone,
                             uint32_t deflate_above);

#endif
