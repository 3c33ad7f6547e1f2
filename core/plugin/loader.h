/* Finds libraries, copies them, has them tried, maps them and checks what they are. Not about
 * instances, or about who needs what.
 *
 * A loader is the host's, and outlives all plugins. A set is what one configuration loads: each
 * file once, however many providers name it; the next configuration, with a set of its own, loads
 * anew what changed meanwhile, and shares with the set before it what did not. One thread at a
 * time: the host's main thread, or that of a reload.
 *
 * Three steps, so that nothing is mapped of a configuration that has a fault: plugin_set_add() for
 * each, plugin_set_try(), and, once who gets what from whom has been checked, plugin_set_map(). */
#ifndef PLUGIN_LOADER_H
#define PLUGIN_LOADER_H

#include "config/fault.h"
#include "plugin/copy_store.h"
#include "plugin/neighbours.h"
#include "plugin/plugin.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct plugin_loader {
    const char *host_folder; /* of the plugins that come with the host; searched last */
    size_t retired;          /* plugins that nothing refers to any more, and are mapped still */
    struct copy_store copies;
    struct neighbours neighbours;

    /* What tries libraries first: this program and its environment, see trial.h; borrowed. NULL:
     * plugin_set_try() maps them here. */
    const char *program;
    char **environment;
    const atomic_bool *is_hurried; /* set once the host stops: nothing is waited for; NULL: never */
    atomic_bool is_stuck; /* a library that is being mapped has not returned: nothing can be mapped
                             or unmapped any more, and the process must end by _exit() */
};

/** Where a set looks for libraries; all borrowed, and outliving the set. */
struct plugin_search {
    const char *config_folder;      /* what a library with a slash in its name is relative to */
    const char *const *plugin_path; /* searched in this order for names without a slash */
    size_t plugin_path_count;
};

struct plugin_set {
    struct plugin_loader *loader;
    const struct plugin_set *before; /* that of the configuration that runs; NULL: none */
    struct plugin_search search;
    struct plugin **plugins; /* one reference to each is the set's */
    size_t count;
};

/** Makes a loader; touches no disk.
 * @param host_folder  Borrowed, and outliving the loader. */
void plugin_loader_init(struct plugin_loader *loader, const char *host_folder);

/** Removes the private copies. Of plugins that are still mapped nothing else changes. */
void plugin_loader_finish(struct plugin_loader *loader);

/** Makes an empty set.
 * @param loader  Borrowed, and outliving the set and its plugins.
 * @param before  Of the configuration that runs: a library of it whose path and content are the
 *                same is shared. Borrowed, until the last plugin_set_load(). NULL: none. */
void plugin_set_init(struct plugin_set *set, struct plugin_loader *loader,
                     const struct plugin_search *search, const struct plugin_set *before);

/** Gives back the set's references and empties it. */
void plugin_set_finish(struct plugin_set *set);

/** Finds a library and copies it, or finds it among those that the set has.
 * @param set      To add to.
 * @param library  As gateways.conf names it.
 * @param at       That setting, for faults, also of the next steps; lives as long.
 * @param faults   Gets why a library can't be used: path, what was found, expected, and the remedy.
 * @return The plugin, borrowed from the set, in whatever state; or NULL, and a fault was added. */
struct plugin *plugin_set_add(struct plugin_set *set, const char *library, const struct value *at,
                              struct fault_list *faults);

/** Has all that are not mapped yet tried by a process of its own: each is described or refused
 * then. One that was not tried, since the host stops, stays copied.
 * @param limit_ms  For each. */
void plugin_set_try(struct plugin_set *set, uint64_t limit_ms, struct fault_list *faults);

/** Maps all that are described.
 * @param limit_ms  For each; one that takes longer is abandoned, see `is_stuck`.
 * @return 0; -1 after a fault. */
int plugin_set_map(struct plugin_set *set, uint64_t limit_ms, struct fault_list *faults);

#endif
