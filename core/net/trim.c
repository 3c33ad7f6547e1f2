/* Giving memory back; see trim.h. */
#include "net/trim.h"

#include "rooms/pins.h"

#include <malloc.h>

#define CALM_MS 1000

/* While something is pinned: others begin to pin as soon as these have gone, on other workers. */
#define BUSY_MS 50

/* Less is not worth the wait. */
#define UNPINNED_MIN (UINT64_C(2) << 20)

/* Blocks that are larger are mapped and unmapped each time. A message of 1 MiB, the largest by
 * default, is not: 256 pages that have to be found and cleared each time made an echo of one cost
 * four times as much. */
#define MAPPED_FROM (5 * 262144)

/* What an arena may keep at its end: such a message twice, as it came and as it goes out. */
#define KEPT_MAX (2 * MAPPED_FROM)

static uint64_t pinned(const struct trim *trim)
{
    uint64_t bytes = 0;
    for (unsigned kind = 0; kind < BUDGET_KINDS; kind++)
        bytes += budget_used(&trim->budgets[kind]);
    return bytes;
}

static uint64_t pinned_on(const struct lane *lane)
{
    uint64_t bytes = 0;
    for (unsigned kind = 0; kind < BUDGET_KINDS; kind++)
        bytes += pins_bytes(lane, (enum budget_kind)kind);
    return bytes;
}

/* @return How much less than at the last look is pinned on those lanes on which it is less. All
 * together may pin as much as before: but the arena of one lane is of no use to another. */
static uint64_t left_lanes(struct trim *trim)
{
    uint64_t left = 0;
    for (uint32_t i = 0; i < trim->lane_count; i++) {
        const uint64_t before = trim->seen[i];
        trim->seen[i] = pinned_on(&trim->lanes[i]);
        if (before > trim->seen[i])
            left += before - trim->seen[i];
    }
    return left;
}

bool trim_is_due(struct trim *trim)
{
    uint64_t peak = 0;
    for (unsigned kind = 0; kind < BUDGET_KINDS; kind++)
        peak += budget_take_peak(&trim->budgets[kind]);
    const uint64_t now = pinned(trim), less = peak > now ? peak - now : 0;
    uint64_t left = left_lanes(trim);
    if (left > peak) /* a message that waits for many */
        left = peak;
    trim->unpinned += left > less ? left : less;
    if (trim->unpinned < UNPINNED_MIN)
        return false;
    trim->unpinned = 0;
    return true;
}

static void on_look(uv_timer_t *timer)
{
    struct trim *trim = timer->data;
    if (trim_is_due(trim))
        malloc_trim(0);
    uv_timer_start(timer, on_look, pinned(trim) >= UNPINNED_MIN ? BUSY_MS : CALM_MS, 0);
}

void trim_set_bounds(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_FROM);
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_MAX);
}

void trim_start(struct trim *trim, uv_loop_t *loop, struct budget *budgets,
                const struct lane *lanes, uint32_t lane_count)
{
    trim->budgets = budgets;
    trim->lanes = lanes;
    trim->lane_count = lane_count;
    uv_timer_init(loop, &trim->timer);
    trim->timer.data = trim;
    trim->is_running = true;
    uv_timer_start(&trim->timer, on_look, CALM_MS, 0);
    uv_unref((uv_handle_t *)&trim->timer);
}

void trim_close(struct trim *trim)
{
    if (trim->is_running)
        uv_close((uv_handle_t *)&trim->timer, NULL);
    trim->is_running = false;
}
