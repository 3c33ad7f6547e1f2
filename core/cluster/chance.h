/* Random numbers out of a seed (SplitMix64): of jitter, of epochs that a node proposes. Not for
 * keys. */
#ifndef CLUSTER_CHANCE_H
#define CLUSTER_CHANCE_H

#include <stdint.h>

struct chance {
    uint64_t state; /* begins as the seed */
};

static inline uint64_t chance_next(struct chance *chance)
{
    uint64_t z = (chance->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/** @return One that is not 0: 0 means none. */
static inline uint64_t chance_name(struct chance *chance)
{
    const uint64_t found = chance_next(chance);
    return found != 0 ? found : 1;
}

/** @return A number up to @p most, inclusive. */
static inline uint32_t chance_up_to(struct chance *chance, uint32_t most)
{
    return (uint32_t)((chance_next(chance) >> 32) * ((uint64_t)most + 1) >> 32);
}

#endif
