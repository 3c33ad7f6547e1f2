/* What goes out by a namespace's door: see remote.h. Whoever is targeted here is counted, but gets
 * nothing yet. */
#ifndef ROOMS_REMOTE_OUT_H
#define ROOMS_REMOTE_OUT_H

#include "rooms/remote.h"
#include "rooms/room.h"
#include "rooms/target.h"

#include <stdbool.h>

/** Publishes a message to a room.
 * @param name     A valid one. @param room  If it has members here; NULL: it hasn't.
 * @param message  Checked; see broadcast_check.
 * @return As toni_broadcast_to_room. @thread Any. */
int32_t remote_out_room(struct space *space, toni_str name, struct room *room,
                        const toni_message *message);

/** @return Whether a target is anybody else's than one client's that is here: then it goes by the
 * door, if there is one. @thread Any. */
bool remote_out_takes(const toni_target *target);

/** Publishes a message to a target. @param target  It may be changed; not ended.
 * @param message  Checked; see broadcast_check. @param receipt  See target_send_receipt.
 * @return As toni_target_send. @thread Any. */
int32_t remote_out_target(toni_target *target, const toni_message *message,
                          struct receipt *receipt);

#endif
