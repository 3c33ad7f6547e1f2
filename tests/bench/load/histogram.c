/* Histograms; see histogram.h. */
#include "histogram.h"

#include <string.h>

/* Values below HISTOGRAM_STEPS have a step each; above, the highest bit chooses the row and the
 * eight bits below it the step. */
static unsigned step_of(uint64_t value)
{
    if (value < HISTOGRAM_STEPS)
        return (unsigned)value;
    unsigned power = 63U - (unsigned)__builtin_clzll(value) - 8U;
    return (power + 1) * HISTOGRAM_STEPS + (unsigned)((value >> power) & (HISTOGRAM_STEPS - 1));
}

static uint64_t lowest_of(unsigned step)
{
    unsigned row = step / HISTOGRAM_STEPS;
    uint64_t low = step % HISTOGRAM_STEPS;
    return row == 0 ? low : (low + HISTOGRAM_STEPS) << (row - 1);
}

void histogram_clear(struct histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->steps[step_of(value)]++;
    histogram->count++;
    if (value > histogram->largest)
        histogram->largest = value;
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
    uint64_t rank = (uint64_t)((double)histogram->count * share);
    uint64_t seen = 0;
    for (unsigned i = 0; i < sizeof histogram->steps / sizeof histogram->steps[0]; i++) {
        seen += histogram->steps[i];
        if (seen > rank)
            return lowest_of(i);
    }
    return histogram->largest;
}
