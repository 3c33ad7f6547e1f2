/* Giving memory back; see trim.h. */
#include "net/trim.h"

#include <malloc.h>

#define LOOK_EVERY_MS 1000

/* Smaller peaks are not worth the wait. */
#define PEAK_MIN (UINT64_C(16) << 20)

bool trim_is_due(struct trim *trim)
{
    uint64_t pinned = 0, peak = 0;
    for (unsigned kind = 0; kind < BUDGET_KINDS; kind++) {
        pinned += budget_used(&trim->budgets[kind]);
        peak += budget_take_peak(&trim->budgets[kind]);
    }
    if (peak > trim->peak)
        trim->peak = peak;
    if (trim->peak < PEAK_MIN || pinned > trim->peak / 4)
        return false;
    trim->peak = pinned;
    return true;
}

static void on_look(uv_timer_t *timer)
{
    struct trim *trim = timer->data;
    if (trim_is_due(trim))
        malloc_trim(0);
}

void trim_start(struct trim *trim, uv_loop_t *loop, struct budget *budgets)
{
    trim->budgets = budgets;
    uv_timer_init(loop, &trim->timer);
    trim->timer.data = trim;
    trim->is_running = true;
    uv_timer_start(&trim->timer, on_look, LOOK_EVERY_MS, LOOK_EVERY_MS);
    uv_unref((uv_handle_t *)&trim->timer);
}

void trim_close(struct trim *trim)
{
    if (trim->is_running)
        uv_close((uv_handle_t *)&trim->timer, NULL);
    trim->is_running = false;
}
