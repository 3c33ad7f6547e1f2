/* What a swap could not end: graphs with an instance that is in a call which does not return, or
 * that a client still holds. They are kept, with all that they use, until the host ends. */
#ifndef SWAP_LEFTOVERS_H
#define SWAP_LEFTOVERS_H

#include "graph/graph.h"

/** Also what leftovers use of later graphs waits for the host's end. */
struct swap_leftovers {
    struct graph *first; /* the oldest; linked by `next` */
};

/** Destroys a graph if all of its instances are ended and none was abandoned; else keeps it.
 * @param graph  Taken over. */
void swap_leftovers_keep(struct graph *graph, struct swap_leftovers *leftovers);

/** Ends the leftovers, before the graph that runs is ended.
 * @param now  The graph that runs: what an abandoned call may use of it is not to be destroyed.
 * @return 0; -1 if there is such a call: then the process must end without freeing the leftovers.
 */
int swap_leftovers_end(struct swap_leftovers *leftovers, struct graph *now);

#endif
