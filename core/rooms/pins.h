/* Who pins memory that a budget counts: each lane keeps the list of its clients that pin something,
 * and nominates one of them in a place that all may read. When the budget is passed, whoever sees
 * that compares the nominations: the lane whose nominee is the one to go ends it, and another lane
 * is woken to do so. */
#ifndef ROOMS_PINS_H
#define ROOMS_PINS_H

#include "rooms/budget.h"
#include "rooms/lane.h"

#include <stdbool.h>
#include <stdint.h>

/** Of those that pin at least half of what the largest of all lanes pins, whoever has not moved for
 * longest is to go. If that is one of another lane, this one is woken, and waited for, but not for
 * long: a callback may hold it up.
 * @return The one to go, if it is this lane's: the caller ends what it pins, and asks again. NULL:
 * nobody of this lane. The lane's worker only. */
struct pin *budget_victim(struct budget *budget, struct lane *lane);

/* So long a lane leaves it to another to end somebody. */
#define BUDGET_YIELD_MS 50

/** @return Whether a lane has left it to another, which has not done so yet: then it must ask again
 * after BUDGET_YIELD_MS, since nobody else may wake it. The lane's worker only. */
bool budget_is_left_to_others(const struct lane *lane);

/** Notes what is pinned now; with the first byte it moves, too. The lane's worker only.
 * @param bytes  0: nothing any more. */
void pin_set(struct lane *lane, enum budget_kind kind, struct pin *pin, uint64_t bytes);

/** @return What all of the lane pin now; what several of them share is counted for each. @thread
 * Any. */
static inline uint64_t pins_bytes(const struct lane *lane, enum budget_kind kind)
{
    return atomic_load_explicit(&lane->pins[kind].bytes, memory_order_relaxed);
}

/** Something of what is pinned has gone, or more has come: it is not stuck. The worker's only. */
void pin_moved(struct lane *lane, enum budget_kind kind, struct pin *pin);

#endif
