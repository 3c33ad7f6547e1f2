/* `cluster` of gateways.conf: that this host is one node of several, and which engine carries rooms
 * from one to the others. Not about whether there is such an instance; graph.h is. */
#ifndef CONFIG_CLUSTER_H
#define CONFIG_CLUSTER_H

#include "config/setting.h"

#include <stdbool.h>
#include <stdint.h>

/* How long a receipt waits, if `receipt_ms` says nothing. */
#define CONFIG_RECEIPT_MS 1000

/* All strings are borrowed from the tree. */
struct config_cluster {
    const struct value *at;        /* the whole group; NULL: the host is alone */
    const struct value *engine_at; /* `engine` */
    const char *engine;            /* the instance that offers toni_engine; NULL after a fault */
    const char *node;              /* for people; NULL: the host makes one */
    uint32_t receipt_ms;
    bool is_ready_by_it; /* `ready`: a host whose server is down is not ready */
};

/** Reads it out of the top of a configuration. @param cluster  Filled in; needs no end. */
void config_cluster_read(const struct section *top, struct config_cluster *cluster);

/** @return Whether two say the same. */
bool config_cluster_equal(const struct config_cluster *a, const struct config_cluster *b);

#endif
