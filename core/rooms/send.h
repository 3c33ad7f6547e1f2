/* Sending to a target, here or by the door: what is for one whole room, or for everyone, less a few
 * clients, is a broadcast of that room as any other; all else, and what somebody wants a receipt
 * for, is a multicast. */
#ifndef ROOMS_SEND_H
#define ROOMS_SEND_H

#include "rooms/receipt.h"

#include <toni/host.h>

/** Sends a message to those of a target who are here.
 * @param target  Not ended. @param message  Checked; see broadcast_check.
 * @param receipt  See target_send_receipt. @param at  Its place in its rooms; see room_advance.
 * @return As toni_target_send. @thread Any. */
int32_t target_send_here(const toni_target *target, const toni_message *message,
                         struct receipt *receipt, const toni_position *at);

/** See toni_target_send. */
int32_t target_send(toni_target *target, const toni_message *message);

#endif
