/* The clocks: monotonic time for deadlines and durations, wall time for people.
 * Not for timers; those belong to an event loop. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>

#define NS_PER_MS 1000000u
#define NS_PER_S 1000000000u
#define MS_PER_S 1000

/** Bytes that clock_format() fills at most, the final NUL included. */
#define CLOCK_TEXT_SIZE 32

/** Monotonic time; its zero has no meaning, only differences do.
 * @return Nanoseconds.
 * @thread Any. */
uint64_t clock_now_ns(void);

/** Monotonic time, as clock_now_ns().
 * @return Milliseconds, rounded down.
 * @thread Any. */
uint64_t clock_now_ms(void);

/** Wall-clock time; may jump when somebody sets the clock, so never a deadline.
 * @return Milliseconds since 1970-01-01T00:00:00Z.
 * @thread Any. */
int64_t clock_wall_ms(void);

/** Wall-clock time, as clock_wall_ms(). Use it in the place of time(2), which is the kernel's
 * coarse clock: that is behind by up to a tick, so at the turn of a second it says the one before,
 * and what others have dated just now lies in its future.
 * @return Seconds since 1970-01-01T00:00:00Z, rounded down.
 * @thread Any. */
int64_t clock_wall_s(void);

/** Makes a condition whose timed waits go by clock_now_ns().
 * @return 0, or -1 on no memory. */
int clock_condition_init(pthread_cond_t *condition);

/** Waits for a condition that clock_condition_init() made; the lock is held.
 * @param until_ns  Of clock_now_ns().
 * @return 0; -1: it is past @p until_ns. As ever, look again at what was waited for. */
int clock_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t until_ns);

/** Writes an instant as ISO 8601 in UTC, e.g. `2026-11-23T22:23:35.123Z`.
 * @param wall_ms  Milliseconds since 1970-01-01T00:00:00Z; may be negative.
 * @param text     Filled in, NUL-terminated.
 * @thread Any. */
void clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE]);

#endif
