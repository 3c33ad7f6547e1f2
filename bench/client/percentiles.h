/* Percentiles of any number of times: 256 steps per power of two, so a value is off by less than
 * 0.4 %, and it is never given as more than it was. A sample costs one increment. (base/histogram.h
 * has twelve steps in all, which is for what is counted for ever.) */
#ifndef CLIENT_PERCENTILES_H
#define CLIENT_PERCENTILES_H

#include <stdint.h>

#define PERCENTILES_STEPS 256U
#define PERCENTILES_POWERS 56U

/** Zero is an empty one; it is too large for the stack. */
struct percentiles {
    uint64_t count;
    uint64_t largest;
    uint64_t steps[(PERCENTILES_POWERS + 1) * PERCENTILES_STEPS];
};

void percentiles_clear(struct percentiles *percentiles);

void percentiles_add(struct percentiles *percentiles, uint64_t value);

/** Adds all samples of another one. */
void percentiles_merge(struct percentiles *into, const struct percentiles *from);

/** @param share  0 to 1. @return The lowest value of the step that holds the quantile; 0 without
 * samples. */
uint64_t percentiles_at(const struct percentiles *percentiles, double share);

#endif
