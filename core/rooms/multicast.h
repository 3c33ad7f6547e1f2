/* A multicast: one message on its way to a target that is more than one room: a union of rooms,
 * single clients, all less some; or that somebody wants a receipt for.
 *
 * It takes a sequence number in each of its rooms, all locked at once, so that it has its place in
 * the order of each. (With a door a union has none; see remote.h.) Each lane delivers it once to
 * every client: the client remembers the last multicast that reached it. */
#ifndef ROOMS_MULTICAST_H
#define ROOMS_MULTICAST_H

#include "rooms/addressees.h"
#include "rooms/batch.h"
#include "rooms/lane.h"
#include "rooms/receipt.h"
#include "rooms/room.h"

#include <toni/host.h>

#include <stdatomic.h>
#include <stdint.h>

struct multicast {
    toni_connections *connections;
    const toni_position
        *at; /* its place in each of its rooms, see room_advance; while it is sent */
    atomic_uint refs;
    atomic_uint undelivered; /* lanes that still have to */
    uint64_t id;             /* never 0, never again */
    struct batch *batch;     /* one message */
    struct addressees to;
    struct receipt *receipt; /* to be finished by who delivers last, or drops it; or NULL */
};

/** Sends a message to a target; see toni_target_send.
 * @param message  Checked; see message_check.
 * @param receipt  See target_send_receipt.
 * @param at       Its place in each of its rooms, see room_advance. */
int32_t multicast_send(const toni_target *target, const toni_message *message,
                       struct receipt *receipt, const toni_position *at);

#endif
