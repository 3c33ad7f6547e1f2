/* Histograms of times; see histogram.h. */
#include "base/histogram.h"

#define US UINT64_C(1000)
#define MS (1000 * US)
#define S (1000 * MS)

const uint64_t histogram_bounds_ns[HISTOGRAM_BOUNDS] = {
    10 * US, 50 * US, 100 * US, 500 * US, 1 * MS, 5 * MS,
    10 * MS, 50 * MS, 100 * MS, 500 * MS, 1 * S,
};

/* Nearly always one of the first: short durations are found at once. */
static unsigned bucket_of(uint64_t took_ns)
{
    unsigned bucket = 0;
    while (bucket < HISTOGRAM_BOUNDS && took_ns > histogram_bounds_ns[bucket])
        bucket++;
    return bucket;
}

void histogram_add(struct histogram *histogram, uint64_t took_ns)
{
    counter_add(&histogram->buckets[bucket_of(took_ns)], 1);
    counter_add(&histogram->sum_ns, took_ns);
}

void striped_histogram_add(struct striped_histogram *histogram, uint64_t took_ns)
{
    struct histogram *stripe = &histogram->stripes[counter_stripe()].histogram;
    counter_add_shared(&stripe->buckets[bucket_of(took_ns)], 1);
    counter_add_shared(&stripe->sum_ns, took_ns);
}

void histogram_read(const struct histogram *histogram, struct histogram_figures *figures)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        figures->buckets[i] += counter_read(&histogram->buckets[i]);
    figures->sum_ns += counter_read(&histogram->sum_ns);
}

void striped_histogram_read(const struct striped_histogram *histogram,
                            struct histogram_figures *figures)
{
    for (unsigned i = 0; i < COUNTER_STRIPES; i++)
        histogram_read(&histogram->stripes[i].histogram, figures);
}
