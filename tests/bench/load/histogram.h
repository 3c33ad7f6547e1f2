/* A histogram of latencies: 256 steps per power of two, so a value is off by less than 0.4 %. A
 * sample costs one increment, and there is no limit to how many there are. */
#ifndef LOAD_HISTOGRAM_H
#define LOAD_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS 256U
#define HISTOGRAM_POWERS 56U

struct histogram {
    uint64_t count;
    uint64_t largest;
    uint64_t steps[(HISTOGRAM_POWERS + 1) * HISTOGRAM_STEPS];
};

void histogram_clear(struct histogram *histogram);

void histogram_add(struct histogram *histogram, uint64_t value);

/** @param share  0 to 1. @return The lowest value of the step that holds the quantile; 0 without
 * samples. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);

#endif
