/* A room: its members by lane, its sequence numbers, and the batch that is open. Knows neither
 * names' rules nor the table of all rooms; those are connections.c's.
 *
 * Every broadcast takes the next sequence number under the room's lock, is appended to the open
 * batch and posted to each lane that has members: that is the room's one order. The members of a
 * lane are a shard; see shard.h. */
#ifndef ROOMS_ROOM_H
#define ROOMS_ROOM_H

#include "base/hash_table.h"
#include "rooms/batch.h"
#include "rooms/lane.h"
#include "rooms/memberships.h"
#include "rooms/shard.h"
#include "rooms/topic.h"

#include <toni/types.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* `deflate_above` of a room in which nobody takes compressed messages. */
#define DEFLATE_NEVER UINT32_MAX

/* A message may leave out so many without a look at who else is there. */
#define EXCEPTED_MAX 8

struct room {
    struct hash_node node; /* of the table of rooms */
    toni_connections *connections;
    atomic_uint refs;
    uint32_t shard_count; /* guarded by the lock below */
    uint64_t id; /* also its epoch: a room that is made again has another. Rooms are locked by
                    ascending id */
    pthread_mutex_t mutex;  /* guards all below, but `pending`; `deflate_above` is read without */
    bool ended;             /* out of the table: nobody joins it any more */
    struct shard *shards;   /* one for each lane with members: `first_shard`, or allocated */
    uint32_t members;       /* ghosts not included */
    uint32_t targets;       /* members that are not being closed */
    uint32_t deflating;     /* of these: that take compressed messages */
    uint64_t seq;           /* the last that was given out */
    struct batch *open;     /* takes the next broadcast; one reference, or NULL */
    struct command *spares; /* so that posting can't fail half-way */
    uint32_t spare_count;
    atomic_uint deflate_above; /* messages longer than this are compressed, see room_deflates() */
    atomic_uint_fast64_t pending; /* bytes of broadcasts that some lane has not delivered yet */
    struct topic *topic;          /* its broadcasts'; one reference */
    toni_str name;            /* lies behind the room, with a NUL; empty for the room of everyone */
    struct shard first_shard; /* most rooms have members on one lane */
};

/** @param name  Copied. @return A room without members, with one reference; NULL on no memory. */
struct room *room_create(toni_connections *connections, uint64_t id, toni_str name);

/** @return @p room. @thread Any. */
struct room *room_ref(struct room *room);

/** Drops one reference. @thread Any. */
void room_unref(struct room *room);

/* The following: any thread, under the room's lock. */

/** Adds a member.
 * @param membership  Of the client: its `index` is set and kept up to date until room_remove.
 * @return 0, or -1 on no memory. */
int room_add(struct room *room, toni_client *client, struct membership *membership);

/** Removes a member; what was broadcast before still reaches it. May leave the room without
 * members. */
void room_remove(struct room *room, const struct membership *membership, uint32_t lane);

/** @return The members on a lane, valid until the next one comes or goes; NULL if there are none.
 */
struct shard *room_shard(const struct room *room, uint32_t lane);

/** Makes a member no target any more; what was broadcast before still reaches it. */
void room_mute(struct room *room, const struct membership *membership, uint32_t lane);

/** A target that takes compressed messages wants those compressed that are longer than this. */
void room_lower_threshold(struct room *room, uint32_t deflate_above);

/* Who is left out of a message: targets of its room. */
struct excepted {
    uint32_t count;
    struct {
        uint32_t lane;
        uint32_t index; /* of the member in the shard of that lane */
    } members[EXCEPTED_MAX];
};

/** Finds which clients of some are targets of this room.
 * @param clients  None twice, EXCEPTED_MAX at most; also each one's lock is held. */
void room_find_excepted(const struct room *room, toni_client *const *clients, uint32_t count,
                        struct excepted *excepted);

/** Gives a number to one message and posts it to all lanes that have targets.
 * @param deflated  What clients that take compressed messages get; NULL: the message as it is.
 * @param excepted  Who doesn't get it; NULL: nobody.
 * @return How many were targeted, or TONI_ERR_BUSY, TONI_ERR_NO_MEMORY; then nothing is changed. */
int32_t room_broadcast(struct room *room, const toni_message *message, const toni_message *deflated,
                       const struct excepted *excepted);

/** Closes the open batch, so that the next broadcast begins another. */
void room_seal(struct room *room);

/** Notes that a lane has delivered all up to @p seq, and drops the ghosts that waited for it, and
 * the shard if nobody is left. */
void room_taken(struct room *room, struct shard *shard, uint64_t seq);

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
