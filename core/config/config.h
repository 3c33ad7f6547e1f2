/* gateways.conf, checked and in the shape in which the host uses it. Not about whether libraries
 * exist or fit together; graph.h is. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "config/access.h"
#include "config/cluster.h"
#include "config/control.h"
#include "config/fault.h"
#include "config/listen_address.h"
#include "config/name.h"
#include "config/namespaces.h"
#include "config/proxies.h"
#include "config/run_as.h"
#include "config/watch.h"
#include "rooms/limits.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <toni/plugin.h>

/** The built-in module; it exports toni.connections. */
#define BROADCAST_MODULE "broadcast"

/** One instance of a plugin, as a module declares it. All is borrowed from the tree. */
struct config_provider {
    const struct value *at;          /* the whole group, for its file and line */
    uint32_t kind;                   /* TONI_GATEWAY or TONI_SERVICE */
    const char *name;                /* unique in the host */
    const struct value *library;     /* a string */
    const struct value *path;        /* a string; NULL: the plugin's own */
    const struct value *options;     /* a group, or NULL */
    struct limits limits;            /* the host's, and over them its own */
    struct declared_choice *choices; /* of `inject` */
    size_t choice_count;
    struct access_list origins; /* of a gateway; not there: the host's */
    struct name_at *guards;     /* of a gateway: its module's, then its own */
    size_t guard_count;
};

struct config_module {
    const struct value *at;
    const char *name;        /* unique in the host */
    const char *namespace;   /* of its clients and rooms; empty: the default one */
    struct name_at *imports; /* as they stand there: whether they exist is checked later */
    size_t import_count;
    struct name_at *exports;
    size_t export_count;
    struct name_at *guards; /* of all its gateways */
    size_t guard_count;
    bool is_global;
    struct config_provider *providers;
    size_t provider_count;
};

struct address_list {
    struct listen_address *addresses;
    size_t count;
};

/* To whom the page shows what runs. X(NAME, word in gateways.conf) */
#define WORKBENCH_RULES(X)                                                                         \
    X(WORKBENCH_LOCAL, "local") /* on this machine, through no proxy */                            \
    X(WORKBENCH_ANYONE, "anyone")                                                                  \
    X(WORKBENCH_NOBODY, "nobody")

enum workbench_rule {
#define WORKBENCH_RULE_NAME(name, word) name,
    WORKBENCH_RULES(WORKBENCH_RULE_NAME)
#undef WORKBENCH_RULE_NAME
};

/** Read-only once it is made, for all threads, but for the references: they are taken and given
 * back by the threads that make and end instances, of which one may be abandoned in a hook, and
 * by those that judge who may ask. */
struct config {
    atomic_uint references;
    struct value *tree;
    char *folder; /* of the file: what paths in it are relative to */

    struct address_list websocket;   /* at least one */
    struct address_list http;        /* maybe none */
    struct address_list admin;       /* maybe none */
    const struct value *admin_token; /* the path of its file, a string; NULL: none */
    struct config_proxies proxies;   /* in front of the first two */
    bool page;                       /* whether the page for people is served there */
    enum workbench_rule workbench;   /* to whom that shows what runs */
    struct access_list hosts;        /* names that the host goes by, beside those that it knows */
    struct access_list origins;      /* of pages that may open a WebSocket */
    struct config_control control;
    struct config_cluster cluster;
    struct config_watch watch; /* for `toni run --watch` alone */
    char *state;               /* folder for what the host keeps; NULL: it keeps nothing */
    struct run_as run_as;      /* after it has given up root */
    unsigned workers;          /* 0: one per core */
    char **plugin_path;        /* folders */
    size_t plugin_path_count;
    struct limits limits; /* the host's, and the defaults of its gateways */
    struct config_module *modules;
    size_t module_count;
    struct config_namespaces namespaces; /* those that it says something of */
};

/* Not config_read and config_destroy: libconfig exports these names. */

/** Reads and checks a configuration.
 * @param path    Of the file, as messages shall name it.
 * @param faults  Gets all that is wrong.
 * @return The configuration, to be given to gateways_conf_destroy(). NULL if the file could not be
 *         read. If faults were added it must not be run, but holds what was good, for looking at
 *         the rest. It has one reference. */
struct config *gateways_conf_read(const char *path, struct fault_list *faults);

/** @return @p config, with one more reference. */
struct config *gateways_conf_ref(struct config *config);

/** Gives a reference back; frees the configuration with the last. @param config  NULL is fine. */
void gateways_conf_destroy(struct config *config);

#endif
