/* A topic: what the broadcasts of one room have in common after they have left it. Batches and the
 * room each hold a reference, so an outbox can tell which broadcasts replace each other (`latest`),
 * and a policy can count what it drops, whether the room still exists or not. It lies at the
 * beginning of its room, whose memory stays as long as the topic. A room that ends and is made
 * again has another topic. */
#ifndef ROOMS_TOPIC_H
#define ROOMS_TOPIC_H

#include "rooms/lane_figures.h"

#include <toni/str.h>

#include <stdatomic.h>
#include <stdint.h>

struct topic {
    atomic_uint refs;
    toni_str name; /* the room's, which lies in the same memory; empty for the room of everyone */
    struct counter dropped[DROP_POLICY_COUNT]; /* messages, once for each client */
};

/** @param topic  NULL is fine. @return @p topic. @thread Any. */
struct topic *topic_ref(struct topic *topic);

/** Drops one reference, and frees the memory that begins with the topic with the last.
 * @param topic  NULL is fine. @thread Any. */
void topic_unref(struct topic *topic);

/** Counts messages that a policy dropped from a client's outbox.
 * @param reason  A policy's: from DROP_POLICY_FIRST on. @thread Any. */
static inline void topic_count_dropped(struct topic *topic, enum drop_reason reason,
                                       uint64_t messages)
{
    counter_add_shared(&topic->dropped[reason - DROP_POLICY_FIRST], messages);
}

/** @param reason  A policy's. @return How many messages it dropped. @thread Any. */
static inline uint64_t topic_dropped(const struct topic *topic, enum drop_reason reason)
{
    return counter_read(&topic->dropped[reason - DROP_POLICY_FIRST]);
}

#endif
