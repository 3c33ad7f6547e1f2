/* How many lines of the log strangers may cause. */
#ifndef JWT_GUARD_LOG_ALLOWANCE_H
#define JWT_GUARD_LOG_ALLOWANCE_H

#include <stdatomic.h>
#include <stdint.h>

/** In each second. */
#define LOG_ALLOWANCE_LINES 5

/** All zero: nothing was logged yet. */
struct log_allowance {
    _Atomic int64_t second;
    atomic_uint lines; /* in that second */
    _Atomic uint64_t withheld;
};

/** Asks for one line. @return 0: not now; else how many lines this one stands for: those that were
 * withheld before it, and itself. @thread Any. */
static inline uint64_t log_allowance_take(struct log_allowance *allowance, int64_t now_s)
{
    if (atomic_exchange(&allowance->second, now_s) != now_s)
        atomic_store(&allowance->lines, 0);
    if (atomic_fetch_add(&allowance->lines, 1) < LOG_ALLOWANCE_LINES)
        return atomic_exchange(&allowance->withheld, 0) + 1;
    atomic_fetch_add(&allowance->withheld, 1);
    return 0;
}

#endif
