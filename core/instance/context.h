/* The part of the host's table that toni/context.h wraps: what an instance gets for itself. */
#ifndef INSTANCE_CONTEXT_H
#define INSTANCE_CONTEXT_H

#include <toni/host.h>

/** Sets the `context_` and `option_` functions of a table. Their contexts are those of
 * instance_context(). */
void context_fill_table(toni_host *table);

#endif
