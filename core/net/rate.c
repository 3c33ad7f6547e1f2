/* Rates; see rate.h. */
#include "net/rate.h"

void rate_init(struct rate *rate, uint64_t now_ms)
{
    /* More than any bucket holds: the first message cuts both to what they do. */
    *rate = (struct rate){
        .messages = (double)UINT64_MAX, .bytes = (double)UINT64_MAX, .filled_ms = now_ms};
}

static double filled(double tokens, uint64_t per_second, uint64_t most, uint64_t passed_ms)
{
    tokens += (double)passed_ms * (double)per_second / 1000.0;
    return tokens > (double)most ? (double)most : tokens;
}

const char *rate_take_limited(struct rate *rate, const struct limits *limits, size_t size,
                              uint64_t now_ms)
{
    const uint64_t passed_ms = now_ms - rate->filled_ms;
    rate->filled_ms = now_ms;
    if (limits->messages_per_second > 0) {
        uint64_t burst =
            limits->message_burst ? limits->message_burst : limits->messages_per_second;
        rate->messages = filled(rate->messages, limits->messages_per_second, burst, passed_ms);
        if (rate->messages < 1.0)
            return "too many messages";
        rate->messages -= 1.0;
    }
    if (limits->bytes_per_second > 0) {
        /* A message may be larger than a second's share: it is taken, and what it is too large by
         * has to be made up for before the next. */
        rate->bytes =
            filled(rate->bytes, limits->bytes_per_second, limits->bytes_per_second, passed_ms);
        if (rate->bytes <= 0.0)
            return "too many bytes";
        rate->bytes -= (double)size;
    }
    return NULL;
}
