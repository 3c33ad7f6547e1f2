/* Direct sends: whether the outbox has space for one, and the way there. */
#ifndef ROOMS_DIRECT_H
#define ROOMS_DIRECT_H

#include "cluster/output.h"
#include "rooms/receiver.h"

/** @return The message that a payload has; borrowed from it. */
static inline toni_message message_of_payload(const struct payload *payload)
{
    toni_message message = toni_text(toni_str_make((const char *)payload->bytes, payload->size));
    message.kind = payload->kind;
    return message;
}

/** Admits a message to the outbox, and posts it to the receiver's lane.
 * @param message  As it is sent.
 * @return TONI_OK, TONI_ERR_FULL, TONI_ERR_NO_MEMORY. @thread Any. */
int32_t direct_send(struct receiver *receiver, const toni_message *message);

/** The same for the messages that a client had missed, which go out in one piece: all of them or
 * none. They are not compressed, and once they are on their way nothing that comes behind finds its
 * place taken by them: see missed.h.
 * @return TONI_OK; TONI_ERR_FULL, TONI_ERR_NO_MEMORY: none of them. @thread Any. */
int32_t direct_send_all(struct receiver *receiver, const struct entries *entries);

/** @return Whether direct sends that were not flushed yet could pause the receiver: then lane_flush
 * shows whether they do. Without a direct send since the last flush, that is one load. */
static inline bool direct_may_pause(const struct receiver *receiver)
{
    const uint64_t posted = atomic_load_explicit(&receiver->posted_messages, memory_order_relaxed);
    if (posted == 0 || receiver->paused)
        return false;
    const uint64_t bytes = atomic_load_explicit(&receiver->posted_bytes, memory_order_relaxed);
    const struct limits *limits = receiver->limits;
    return (posted + receiver->outbox.direct_messages) * 2 > limits->outbox_messages ||
           (bytes + receiver->outbox.direct_bytes) * 2 > limits->outbox_bytes;
}

#endif
