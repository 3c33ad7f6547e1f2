/* From the path of a gateways.conf to a checked graph of plugins: what `run` and `check` share. */
#ifndef HOST_LOADING_H
#define HOST_LOADING_H

#include "config/config.h"
#include "graph/graph.h"
#include "http/admin_token.h"
#include "tls/set.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

struct loading {
    char *plugin_folder; /* of the plugins that come with the host */
    char *www_folder;    /* of the page that comes with the host */
    char **environment;  /* of the process that tries libraries */
    struct plugin_loader loader;
    struct config *config;
    struct graph *graph; /* checked, not created */
    struct admin_token admin_token;
    struct tls_sets tls;   /* as it was loaded */
    struct value *at;      /* of loading_describe() alone: what its faults name */
    struct plugin_set set; /* the same */
};

/** What is loaded for. Only what is to run is mapped in this process. */
enum loading_purpose {
    LOADING_TO_RUN,
    LOADING_TO_CHECK,        /* with the cluster's servers: see engine_trial.h */
    LOADING_TO_CHECK_OFFLINE /* without */
};

/** Reads and checks, and maps the plugins if all is good. All faults are printed to stderr at once.
 * @param is_hurried  Set once the host is to stop; outlives the loading. NULL: never.
 * @param also  They are printed there, too; NULL is fine.
 * @return 0, or -1; loading_finish must follow in both cases. */
int loading_init(struct loading *loading, const char *config_path, enum loading_purpose purpose,
                 const atomic_bool *is_hurried, FILE *also);

/** Tries one library, and maps nothing of it. All faults are printed to stderr.
 * @param file  Without a slash in it, one of that name here or of those that come with the host.
 * @return The library, with its descriptor, until loading_finish(), which must follow; NULL after a
 * fault. */
const struct plugin *loading_describe(struct loading *loading, const char *file);

/** Destroys what was made. */
void loading_finish(struct loading *loading);

#endif
