/* Timeouts of many connections on one loop: a hashed timing wheel over a single libuv timer, since
 * a timer per idle connection would cost it more memory than all else that is ours. Exact to
 * TIMEOUT_TICK_MS; never early. What is due expires only after another look at the loop's
 * descriptors: after a long callback, or a pause of the whole process, what a peer has sent in time
 * is heard first. No more than TIMEOUTS_A_TURN expire between two such looks: thousands of silent
 * peers that came together end together, and whoever asks meanwhile does not wait for all of that.
 */
#ifndef NET_TIMEOUTS_H
#define NET_TIMEOUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define TIMEOUT_TICK_MS 10
#define TIMEOUT_SLOTS 4096
#define TIMEOUTS_A_TURN 64

/* To be embedded; zero is one that is not set. */
struct timeout {
    struct timeout *next;
    struct timeout **link; /* what points here; NULL: not set */
    uint64_t due_ms;       /* of the loop's clock */
};

struct timeouts {
    uv_timer_t timer;
    uv_idle_t no_wait; /* active from the timer's call until all that is due has expired */
    uv_check_t polled;
    void (*expired)(struct timeout *timeout);
    void (*late)(struct timeouts *timeouts, uint64_t late_ms);
    uint64_t hand;      /* the last tick that was looked at */
    uint64_t next_tick; /* that the timer is set to; UINT64_MAX: none */
    size_t count;
    struct timeout *expiring;
    struct timeout *slots[TIMEOUT_SLOTS];
};

/** @param expired  Called on the loop for each that is due; by then it is not set any more.
 * @param late     Called on the loop before that: so long the loop did not turn when it was due. */
void timeouts_init(struct timeouts *timeouts, uv_loop_t *loop,
                   void (*expired)(struct timeout *timeout),
                   void (*late)(struct timeouts *timeouts, uint64_t late_ms));

/** Closes the handles; the loop must turn once more before @p timeouts may go. */
void timeouts_close(struct timeouts *timeouts);

/** Sets a timeout, or sets it anew. */
void timeout_set(struct timeouts *timeouts, struct timeout *timeout, uint64_t delay_ms);

/** Unsets a timeout; one that isn't set is fine. */
void timeout_clear(struct timeouts *timeouts, struct timeout *timeout);

#endif
