/* From the graph that runs to the next one, while clients stay connected: what has changed is made
 * beside the old, then takes its place at one moment, all of it or nothing. Not about reading the
 * configuration, and not about sockets; who asks brings a world for these.
 *
 * The steps, and what becomes of each that fails, are in docs/architecture.md, "A swap". One thread
 * at a time; it may wait for hooks, for callbacks that run, and for workers. */
#ifndef SWAP_SWAP_H
#define SWAP_SWAP_H

#include "graph/graph.h"
#include "swap/changes.h"
#include "swap/leftovers.h"
#include "swap/report.h"

/** What a swap asks of who has the clients. All are called on the thread of swap_run(). */
struct swap_world {
    void *data;

    /** Hands the clients of a slot on to the instance that is in it now, on their workers: limits,
     * `client_free` of the old one, `on_adopt` of the new one.
     * @return 0; -1 if a worker did not come to it in time. */
    int (*adopt)(void *data, struct slot *slot);

    /** The gates are about to be closed: whoever has begun something with the instance that is in
     * the slot now, and that another is about to take the place of, ends it. NULL: nobody has.
     * @return 0; -1 if that did not come about in time: the swap is given up. */
    int (*let_go)(void *data, struct slot *slot);

    /** The gates are open again, whether or not another instance is there. For each let_go(), also
     * if that failed. */
    void (*go_on)(void *data, struct slot *slot);

    /** Tells all clients of a slot 1001, and waits until they are gone.
     * @return 0; -1 if some were still there after their `close_ms`. */
    int (*close_clients)(void *data, struct slot *slot);
};

/** Puts the next graph in the place of the one that runs.
 * @param now      Created, started and ready. After success it is ended as far as that can be; the
 *                 rest goes to @p leftovers. After a failure it runs on as if nothing had been.
 * @param next     Checked, without a fault; with the plugins of @p now that have not changed. Runs
 *                 after success. After a failure it is ended, or goes to @p leftovers.
 * @param faults   Gets why it failed.
 * @param report   Zero; filled in. To be ended by swap_report_finish() in any case.
 * @return 0, or -1. */
int swap_run(struct graph *now, struct graph *next, const struct swap_world *world,
             struct swap_leftovers *leftovers, struct fault_list *faults,
             struct swap_report *report);

#endif
