/* From the path of a gateways.conf to a checked graph of plugins: what `run` and `check` share. */
#ifndef HOST_LOADING_H
#define HOST_LOADING_H

#include "wiring/config.h"
#include "wiring/graph.h"

#include <stdio.h>

struct loading {
    char *plugin_folder; /* of the plugins that come with the host */
    char *www_folder;    /* of the page that comes with the host */
    struct plugin_loader loader;
    struct config *config;
    struct graph *graph; /* checked, not created */
};

/** Reads, loads and checks. All faults are printed to stderr at once.
 * @param also  They are printed there, too; NULL is fine.
 * @return 0, or -1; loading_finish must follow in both cases. */
int loading_init(struct loading *loading, const char *config_path, FILE *also);

/** Destroys what was made. */
void loading_finish(struct loading *loading);

#endif
