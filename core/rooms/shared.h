/* What all clients and rooms of the host share: lanes, limits, budgets, the two tables, and what is
 * counted for all together. Knows neither clients nor rooms; they know it.
 *
 * Locks, in this order: an instance's (core/instance), a client's, a stripe's of the table of
 * clients or rooms, rooms' by ascending id, a stripe's of the table of metadata, a lane's queue, a
 * leaf. No plugin code runs under any but the first. */
#ifndef ROOMS_SHARED_H
#define ROOMS_SHARED_H

#include "base/hash.h"
#include "rooms/budget.h"
#include "rooms/coming.h"
#include "rooms/histories.h"
#include "rooms/lane.h"
#include "rooms/limits.h"
#include "rooms/naming.h"
#include "rooms/registry.h"
#include "rooms/revocations.h"
#include "ws/deflate.h"

#include <toni/host.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct history_rules;
struct room;
struct remote;

/* Of what comes from other hosts; the cluster's thread counts it. */
struct remote_figures {
    struct counter gaps; /* something is missing there, in a room or in the namespace's channel */
    struct counter lost; /* messages that are; those of unknown number count as one each */
    struct counter refused; /* what came in and was no message */
};

/* A namespace: what a plugin reaches through its handle. Each client and each room belongs to one;
 * all else is shared by all. It stays where it is until the host ends. */
struct space {
    const toni_host *host; /* first, for ever: see toni/abi.h. A plugin's handle points here */
    toni_connections *connections;
    char *name;            /* empty: the default one */
    uint64_t salt;         /* of the hashes of its rooms' names; 0 for the default one */
    struct room *everyone; /* has every client of it as a member; in no table */
    struct remote *remote; /* the door to other hosts; NULL: this one is alone. Set before the
                              namespace has a client, and there until the last has gone */
    struct remote_figures remote_figures;
    atomic_uint_fast64_t rooms; /* that have a member */
    struct space *_Atomic next; /* in the order in which they were made */
    struct lock history_lock;   /* a leaf; guards the next, which is one reference */
    struct history_rules *history;
    atomic_bool keeps_history; /* there are such rules */
};

struct toni_connections {
    struct space common;  /* first: the default namespace, as whose handle this serves */
    struct limits limits; /* of the host */
    uint32_t lane_count;
    struct lane *lanes;
    struct hash_key hash_key;
    struct naming naming; /* of clients */
    atomic_uint_fast64_t next_room;
    atomic_uint_fast64_t next_multicast;
    atomic_uint_fast64_t memberships;    /* of all clients, in rooms that have a name */
    atomic_uint_fast64_t identities;     /* clients of which a guard has said who they are */
    atomic_uint_fast64_t identity_bytes; /* what that takes */
    atomic_uint_fast64_t pending; /* bytes of broadcasts that some lane has not delivered yet */
    atomic_uint_fast64_t metadata_bytes; /* what metadata of rooms is charged; see metadata.h */
    struct counter multicast_targeted;   /* clients of multicasts; see lane.h for the others */
    struct counter refused_sends[REFUSED_REASON_COUNT]; /* direct ones; of all gateways */
    struct counter refused_busy;                        /* broadcasts: TONI_ERR_BUSY */
    struct counter refused_too_big;                     /* broadcasts: TONI_ERR_TOO_BIG */
    struct budget budgets[BUDGET_KINDS];                /* what clients pin together */
    struct revocations revocations;                     /* of all namespaces */
    struct deflaters deflaters;     /* for messages to clients that take compressed ones */
    struct histories histories;     /* of all rooms */
    struct coming_table coming;     /* rooms that clients are about to be in */
    struct registry client_table;   /* by id */
    struct registry room_table;     /* by name */
    struct registry metadata_table; /* of rooms, by their names' hashes */
};

/** @return The namespace that a plugin's handle stands for. */
static inline struct space *space_of(toni_connections *handle)
{
    return (struct space *)handle;
}

/** @return The handle of a namespace, for plugins. */
static inline toni_connections *space_handle(struct space *space)
{
    return (toni_connections *)space;
}

/** Bytes that room_title() fills at most: a namespace, a slash, a name, a NUL. */
#define ROOM_TITLE_SIZE (64 + 1 + 255 + 1)

/** What people are told of a room: NAMESPACE/NAME, or NAME in the default one.
 * @param name   Also of a room that is not there.
 * @return What was written into @p title, cut if it is too long. */
toni_str room_title(const struct space *space, toni_str name, char title[ROOM_TITLE_SIZE]);

/** Makes all but lanes' insides and the rooms of everyone. @return 0, or -1 on no memory or without
 * randomness. */
int shared_init(toni_connections *connections, const toni_host *host, const struct limits *limits,
                uint32_t lane_count);

void shared_finish(toni_connections *connections);

/** Counts bytes of a broadcast as pending, in the host or in a room, if that doesn't pass a limit;
 * whoever delivers it last takes them back. Also those of metadata.
 * @param pending  One of the counters of that name, or `metadata_bytes`.
 * @return Whether they were counted. @thread Any. */
bool pending_charge(atomic_uint_fast64_t *pending, uint64_t bytes, uint64_t limit);

/** Takes back what was counted. @thread Any. */
void pending_release(atomic_uint_fast64_t *pending, uint64_t bytes);

#endif
