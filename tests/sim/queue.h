/* Virtual time: what happens next, and when. Events at the same time run in the order in which they
 * were asked for, so a run is determined by its seed. Nothing here waits, and nobody asks a real
 * clock. */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include "base/due_heap.h"

#include <stdbool.h>
#include <stdint.h>

#define SIM_US ((uint64_t)1000)
#define SIM_MS (1000 * SIM_US)
#define SIM_S (1000 * SIM_MS)

/** What an event does. @param target  As given to queue_add(). @param data  Likewise. */
typedef void queue_act(void *target, uint64_t data);

/** Read @p now_ns and @p steps freely. */
struct queue {
    struct due_heap heap;
    uint64_t now_ns;
    uint64_t steps;  /* events that have run */
    uint64_t number; /* of the next event that is asked for */
    struct event *spares;
};

void queue_init(struct queue *queue);

/** Frees what has not run; that is not run. */
void queue_finish(struct queue *queue);

/** Has @p act called with @p target and @p data in @p delay_ns. An event can't be taken back: its
 * act looks by @p data (a generation, say) whether it is still meant. */
void queue_add(struct queue *queue, uint64_t delay_ns, queue_act *act, void *target, uint64_t data);

/** Runs the next event. @return False if there is none, or none until @p until_ns; then that is the
 * time. */
bool queue_step(struct queue *queue, uint64_t until_ns);

#endif
