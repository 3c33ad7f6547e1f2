/* Which instance is the engine that `cluster` of gateways.conf names: it has to be there, and to
 * offer toni_engine. */
#ifndef GRAPH_ENGINE_H
#define GRAPH_ENGINE_H

#include "config/config.h"
#include "graph/declarations.h"

/** @param declarations  All that the file declares.
 * @param faults         Gets why it can't be the engine. Nothing, if `cluster` is not there, or has
 *                       a fault already, or the library can't be used, which is a fault elsewhere.
 */
void engine_check(const struct config_cluster *cluster, const struct declarations *declarations,
                  struct fault_list *faults);

#endif
