/* Random numbers that a seed repeats: SplitMix64. */
#ifndef TEST_DICE_H
#define TEST_DICE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct dice {
    uint64_t state;
};

static inline uint64_t dice_next(struct dice *dice)
{
    uint64_t z = (dice->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/** @return A number below @p bound, which is not 0. */
static inline uint32_t dice_below(struct dice *dice, uint32_t bound)
{
    return (uint32_t)((dice_next(dice) >> 32) * bound >> 32);
}

/** @return True in @p percent of all cases. */
static inline bool dice_chance(struct dice *dice, uint32_t percent)
{
    return dice_below(dice, 100) < percent;
}

/** @return The number in the environment variable @p name, or @p standard. */
static inline uint64_t environment_number(const char *name, uint64_t standard)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 0) : standard;
}

#endif
