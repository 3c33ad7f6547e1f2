/* What a client had missed, and gets at once: as much as an outbox holds may wait for it then, so
 * what is broadcast meanwhile finds no place. So the outbox up to the end of that is not held
 * against the client, nor counted against what comes behind, however long it takes to go out. It
 * is never more than an outbox's limits, as that was asked before it was sent. */
#ifndef ROOMS_MISSED_H
#define ROOMS_MISSED_H

#include "rooms/outbox.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Limits are below 2^31, so 32 bits do; there is one in each client. */
struct missed {
    uint32_t messages, bytes; /* of the outbox, from its beginning on; the worker's */
    /* The rest of the outbox, by the last flush. Written by the worker; any thread reads. While a
     * flush runs nobody sees a difference of which one part is old, and the other new. */
    _Atomic uint32_t behind_messages, behind_bytes;
    /* On its way to the lane. Any thread. */
    _Atomic uint32_t coming_messages, coming_bytes;
};

/** @return Whether some of what waits was missed. */
static inline bool missed_is_any(const struct missed *missed)
{
    return missed->messages > 0 || missed->bytes > 0;
}

/** All that waits was missed, or came before that. */
void missed_note(struct missed *missed, const struct outbox *outbox);

/** So much of the outbox has gone out. @param bytes  That limits judge: notices are none. */
void missed_take_off(struct missed *missed, uint64_t messages, uint64_t bytes);

/** The outbox is left as it is now: some of it may have been dropped. */
void missed_settle(struct missed *missed, const struct outbox *outbox);

/** It is on its way. @return What is, with this. @param messages, bytes  At most an outbox's
 * limits, one after the other. */
static inline uint64_t missed_add_messages(struct missed *missed, uint64_t messages)
{
    return atomic_fetch_add(&missed->coming_messages, (uint32_t)messages) + messages;
}

static inline uint64_t missed_add_bytes(struct missed *missed, uint64_t bytes)
{
    return atomic_fetch_add(&missed->coming_bytes, (uint32_t)bytes) + bytes;
}

/** It has come, or never will. */
static inline void missed_retract(struct missed *missed, uint64_t messages, uint64_t bytes)
{
    atomic_fetch_sub(&missed->coming_messages, (uint32_t)messages);
    atomic_fetch_sub(&missed->coming_bytes, (uint32_t)bytes);
}

#endif
