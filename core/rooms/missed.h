/* What a client had missed, and gets at once: as much as an outbox holds may wait for it then, so
 * what is broadcast meanwhile finds no place. So the outbox up to the end of that is not held
 * against the client, nor counted against what comes behind, however long it takes to go out. It
 * is never more than an outbox's limits, as that was asked before it was sent; but for what a room
 * of a cluster had missed, which is bounded by its history. */
#ifndef ROOMS_MISSED_H
#define ROOMS_MISSED_H

#include "rooms/outbox.h"

#include <stdatomic.h>

/* Limits are below 2^31, so 32 bits do; there is one in each client. */
struct missed {
    /* Of the outbox, from its beginning on. Written by the worker; any thread reads. */
    _Atomic uint32_t messages, bytes;
    /* On its way to the lane. Any thread. */
    _Atomic uint32_t coming_messages, coming_bytes;
};

static inline uint64_t missed_messages(const struct missed *missed)
{
    return atomic_load_explicit(&missed->messages, memory_order_relaxed);
}

static inline uint64_t missed_bytes(const struct missed *missed)
{
    return atomic_load_explicit(&missed->bytes, memory_order_relaxed);
}

/** All that waits was missed, or came before that. */
void missed_note(struct missed *missed, const struct outbox *outbox);

/** So much of the outbox has gone out. @param bytes  That limits judge: notices are none. */
void missed_take_off(struct missed *missed, uint64_t messages, uint64_t bytes);

/** Some of the outbox may have been dropped. */
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
