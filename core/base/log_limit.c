/* Limits for lines, as a bucket that is kept as one time (GCRA): each admitted line moves it on by
 * the interval, and while it is more than a burst ahead of now, lines are refused. */
#include "base/log_limit.h"

#include "base/clock.h"

#define AHEAD_MAX_NS ((LOG_LIMIT_BURST - 1) * LOG_LIMIT_INTERVAL_NS)

/* Of all limits. */
static struct {
    _Atomic uint64_t suppressed;
    _Atomic uint64_t unreported;
    _Atomic(const char *) latest;
} totals;

bool log_limit_admits(struct log_limit *limit, uint64_t now_ns, uint64_t *suppressed)
{
    uint64_t due = atomic_load_explicit(&limit->due_ns, memory_order_relaxed);
    uint64_t from;

    do {
        from = due > now_ns ? due : now_ns;
        if (from - now_ns > AHEAD_MAX_NS) {
            atomic_fetch_add_explicit(&limit->suppressed, 1, memory_order_relaxed);
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&limit->due_ns, &due,
                                                    from + LOG_LIMIT_INTERVAL_NS,
                                                    memory_order_relaxed, memory_order_relaxed));
    *suppressed = atomic_exchange_explicit(&limit->suppressed, 0, memory_order_relaxed);
    return true;
}

/* A line reports them now. What log_limit_take_unreported() took meanwhile is reported twice. */
static void count_as_reported(uint64_t suppressed)
{
    uint64_t unreported = atomic_load_explicit(&totals.unreported, memory_order_relaxed);

    while (!atomic_compare_exchange_weak_explicit(
        &totals.unreported, &unreported, unreported > suppressed ? unreported - suppressed : 0,
        memory_order_relaxed, memory_order_relaxed))
        continue;
}

bool log_limit_ask(struct log_limit *limit, const char *message, uint64_t *suppressed)
{
    if (log_limit_admits(limit, clock_now_ns(), suppressed)) {
        if (*suppressed > 0)
            count_as_reported(*suppressed);
        return true;
    }
    atomic_store_explicit(&totals.latest, message, memory_order_relaxed);
    atomic_fetch_add_explicit(&totals.suppressed, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&totals.unreported, 1, memory_order_release);
    return false;
}

uint64_t log_limit_suppressed(void)
{
    return atomic_load_explicit(&totals.suppressed, memory_order_relaxed);
}

uint64_t log_limit_take_unreported(const char **message)
{
    const uint64_t unreported =
        atomic_exchange_explicit(&totals.unreported, 0, memory_order_acquire);

    if (unreported > 0)
        *message = atomic_load_explicit(&totals.latest, memory_order_relaxed);
    return unreported;
}
