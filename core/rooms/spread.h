/* A spread: one message on its way to a target that is more than one whole room: a union of rooms,
 * everyone, single clients, all less some. And the builder of such targets (toni_to_room and its
 * kin).
 *
 * It takes a sequence number in each of its rooms, all locked at once, so that it has its place in
 * the order of each. Each lane delivers it once to every client: the client remembers the last
 * spread that reached it. */
#ifndef ROOMS_SPREAD_H
#define ROOMS_SPREAD_H

#include "rooms/batch.h"
#include "rooms/lane.h"
#include "rooms/receipt.h"
#include "rooms/room.h"

#include <toni/host.h>

#include <stdatomic.h>
#include <stdint.h>

struct spread_room {
    struct room *room; /* one reference */
    uint64_t seq;
};

struct spread {
    toni_connections *connections;
    atomic_uint refs;
    atomic_uint undelivered;   /* lanes that still have to */
    uint64_t id;               /* never 0, never again */
    struct batch *batch;       /* one message */
    struct spread_room *rooms; /* by ascending id, none twice */
    uint32_t room_count;
    uint32_t client_count;
    uint32_t except_count;
    toni_client **clients;   /* references, by address, none twice, none of `except` */
    toni_client **except;    /* references, by address */
    struct receipt *receipt; /* to be finished by who delivers last, or drops it; or NULL */
};

/** Delivers a spread to the clients of one lane. That lane's worker only. */
void spread_deliver(struct spread *spread, struct lane *lane);

/** Drops one reference. @thread Any. */
void spread_unref(struct spread *spread);

/** Fills in the target builder of toni/connections.h. */
void spread_fill_table(toni_host *table);

#endif
