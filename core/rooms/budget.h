/* Memory that clients of all workers pin together, bounded for the host: a budget counts it, and
 * says who has to go when it is passed. What is counted, and how somebody goes, others know.
 *
 * Charging is one atomic addition, and only for what waits; there is no lock. Each lane keeps the
 * list of its clients that pin something, and nominates one of them in a place that all may read.
 * Whoever sees the budget passed compares the nominations: the lane whose nominee is the one to go
 * ends it, and another lane is woken to do so. */
#ifndef ROOMS_BUDGET_H
#define ROOMS_BUDGET_H

#include "base/counter.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct lane;

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
    struct lane *lanes; /* borrowed */
    uint32_t lane_count;
};

void budget_init(struct budget *budget, enum budget_kind kind, uint64_t limit, struct lane *lanes,
                 uint32_t lane_count);

/** Counts bytes; if that passes the limit, wakes all lanes: each must call budget_victim then.
 * @thread Any. */
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

/** Of those that pin at least half of what the largest of all lanes pins, whoever has not moved for
 * longest is to go. If that is one of another lane, this one is woken, and waited for, but not for
 * long: a callback may hold it up.
 * @return The one to go, if it is this lane's: the caller ends what it pins, and asks again. NULL:
 * nobody of this lane. The lane's worker only. */
struct pin *budget_victim(struct budget *budget, struct lane *lane);

/** Notes what is pinned now; with the first byte it moves, too. The lane's worker only.
 * @param bytes  0: nothing any more. */
void pin_set(struct lane *lane, enum budget_kind kind, struct pin *pin, uint64_t bytes);

/** Something of what is pinned has gone, or more has come: it is not stuck. The worker's only. */
void pin_moved(struct lane *lane, enum budget_kind kind, struct pin *pin);

#endif
