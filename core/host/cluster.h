/* The host as one node of a cluster: from gateways.conf to the cluster's thread
 * (clustering/clustering.h). All of it does nothing for a host that is alone. */
#ifndef HOST_CLUSTER_H
#define HOST_CLUSTER_H

#include "clustering/clustering.h"
#include "config/config.h"
#include "swap/swap.h"

/** Makes the thread's side, if the configuration has a cluster, and gives the namespaces their
 * doors. Before the instances are made.
 * @param clustering  Set; NULL: the host is alone. @return 0, or -1, which is logged. */
int cluster_make(const struct config *config, toni_connections *connections, struct slots *slots,
                 struct clustering **clustering);

/** Gives namespaces that a configuration brings along their doors. Before anything is in them.
 * @return 0, or -1 on no memory. */
int cluster_open_doors(struct clustering *clustering, const struct config *config,
                       toni_connections *connections);

/** Begins, once the engine's instance has been started; waits a moment for the engine's servers,
 * and goes on without those that don't come. @return 0; -1, which is logged: the engine refuses. */
int cluster_begin(struct clustering *clustering);

/** For struct swap_world: lets go of the engine while its instance is exchanged. */
int cluster_let_go(struct clustering *clustering, struct slot *slot);
void cluster_go_on(struct clustering *clustering, struct slot *slot);

#endif
