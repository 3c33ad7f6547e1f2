/* Giving memory back; see trim.h. */
#include "net/trim.h"

#include <malloc.h>

#define CALM_MS 1000

/* While something is pinned: others begin to pin as soon as these have gone, on other workers. */
#define BUSY_MS 50

/* Less is not worth the wait. */
#define UNPINNED_MIN (UINT64_C(2) << 20)

static uint64_t pinned(const struct trim *trim)
{
    uint64_t bytes = 0;
    for (unsigned kind = 0; kind < BUDGET_KINDS; kind++)
        bytes += budget_used(&trim->budgets[kind]);
    return bytes;
}

bool trim_is_due(struct trim *trim)
{
    uint64_t peak = 0;
    for (unsigned kind = 0; kind < BUDGET_KINDS; kind++)
        peak += budget_take_peak(&trim->budgets[kind]);
    const uint64_t now = pinned(trim);
    if (peak > now)
        trim->unpinned += peak - now;
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

void trim_start(struct trim *trim, uv_loop_t *loop, struct budget *budgets)
{
    trim->budgets = budgets;
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
