/* Counters for statistics, that one thread reads while others count. They order no other memory: a
 * reader may see two counters in states that never were at the same time. */
#ifndef BASE_COUNTER_H
#define BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

/** Zero is one that has counted nothing. */
struct counter {
    _Atomic uint64_t value;
};

/** What lies around the counters of one thread, so that no other thread's writes share a cache line
 * with them. Two lines: processors fetch them in pairs. */
#define COUNTER_PADDING 128

/** What many threads count is striped: each counts in the stripe that counter_stripe gives it, so
 * that they seldom write to the same cache line. */
#define COUNTER_STRIPES 8

/** Adds to a counter that nobody else adds to at the same time: only its owner, or whoever holds
 * its lock. Costs no more than adding to a plain variable. */
static inline void counter_add(struct counter *counter, uint64_t more)
{
    const uint64_t value = atomic_load_explicit(&counter->value, memory_order_relaxed);
    atomic_store_explicit(&counter->value, value + more, memory_order_relaxed);
}

/** Adds to a counter that any thread may add to. */
static inline void counter_add_shared(struct counter *counter, uint64_t more)
{
    atomic_fetch_add_explicit(&counter->value, more, memory_order_relaxed);
}

/** Takes back, of what is there now, what any thread may add to. */
static inline void counter_sub_shared(struct counter *counter, uint64_t less)
{
    atomic_fetch_sub_explicit(&counter->value, less, memory_order_relaxed);
}

/** @thread Any. */
static inline uint64_t counter_read(const struct counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

/* The calling thread's stripe and 1; 0: it has none yet. */
extern _Thread_local unsigned counter_own_stripe;

/** Gives the calling thread a stripe of its own, or of the fewest, until it ends.
 * @return The stripe's number. */
unsigned counter_take_stripe(void);

/** Threads are numbered as they come: of those that live and count, as many as there are stripes
 * have one each, and further ones share with the fewest. A thread keeps its stripe until it ends;
 * then the stripe is free for another.
 * @return The number of the calling thread's stripe. */
static inline unsigned counter_stripe(void)
{
    return counter_own_stripe > 0 ? counter_own_stripe - 1 : counter_take_stripe();
}

#endif
