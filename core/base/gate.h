/* A gate: counts the threads that are inside, and can be closed: then it lets nobody in any more,
 * and whoever closed it waits until those inside have left. Not a lock: any number may be inside.
 *
 * Going through an open gate costs two atomic additions, mostly to a cache line of the thread's
 * own. */
#ifndef BASE_GATE_H
#define BASE_GATE_H

#include "base/counter.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct gate {
    atomic_bool is_closed;
    pthread_mutex_t lock; /* a leaf; only around waiting */
    pthread_cond_t changed;
    struct {
        atomic_uint_fast64_t inside;
        uint8_t padding[COUNTER_PADDING];
    } stripes[COUNTER_STRIPES];
};

/** @return 0, or -1 on no memory. */
int gate_init(struct gate *gate);

/** Nobody may be inside, or waiting. */
void gate_finish(struct gate *gate);

/** Goes in; waits while the gate is closed. A thread that is inside already must not go in again.
 * @thread Any. */
void gate_enter(struct gate *gate);

/** Goes in without waiting, also if the gate is closed: the caller looks at gate_is_closed() then,
 * and may only stay if the closer is known to wait for it. @thread Any. */
void gate_join(struct gate *gate);

/** @return Whether it is closed at the moment. @thread Any. */
bool gate_is_closed(const struct gate *gate);

/** Waits until the gate is open; it may be closed again by the return. @thread Any that is not
 * inside. */
void gate_wait_open(struct gate *gate);

/** Goes out. By the thread that went in. @thread Any. */
void gate_leave(struct gate *gate);

/** Closes the gate; gate_wait_empty() follows. One thread at a time. */
void gate_close(struct gate *gate);

/** Waits until nobody is inside a closed gate.
 * @param until_ns  Of clock_now_ns(): how long to wait at most.
 * @return Whether nobody is. */
bool gate_wait_empty(struct gate *gate, uint64_t until_ns);

/** Opens the gate again, for those who wait and all who come. */
void gate_open(struct gate *gate);

/** @return How many threads are inside, those included that find it closed just now. @thread Any.
 */
uint64_t gate_count(const struct gate *gate);

#endif
