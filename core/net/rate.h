/* How much a client may send in a time: messages_per_second and bytes_per_second, two buckets that
 * fill as time goes by. What happens to who sends more is receiving.c's. */
#ifndef NET_RATE_H
#define NET_RATE_H

#include "rooms/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate {
    double messages; /* that may come at once */
    double bytes;    /* below 0: so many too many have come */
    uint64_t filled_ms;
};

/** Begins with full buckets. */
void rate_init(struct rate *rate, uint64_t now_ms);

/** Takes a message out of both buckets.
 * @param size  In bytes, inflated.
 * @return NULL, or which of them did not hold it, in words for the client. */
const char *rate_take_limited(struct rate *rate, const struct limits *limits, size_t size,
                              uint64_t now_ms);

/** The same; without limits that is two comparisons. */
static inline const char *rate_take(struct rate *rate, const struct limits *limits, size_t size,
                                    uint64_t now_ms)
{
    if (limits->messages_per_second == 0 && limits->bytes_per_second == 0)
        return NULL;
    return rate_take_limited(rate, limits, size, now_ms);
}

#endif
