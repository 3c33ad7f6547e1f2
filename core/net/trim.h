/* Gives memory back to the system after a peak: what clients had pinned is free then, but malloc
 * keeps it, between what is still in use. On the main thread; while it runs, a worker that
 * allocates may wait some milliseconds, so it runs once for each peak. */
#ifndef NET_TRIM_H
#define NET_TRIM_H

#include "rooms/budget.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct trim {
    uv_timer_t timer;
    struct budget *budgets; /* BUDGET_KINDS, borrowed; whose peaks count */
    uint64_t peak;          /* bytes that were pinned since memory was given back */
    bool is_running;
};

/** Begins to look, once a second. */
void trim_start(struct trim *trim, uv_loop_t *loop, struct budget *budgets);

/** Ends that; the loop must turn once more. Does nothing if it was not started. */
void trim_close(struct trim *trim);

/** @return Whether memory is to be given back: most of what was pinned at the peak, which was not
 * small, is pinned no more. Then the next peak begins. */
bool trim_is_due(struct trim *trim);

#endif
