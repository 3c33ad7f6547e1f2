/* What differs between the configuration that runs and the next one: for each instance, what has to
 * be done about it. Only looks; swap.h does it. */
#ifndef SWAP_CHANGES_H
#define SWAP_CHANGES_H

#include "graph/declarations.h"
#include "graph/graph.h"

#include <stdbool.h>
#include <stddef.h>

enum change {
    CHANGE_NOTHING,
    CHANGE_LIMITS, /* the same instance, with other limits */
    CHANGE_SWAP,   /* another takes its place */
    CHANGE_ADD,
};

/** Of one instance of the next graph. */
struct instance_change {
    enum change change;
    size_t before;   /* its number in the graph that runs; NOBODY: it is added */
    const char *why; /* it is swapped: what changed, for people */
};

struct changes {
    struct instance_change *next; /* by number in the next graph */
    size_t *after;                /* by number in the graph that runs: its number in the next;
                                     NOBODY: it is removed */
    bool *quiesces; /* by number in the graph that runs: no call may be inside of it during the
                       exchange, since it, or something that its calls lead to, changes */
    size_t swapped, added, removed, limited;
};

/** Compares two graphs. @param next  Checked, not created.
 * @return 0, or -1 on no memory. To be ended by changes_finish() in both cases. */
int changes_init(struct changes *changes, const struct graph *now, const struct graph *next);

void changes_finish(struct changes *changes);

/** @return Whether there is nothing to do. */
bool changes_empty(const struct changes *changes);

/** Reports gateways that run in another namespace: their clients are in rooms there.
 * @param next    Checked, without a fault.
 * @param faults  Gets each, and what mends it. */
void changes_check_namespaces(const struct graph *now, const struct graph *next,
                              struct fault_list *faults);

/** Reports what a running host can't change about itself: addresses, workers, and the limits of the
 * host as a whole.
 * @param faults  Gets each, and that `toni restart` mends it. */
void changes_check_host(const struct config *now, const struct config *next,
                        struct fault_list *faults);

#endif
