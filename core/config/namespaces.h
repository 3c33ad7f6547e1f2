/* `namespaces` of gateways.conf: what holds for all rooms of a namespace, whichever modules are in
 * it. One that is not listed has the defaults. */
#ifndef CONFIG_NAMESPACES_H
#define CONFIG_NAMESPACES_H

#include "config/fault.h"
#include "rooms/history_rules.h"

#include <stdbool.h>
#include <stddef.h>

struct config;

struct config_namespace {
    const struct value *at;        /* the whole group, for its file and line */
    const char *name;              /* borrowed from the tree; empty: the default one */
    bool is_cluster;               /* `cluster`: its rooms are one with those of other machines,
                                      if there is a cluster; the default is true */
    bool is_local_only;            /* `local_only`: while their server is away its rooms go on, on
                                      this machine alone */
    struct history_rules *history; /* one reference; NULL: no room keeps any */
};

struct config_namespaces {
    struct config_namespace *list;
    size_t count;
};

/** Reads the list.
 * @param config  Its modules have been read; `namespaces` is filled in.
 * @return 0, or -1 on no memory; to be ended by config_namespaces_finish() in both cases. */
int config_namespaces_read(struct config *config, const struct value *list,
                           struct fault_list *faults);

void config_namespaces_finish(struct config_namespaces *namespaces);

/** @return What is said of a namespace; of one that is not listed: the defaults. */
const struct config_namespace *config_namespace_find(const struct config_namespaces *namespaces,
                                                     const char *name);

#endif
