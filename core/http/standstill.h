/* Time in which nothing could be done for clients: the process was stopped, or its machine was, or
 * the thread that looks at their time was held up. None of it is taken from them: what they sent
 * meanwhile may be there, and not be read yet. */
#ifndef HTTP_STANDSTILL_H
#define HTTP_STANDSTILL_H

#include <stdint.h>

/** Of one sweep; all zeros: none has begun. */
struct standstill {
    uint64_t every_ms; /* from one to the next, as it is meant to be */
    uint64_t swept_ms; /* the last time, at first when it was begun */
};

/** A sweep begins. @param now_ms  Of any clock, if it is always that one. */
void standstill_begin(struct standstill *standstill, uint64_t every_ms, uint64_t now_ms);

/** To be asked once by each sweep.
 * @return By how much the time since the last one was longer, in ms; 0: by less than a second. */
uint64_t standstill_ms(struct standstill *standstill, uint64_t now_ms);

/** @return When that is due, which was due at @p due_ms: so much later. UINT64_MAX: never. */
uint64_t standstill_due_ms(uint64_t due_ms, uint64_t stood_ms);

#endif
