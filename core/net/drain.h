/* A staggered drain: the clients of one worker are told to go one after the other, spread over a
 * time, so that they don't all come back in the same instant. Those whose turn has not come are
 * served as ever. Clients that come meanwhile have their turn too; those that come after the end,
 * at once. Knows neither clients nor workers: it holds nodes, and calls a function for each.
 *
 * All on the loop's thread. */
#ifndef NET_DRAIN_H
#define NET_DRAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* To be embedded in what is served; zero is one that is not. */
struct drain_node {
    struct drain_node *next;
    struct drain_node **link; /* what points here; NULL: it is not in the list */
};

struct drain {
    uv_timer_t timer;
    uint64_t end_ms;  /* of the loop's clock: everybody is told by then */
    uint64_t last_ms; /* when somebody was last told */
    double owed;      /* how many are to be told, with the fraction that is left over */
    uint64_t serving; /* that have not been told, and are not gone */
    struct drain_node *first;
    struct drain_node **last; /* where the next one is linked */
    void (*turn)(struct drain *drain, struct drain_node *node);
};

/** Makes the timer.
 * @param turn  Called for each whose turn it is; by then it is not in the list any more. */
void drain_init(struct drain *drain, uv_loop_t *loop,
                void (*turn)(struct drain *drain, struct drain_node *node));

/** Closes it; the loop must turn once more. */
void drain_close(struct drain *drain);

/** Begins.
 * @param length_ms  0: all are told at once.
 * @param share      0 to 1, another one for each worker: so that the first of each are not told in
 * the same instant. */
void drain_begin(struct drain *drain, uint64_t length_ms, double share);

/** Somebody is served from now on. */
void drain_expect(struct drain *drain, struct drain_node *node);

/** Somebody is told, or gone; more than once is fine. */
void drain_forget(struct drain *drain, struct drain_node *node);

#endif
