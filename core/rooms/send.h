/* Sending to a target: what is for one whole room, or for everyone, less a few clients, is a
 * broadcast of that room as any other; all else, and what somebody wants a receipt for, is a
 * multicast. */
#ifndef ROOMS_SEND_H
#define ROOMS_SEND_H

#include "rooms/receipt.h"

#include <toni/host.h>

/** See toni_target_send. */
int32_t target_send(toni_target *target, const toni_message *message);

#endif
