/* The host as one node of a cluster; see cluster.h. */
#include "host/cluster.h"

#include "base/log.h"
#include "rooms/connections.h"

/* A host that starts waits so long for the engine's servers. */
#define BEGIN_MS 2000

static int open_door(struct clustering *clustering, const struct config *config,
                     toni_connections *connections, const char *name)
{
    const struct config_namespace *said = config_namespace_find(&config->namespaces, name);
    if (!said->is_cluster)
        return 0;
    struct space *space = connections_space(connections, name);
    if (!space)
        return -1;
    return space->remote ? 0 : clustering_open_door(clustering, space, said->is_local_only);
}

int cluster_open_doors(struct clustering *clustering, const struct config *config,
                       toni_connections *connections)
{
    if (!clustering)
        return 0;
    int result = open_door(clustering, config, connections, "");
    for (size_t i = 0; !result && i < config->module_count; i++)
        result = open_door(clustering, config, connections, config->modules[i].namespace);
    return result;
}

int cluster_make(const struct config *config, toni_connections *connections, struct slots *slots,
                 struct clustering **clustering)
{
    *clustering = NULL;
    if (!config->cluster.at)
        return 0;
    const struct clustering_settings settings = {.engine = config->cluster.engine,
                                                 .node = config->cluster.node,
                                                 .receipt_ms = config->cluster.receipt_ms};
    *clustering = clustering_create(&settings, connections, slots);
    if (!*clustering)
        return -1;
    if (!cluster_open_doors(*clustering, config, connections))
        return 0;
    log_error("the cluster could not be made: out of memory");
    return -1;
}

int cluster_begin(struct clustering *clustering)
{
    if (!clustering)
        return 0;
    if (clustering_start(clustering))
        return -1;
    if (!clustering_wait_up(clustering, BEGIN_MS)) {
        log_warn("not all servers of the cluster's engine are there yet: the host serves, and "
                 "broadcasts to their rooms are refused until they are; `toni status` shows which",
                 log_uint("waited_ms", BEGIN_MS));
    }
    return 0;
}

static bool is_engine(const struct clustering *clustering, const struct slot *slot)
{
    return clustering && clustering_engine_slot(clustering) == slot;
}

int cluster_let_go(struct clustering *clustering, struct slot *slot)
{
    if (!is_engine(clustering, slot))
        return 0;
    return clustering_pause(clustering, slot_limits(slot)->swap_ms);
}

void cluster_go_on(struct clustering *clustering, struct slot *slot)
{
    if (is_engine(clustering, slot))
        clustering_go_on(clustering);
}
