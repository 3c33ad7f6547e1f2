/* How long something took: how often it was at most 10 µs, 50 µs, …, and all together. The bounds
 * are fixed, so that histograms can be added up and compared. Not for anything but times. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include "base/counter.h"

#include <stdint.h>

/* The last bucket is for all that took longer than the last bound. */
#define HISTOGRAM_BOUNDS 11
#define HISTOGRAM_BUCKETS (HISTOGRAM_BOUNDS + 1)

/** The bounds in nanoseconds, ascending; each belongs to its bucket. */
extern const uint64_t histogram_bounds_ns[HISTOGRAM_BOUNDS];

/** Zero is an empty one. */
struct histogram {
    struct counter buckets[HISTOGRAM_BUCKETS]; /* each without those before it */
    struct counter sum_ns;
};

/** A histogram that many threads count in. */
struct striped_histogram {
    struct {
        struct histogram histogram;
        uint8_t padding[COUNTER_PADDING];
    } stripes[COUNTER_STRIPES];
};

/** Counts one duration. Its owner only. */
void histogram_add(struct histogram *histogram, uint64_t took_ns);

/** Counts one duration. @thread Any. */
void striped_histogram_add(struct striped_histogram *histogram, uint64_t took_ns);

/** What a histogram held when it was read. */
struct histogram_figures {
    uint64_t buckets[HISTOGRAM_BUCKETS];
    uint64_t sum_ns;
};

/** Adds what a histogram holds. @thread Any. */
void histogram_read(const struct histogram *histogram, struct histogram_figures *figures);

/** Adds what all stripes hold. @thread Any. */
void striped_histogram_read(const struct striped_histogram *histogram,
                            struct histogram_figures *figures);

#endif
