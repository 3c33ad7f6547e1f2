/* Gives memory back to the system: what clients had pinned is free once it has gone out, but malloc
 * keeps it, in the arena of the worker that had allocated it, where no other worker gets it. If
 * those who read nothing are now on this worker and now on that one, each arena keeps the most that
 * it ever needed. On the main thread; a worker that allocates may wait meanwhile, for about as long
 * as it took to fill what is given back. */
#ifndef NET_TRIM_H
#define NET_TRIM_H

#include "rooms/budget.h"
#include "rooms/lane.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct trim {
    uv_timer_t timer;
    struct budget *budgets;   /* BUDGET_KINDS, borrowed */
    const struct lane *lanes; /* borrowed */
    uint32_t lane_count;
    uint64_t seen[LANES_MAX]; /* what the clients of each lane pinned at the last look */
    uint64_t unpinned;        /* bytes that were pinned, and are no more, since the last time */
    bool is_running;
};

/** Fixes how much malloc keeps for later: blocks above 1.25 MiB go back to the system as they are
 * freed, and an arena keeps 2.5 MiB at its end at most. By itself malloc raises both bounds, to 32
 * and 64 MiB, as large blocks are freed, and never lowers them. */
void trim_set_bounds(void);

/** Begins to look. */
void trim_start(struct trim *trim, uv_loop_t *loop, struct budget *budgets,
                const struct lane *lanes, uint32_t lane_count);

/** Ends that; the loop must turn once more. Does nothing if it was not started. */
void trim_close(struct trim *trim);

/** Looks at what is pinned now, and was at most since the last look.
 * @return Whether memory is to be given back: enough is pinned no more since it was last. */
bool trim_is_due(struct trim *trim);

#endif
