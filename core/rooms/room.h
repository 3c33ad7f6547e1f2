/* A room: who is in it, by name for who asks, and how many of them are on which lane. Joins and
 * leaves go through the lanes' queues as messages do; see audience.h. Knows neither names' rules
 * nor the table of all rooms, nor how a message is sent: see room_table.h and broadcast.h. */
#ifndef ROOMS_ROOM_H
#define ROOMS_ROOM_H

#include "base/hash_table.h"
#include "base/lock.h"
#include "rooms/audience.h"
#include "rooms/batch.h"
#include "rooms/shared.h"
#include "rooms/topic.h"

#include <toni/types.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* `deflate_above` of a room in which nobody takes compressed messages. */
#define DEFLATE_NEVER UINT32_MAX

/* What a room has on one lane, as it will be once the lane has taken what was posted. */
struct share {
    struct audience *audience; /* the lane's; only to be posted with */
    uint32_t lane;             /* its index */
    uint32_t targets;          /* never 0 between two uses of the room */
    uint32_t capacity;         /* of the audience */
};

struct room {
    struct hash_node node; /* of the table of rooms */
    toni_connections *connections;
    atomic_uint refs;
    uint32_t share_count; /* guarded by the lock below */
    uint64_t id;      /* also its epoch: a room that is made again has another. Rooms are locked by
                         ascending id */
    struct lock lock; /* guards all below, but `pending`; `deflate_above` is read without */
    bool ended;       /* out of the table: nobody joins it any more */
    uint32_t members;
    uint32_t capacity;         /* of `list` */
    uint32_t targets;          /* members that are not being closed */
    uint32_t deflating;        /* of these: that take compressed messages */
    uint32_t spare_count;      /* between two broadcasts: 1 at most */
    struct membership **list;  /* the members */
    struct share *shares;      /* for the lanes with targets: `first_share`, or allocated */
    struct share first_share;  /* most rooms have members on one lane */
    uint64_t seq;              /* the last number that a message got */
    struct batch *open;        /* takes the next broadcast; one reference, or NULL */
    struct command *spares;    /* memory, so that posting can't fail half-way */
    struct topic *topic;       /* its broadcasts'; one reference */
    atomic_uint deflate_above; /* messages longer than this are compressed, see room_deflates() */
    atomic_uint_fast64_t pending; /* bytes of broadcasts that some lane has not delivered yet */
    toni_str name; /* lies behind the room, with a NUL; empty for the room of everyone */
};

/** @param name  Copied. @return A room without members, with one reference; NULL on no memory. */
struct room *room_create(toni_connections *connections, uint64_t id, toni_str name);

/** @return @p room. @thread Any. */
struct room *room_ref(struct room *room);

/** Drops one reference. @thread Any. */
void room_unref(struct room *room);

/** Drops what the lane or the client has of a membership; the last ends it. Without a room's lock.
 * @thread Any. */
void membership_release(struct membership *membership);

/** The same for one that lies in something else, which keeps its memory. @thread Any. */
void membership_release_embedded(struct membership *membership);

/* The following: any thread, under the room's lock. */

/** Adds a member, as a target.
 * @param membership  Zero but for `is_embedded`; has two holders from now on.
 * @return 0, or -1 on no memory; then nothing is changed. */
int room_join(struct room *room, struct receiver *receiver, struct membership *membership);

/** Makes a member no target any more. What was broadcast before still reaches it; it stays a member
 * for who asks. */
void room_untarget(struct room *room, struct membership *membership);

/** Removes a member, which is no target any more then. Its client has to release the membership. */
void room_leave(struct room *room, struct membership *membership);

/** @return What the room has on a lane; NULL if it has no targets there. */
struct share *room_share(const struct room *room, uint32_t lane);

/** A target that takes compressed messages wants those compressed that are longer than this. */
void room_lower_threshold(struct room *room, uint32_t deflate_above);

/* Without the lock. */

/** @return Whether a message of @p size bytes is to be compressed for this room: it has targets
 * that agreed on that, and is longer than the lowest `deflate_above` of their gateways, and of the
 * gateways of those that were there at the same time. @thread Any. */
static inline bool room_deflates(const struct room *room, size_t size)
{
    return size > atomic_load_explicit(&room->deflate_above, memory_order_relaxed);
}

/** See toni_get_room. @thread Any. */
int32_t room_info(struct room *room, toni_room_info **info);

#endif
