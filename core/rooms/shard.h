/* A shard: the members that a room has on one lane, what is on its way to them, and who of them is
 * to be left out of what. Knows neither other lanes nor how a message gets its number; guarded by
 * the room's lock.
 *
 * A member gets the sequence numbers above `from` and up to `until`. One that leaves while
 * something is on its way to it stays as a ghost until that has been delivered.
 *
 * Who is excepted from a message is noted beside the shard, in the order of the messages. Delivery
 * hands these members, and no others, what lies before that message, and moves their `from` past
 * it: so the common loop needs no per-member check for exceptions. */
#ifndef ROOMS_SHARD_H
#define ROOMS_SHARD_H

#include "rooms/memberships.h"

#include <toni/types.h>

#include <stdint.h>

struct batch;

/* `until` of a member that is a target. */
#define MEMBER_FOR_EVER UINT64_MAX

/* The room's side. */
struct member {
    toni_client *client; /* a ghost has a reference; a member is kept by being a client */
    uint64_t from;
    uint64_t until;
    struct membership *membership; /* NULL: a ghost */
};

struct exceptions;

struct shard {
    struct member *members; /* ghosts included */
    uint32_t count;         /* never 0 between two uses of the room */
    uint32_t capacity;
    uint32_t targets; /* members that are not being closed */
    uint32_t ghosts;
    uint64_t posted;               /* the last sequence number on its way to the lane; 0: none is */
    struct exceptions *exceptions; /* from messages on their way; NULL: none */
    uint32_t lane;                 /* its index */
};

/** Frees what the shard has. Only ghosts can be left, and only if a lane ended before it delivered
 * what they waited for. */
void shard_finish(struct shard *shard);

/** Adds a member that gets what comes after @p seq.
 * @return 0, or -1 on no memory; then nothing is changed. */
int shard_add(struct shard *shard, toni_client *client, struct membership *membership,
              uint64_t seq);

/** Removes a member, or makes it a ghost if something is on its way to it. */
void shard_remove(struct shard *shard, const struct membership *membership);

/** Notes that all up to @p seq is delivered, and drops the ghosts that waited for it. */
void shard_taken(struct shard *shard, uint64_t seq);

/** Makes sure that shard_except can't fail @p count times. @return 0, or -1 on no memory. */
int shard_reserve_exceptions(struct shard *shard, uint32_t count);

/** Leaves a target out of message @p seq, which is about to be posted to the lane, and which some
 * other target there does get. */
void shard_except(struct shard *shard, uint32_t index, uint64_t seq);

/** Puts messages of a batch into the outboxes of the members that they are for.
 * @param begin, end  The first and the last sequence number. */
void shard_deliver(struct shard *shard, struct batch *batch, uint64_t begin, uint64_t end);

#endif
