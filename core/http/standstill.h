/* Time in which nothing could be done for clients: the process was stopped, or its machine was, or
 * the thread that looks at their time was held up. None of it is taken from them: what they sent
 * meanwhile may be there, and not be read yet. */
#ifndef HTTP_STANDSTILL_H
#define HTTP_STANDSTILL_H

#include <stdint.h>

/** Of one sweep. */
struct standstill {
    uint64_t swept_ms; /* the last time, at first when it was begun; 0: it is not */
};

/** To be asked once by each sweep.
 * @param every_ms  From one sweep to the next, as it is meant to be.
 * @param now_ms    Of any clock, if it is always that one.
 * @return By how much the time since the last sweep was longer, in ms; 0: by less than a second. */
uint64_t standstill_ms(struct standstill *standstill, uint64_t every_ms, uint64_t now_ms);

#endif
