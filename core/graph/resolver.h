/* Who gets what from whom, and in which order they are made. Pure: declarations in, a plan and
 * faults out. Not about plugins' files or paths; graph.h is. */
#ifndef GRAPH_RESOLVER_H
#define GRAPH_RESOLVER_H

#include "graph/declarations.h"

struct resolution {
    size_t **sources; /* by provider and need, then guard: the provider that it comes from, or
                         NOBODY */
    size_t *order;    /* of all providers: each after all that it gets something from, and else as
                         in the file */
    size_t provider_count;
};

/** Resolves all needs.
 * A provider sees its own module's providers, what its imports export, and what global modules
 * export; never itself. Of those in sight that have the interface in the version that is needed or
 * a higher one, the provider's choice decides; without a choice there must be one, or, for an
 * optional need, at most one. A guard is named, is in sight, and has the interface of guards.
 * @param declarations  Looked at only during the call.
 * @param resolution    Filled in; good for use only if no fault was added.
 * @param faults        Gets all that is wrong.
 * @return 0, or -1 on no memory; resolution_finish() must follow in both cases. */
int resolution_init(struct resolution *resolution, const struct declarations *declarations,
                    struct fault_list *faults);

void resolution_finish(struct resolution *resolution);

#endif
