/* `toni check` tries the cluster's engine: whether each of its servers is there, and lets a host do
 * what it has to. Not for a host, which starts without servers, too, and says what is away. */
#ifndef HOST_ENGINE_TRIAL_H
#define HOST_ENGINE_TRIAL_H

#include "graph/graph.h"

/** Has a process of its own make the engine's instance and what that has injected, and reach all
 * servers at once, as a node that takes no lease: connections, and what the engine finds out by
 * itself (toni_engine_table.check), or else a hello and a probe. What an engine does there (crash,
 * hang) hurts nobody. Nothing, if the configuration has no cluster.
 * @param graph   Checked without a fault. Nothing of it changes.
 * @param faults  Gets what is wrong with the engine, and each server that is not there or refuses;
 *                warnings of what will hurt later.
 * @thread The only one. */
void engine_trial(struct graph *graph, struct fault_list *faults);

#endif
