/* Percentiles; see percentiles.h. */
#include "client/percentiles.h"

#include <string.h>

/* Values below PERCENTILES_STEPS have a step each; above, the highest bit chooses the row and the
 * eight bits below it the step. */
static unsigned step_of(uint64_t value)
{
    if (value < PERCENTILES_STEPS)
        return (unsigned)value;
    unsigned power = 63U - (unsigned)__builtin_clzll(value) - 8U;
    return (power + 1) * PERCENTILES_STEPS + (unsigned)((value >> power) & (PERCENTILES_STEPS - 1));
}

static uint64_t lowest_of(unsigned step)
{
    unsigned row = step / PERCENTILES_STEPS;
    uint64_t low = step % PERCENTILES_STEPS;
    return row == 0 ? low : (low + PERCENTILES_STEPS) << (row - 1);
}

void percentiles_clear(struct percentiles *percentiles)
{
    memset(percentiles, 0, sizeof *percentiles);
}

void percentiles_add(struct percentiles *percentiles, uint64_t value)
{
    percentiles->steps[step_of(value)]++;
    percentiles->count++;
    if (value > percentiles->largest)
        percentiles->largest = value;
}

void percentiles_merge(struct percentiles *into, const struct percentiles *from)
{
    for (unsigned i = 0; i < sizeof into->steps / sizeof into->steps[0]; i++)
        into->steps[i] += from->steps[i];
    into->count += from->count;
    if (from->largest > into->largest)
        into->largest = from->largest;
}

uint64_t percentiles_at(const struct percentiles *percentiles, double share)
{
    uint64_t rank = (uint64_t)((double)percentiles->count * share);
    uint64_t seen = 0;
    for (unsigned i = 0; i < sizeof percentiles->steps / sizeof percentiles->steps[0]; i++) {
        seen += percentiles->steps[i];
        if (seen > rank)
            return lowest_of(i);
    }
    return percentiles->largest;
}
