/* The connections: the docs' ConnectionManager. All clients, all rooms, all lanes of the host, and
 * the functions of toni/connections.h on them.
 *
 * Locks, in this order: an instance's (core/instance), a client's, a stripe's of the table of
 * clients or rooms, rooms' by ascending id, an inbox's. No plugin code runs under any but the
 * first. */
#ifndef ROOMS_CONNECTIONS_H
#define ROOMS_CONNECTIONS_H

#include "base/hash.h"
#include "base/hash_table.h"
#include "base/permute.h"
#include "rooms/budget.h"
#include "rooms/lane.h"
#include "rooms/limits.h"
#include "rooms/room.h"
#include "ws/deflate.h"

#include <toni/host.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The longest name of a room. */
#define ROOM_NAME_MAX 255

/* The tables are striped, so that workers seldom wait for each other. */
#define STRIPES 64

struct stripe {
    pthread_mutex_t mutex;
    struct hash_table table;
};

struct toni_connections {
    const toni_host *host; /* first, for ever: see toni/abi.h */
    struct limits limits;  /* of the host */
    uint32_t lane_count;
    struct lane *lanes;
    struct room *everyone; /* has every client as a member; in no table */
    struct hash_key hash_key;
    struct permute permute;
    atomic_uint_fast64_t next_client; /* what ids are made from */
    atomic_uint_fast64_t next_room;
    atomic_uint_fast64_t next_spread;
    atomic_uint_fast64_t rooms;       /* that have a member */
    atomic_uint_fast64_t memberships; /* of all clients, in rooms that have a name */
    atomic_uint_fast64_t pending;     /* bytes of broadcasts that some lane has not delivered yet */
    struct counter spread_targeted;   /* clients that spreads were for; see lane.h for the others */
    struct counter refused_sends[REFUSED_REASON_COUNT]; /* direct ones; of all gateways */
    struct counter refused_busy;                        /* broadcasts: TONI_ERR_BUSY */
    struct counter refused_too_big;                     /* broadcasts: TONI_ERR_TOO_BIG */
    struct budget budgets[BUDGET_KINDS];                /* what clients pin together */
    struct deflaters deflaters; /* for messages to clients that take compressed ones */
    struct stripe client_stripes[STRIPES];
    struct stripe room_stripes[STRIPES];
};

/** @param host        The table that handles begin with; must outlive the result.
 * @param lane_count   At least 1; the caller then calls connections_init_lane for each.
 * @return NULL on no memory or without randomness. */
toni_connections *connections_create(const toni_host *host, const struct limits *limits,
                                     uint32_t lane_count);

/** Makes one of the lanes. @param wake, wake_data  See lane_init. @return 0, or -1 on no memory. */
int connections_init_lane(toni_connections *connections, uint32_t index, void (*wake)(void *data),
                          void *wake_data);

/** No client may be left, and no thread may use them. @param connections  NULL is fine. */
void connections_destroy(toni_connections *connections);

/** What is counted for all clients and rooms together. */
struct connections_figures {
    uint64_t targeted; /* once for each client that a message is for */
    uint64_t queued;   /* see lane_figures.h */
    uint64_t sent;
    uint64_t sent_bytes;
    uint64_t dropped[DROP_REASON_COUNT];
    uint64_t outbox_messages;
    uint64_t outbox_bytes;
};

/** Adds up what the lanes count. @thread Any. */
void connections_figures(const toni_connections *connections, struct connections_figures *figures);

/** Fills in what toni/connections.h and toni/client.h call. */
void connections_fill_table(toni_host *table);

/** @return The client with a new reference, or NULL. @thread Any. */
toni_client *connections_find_client(toni_connections *connections, toni_client_id id);

/** Gives a client an id and puts it into the table. @return 0, or -1 on no memory. */
int connections_add_client(toni_connections *connections, toni_client *client);

/** Takes a client out of the table. */
void connections_remove_client(toni_connections *connections, toni_client *client);

/** @return The room, with a new reference, or NULL if there is none. */
struct room *connections_find_room(toni_connections *connections, toni_str name);

/** @return The room, made if there is none, with a new reference; NULL on no memory. It may end
 * before it is locked. */
struct room *connections_get_room(toni_connections *connections, toni_str name);

/** Ends a room that has no members. Without the room's lock. */
void connections_collect_room(toni_connections *connections, struct room *room);

/** Sends a message to a room, or to everyone, less some.
 * @param message  Checked; see message_check.
 * @param except   A list of clients (client_list.h), EXCEPTED_MAX at most.
 * @return How many were targeted, or TONI_ERR_BUSY, TONI_ERR_NO_MEMORY. @thread Any. */
int32_t connections_broadcast(struct room *room, const toni_message *message,
                              toni_client *const *except, uint32_t except_count);

/** Counts bytes of a broadcast as pending, in the host or in a room, if that doesn't pass a limit;
 * whoever delivers it last takes them back.
 * @param pending  One of the counters of that name.
 * @return Whether they were counted. @thread Any. */
bool pending_charge(atomic_uint_fast64_t *pending, uint64_t bytes, uint64_t limit);

/** Takes back what was counted. @thread Any. */
void pending_release(atomic_uint_fast64_t *pending, uint64_t bytes);

/** @return TONI_OK, or why this can't be broadcast: TONI_ERR_INVALID, or TONI_ERR_TOO_BIG, which is
 * counted: more could never be pending. @thread Any. */
int32_t broadcast_check(toni_connections *connections, const toni_message *message);

/** @param limit  In bytes on the wire.
 * @return TONI_OK, or why this message can't be sent: TONI_ERR_INVALID, TONI_ERR_TOO_BIG. */
int32_t message_check(const toni_message *message, uint64_t limit);

/** @return Whether this is a legal name of a room. */
bool room_name_valid(toni_str name);

/** @return Whether a client can be closed with this. @param reason  See toni_disconnect. */
bool close_valid(uint16_t code, toni_str reason);

#endif
