/* Wakes a loop from other threads, as uv_async_t does, for who does so with each message.
 *
 * In libuv 1.44 the loop that was woken waits until who woke it has come back from the system call
 * by which it did so: it spins, and gives its core away by and by. Where both are on one core, the
 * kernel often lets the woken thread run from within that very call, so the wait is as long as it
 * can be. This one waits for nobody. */
#ifndef NET_LOOP_WAKE_H
#define NET_LOOP_WAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

/** Must stay where it is from loop_wake_init() to loop_wake_finish(). */
struct loop_wake {
    uv_poll_t poll; /* first */
    int fd;         /* an eventfd */
    void (*woken)(void *data);
    void *data;
    atomic_bool is_sent; /* and `woken` has not been called for it */
};

/** Like a uv_async_t it keeps its loop going until it is closed.
 * @param woken  Called on the loop's thread after loop_wake_send(), once for any number of those
 *               that came before.
 * @return 0, or an error of libuv; then the loop has to run once more before it is closed. */
int loop_wake_init(uv_loop_t *loop, struct loop_wake *wake, void (*woken)(void *data), void *data);

/** Has `woken` called. What the calling thread did before is seen there.
 * @thread Any, until loop_wake_finish(); once the wake is closed it does nothing. */
void loop_wake_send(struct loop_wake *wake);

/** `woken` is not called any more. The loop's thread only, or once nobody runs it. */
void loop_wake_close(struct loop_wake *wake);

/** Gives the descriptor back, once the loop has run to its end after loop_wake_close(), and nobody
 * sends any more. */
void loop_wake_finish(struct loop_wake *wake);

#endif
