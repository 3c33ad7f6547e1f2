/* Memory that clients of all workers pin together, bounded for the host: a budget counts it, and
 * raises an alarm when it is passed. What is counted others know; who has to go pins.c decides.
 *
 * Charging is one atomic addition, and only for what waits; there is no lock. */
#ifndef ROOMS_BUDGET_H
#define ROOMS_BUDGET_H

#include "base/counter.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum budget_kind {
    BUDGET_INBOUND, /* messages of clients that have not come to their end: inbound_bytes */
    BUDGET_OUTBOX,  /* what waits in outboxes: outbox_bytes_total */
    BUDGET_KINDS
};

/* Held by what pins memory, in its lane's list while it does. */
struct pin {
    struct pin *next; /* of those of its lane: whoever has not moved for longest comes first */
    struct pin *previous;
    uint64_t bytes;    /* 0: it is in no list */
    uint64_t moved_ms; /* when something moved last, by the lane's clock */
};

/* What a lane knows of one budget; the worker's own but for the nomination. */
struct pins {
    struct pin *first;
    struct pin *last;
    _Atomic uint64_t bytes; /* of all in the list; any thread reads it */
    uint64_t
        yielded_ms; /* since when it has left it to other lanes to end somebody; 0: it has not */
    _Atomic uint64_t nominee_bytes; /* of the one to go: what it pins; 0: there is none */
    _Atomic uint64_t nominee_moved_ms;
};

struct budget {
    atomic_uint_fast64_t used; /* bytes */
    atomic_uint_fast64_t peak; /* of these, since it was taken; about */
    uint64_t limit;
    atomic_bool is_passed; /* somebody has to go */
    enum budget_kind kind;
    uint32_t lane_count;
    void (*alarm)(void *data);
    void *alarm_data;
};

/** @param alarm  Called on any thread when the limit has been passed: wakes all lanes, and each
 * must call budget_victim then. */
void budget_init(struct budget *budget, enum budget_kind kind, uint64_t limit, uint32_t lane_count,
                 void (*alarm)(void *data), void *data);

/** Counts bytes; raises the alarm if that passes the limit. @thread Any. */
void budget_charge(struct budget *budget, uint64_t bytes);

/** Takes back what was counted. @thread Any. */
void budget_release(struct budget *budget, uint64_t bytes);

/** @return Bytes that are counted now. @thread Any. */
static inline uint64_t budget_used(const struct budget *budget)
{
    return atomic_load_explicit(&budget->used, memory_order_relaxed);
}

/** @return The most that was counted at a time since the last call; begins anew. @thread One. */
uint64_t budget_take_peak(struct budget *budget);

/** @return Whether budget_victim is to be called: one load. @thread Any. */
static inline bool budget_is_passed(const struct budget *budget)
{
    return atomic_load_explicit(&budget->is_passed, memory_order_relaxed);
}

/** Raises the alarm, unless it was raised and nobody has found the budget within its limit since.
 * @thread Any. */
void budget_raise_alarm(struct budget *budget);

#endif
