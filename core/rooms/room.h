/* A room: who is in it, by name for who asks, and how many of them are on which lane. Joins and
 * leaves go through the lanes' queues as messages do; see audience.h. Knows neither names' rules
 * nor the table of all rooms, nor how a message is sent: see room_table.h and broadcast.h. */
#ifndef ROOMS_ROOM_H
#define ROOMS_ROOM_H

#include "base/hash_table.h"
#include "base/lock.h"
#include "rooms/audience.h"
#include "rooms/batch.h"
#include "rooms/history.h"
#include "rooms/shared.h"
#include "rooms/topic.h"

#include <toni/types.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* `deflate_above` of a room in which nobody takes compressed messages. */
#define DEFLATE_NEVER UINT32_MAX

struct room {
    struct topic topic;    /* first: its broadcasts', and the name, which lies behind the room
                              with a NUL; one reference, that keeps the memory */
    struct hash_node node; /* of the table of rooms */
    struct space *space;   /* that it belongs to */
    uint64_t id; /* a room that is made again has another. Rooms are locked by ascending id */
    atomic_uint refs;
    atomic_uint deflate_above; /* messages longer than this are compressed, see room_deflates() */
    struct lock lock;          /* guards all below, but `pending`; `deflate_above` is changed under
                                  it */
    bool ended;                /* out of the table: nobody joins it any more */
    bool has_metadata;         /* in a table of its own: see metadata.h */
    atomic_bool is_vacant;     /* nobody is in it: it is there for its history, and in no list;
                                  changed under the lock */
    uint32_t members;
    uint32_t capacity;  /* of `list`; 0: it is no array */
    uint32_t targets;   /* members that are not being closed */
    uint32_t deflating; /* of these: that take compressed messages */
    union {
        struct membership *only; /* most rooms have one member */
        struct membership **list;
    };
    struct audience *audiences; /* of the lanes with targets */
    toni_position at; /* of the last message. Alone: the room's id, and how many it has had; with a
                         door: as the engine said, {0, 0} until a message has come */
    struct batch *open;           /* takes the next broadcast; one reference, or NULL */
    struct history *history;      /* owned; NULL: it keeps none */
    atomic_uint_fast64_t pending; /* bytes of broadcasts that some lane has not delivered yet */
};

/** @param name  Copied. @return A room without members, with one reference; NULL on no memory. */
struct room *room_create(struct space *space, uint64_t id, toni_str name);

/** @return @p room. @thread Any. */
struct room *room_ref(struct room *room);

/** Drops one reference. @thread Any. */
void room_unref(struct room *room);

/* The following: any thread, under the room's lock. */

/** Adds a member, as a target.
 * @param membership  Zero; the room's from now on, which frees it, but in the room of everyone:
 * there it lies in the client.
 * @return 0, or -1 on no memory; then nothing is changed. */
int room_join(struct room *room, struct receiver *receiver, struct membership *membership);

/** Makes a member no target any more. What was broadcast before still reaches it; it stays a member
 * for who asks. */
void room_untarget(struct room *room, struct membership *membership);

/** Removes a member, which is no target any more then. The caller has a reference to the room. */
void room_leave(struct room *room, struct membership *membership);

/** @return The members, room->members of them; valid until one joins or leaves. */
static inline struct membership *const *room_list(const struct room *room)
{
    return room->capacity > 0 ? room->list : &room->only;
}

/** @return What the room has on a lane; NULL if it has no targets there. */
struct audience *room_audience(const struct room *room, uint32_t lane);

/** A target that takes compressed messages wants those compressed that are longer than this. */
void room_lower_threshold(struct room *room, uint32_t deflate_above);

/** A message has its place. Under the lock.
 * @param at  NULL: the next one. Of epoch 0: it has none. */
static inline void room_advance(struct room *room, const toni_position *at)
{
    if (!at)
        room->at.offset++;
    else if (at->epoch != 0)
        room->at = *at;
}

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
