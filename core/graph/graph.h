/* What a configuration becomes: plugins that fit together, then instances in the order in which
 * they are made, each after all that it has injected. Not about sockets and clients; net/ asks the
 * slots (slot.h) which gateway answers on a path.
 *
 * graph_check() does all that can be done without mapping plugins here; the rest follows in the
 * order of the functions below. One thread at a time: the host's main thread, or that of a reload
 * (swap.h). */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include "config/config.h"
#include "graph/life.h"
#include "instance/instance.h"
#include "instance/slot.h"
#include "plugin/hooks.h"
#include "plugin/loader.h"

enum injection_kind {
    INJECTION_NOTHING,     /* optional connections, which it does not import: NULL */
    INJECTION_EMPTY,       /* an optional interface that nothing provides: an empty slot */
    INJECTION_CONNECTIONS, /* the shared handle */
    INJECTION_INSTANCE,    /* what another instance provides */
};

/** What an instance gets for one of its needs. */
struct injection {
    enum injection_kind kind;
    size_t provider; /* of INJECTION_INSTANCE: the number of that instance */
};

struct graph {
    struct graph *next;    /* among leftovers: see swap/leftovers.h */
    struct config *config; /* one reference */
    struct slots *slots;   /* NULL before graph_create(), as the next three */
    const toni_host *host;
    toni_connections *connections;
    struct tasks *tasks;
    struct plugin_set plugins;
    struct instance_setup *setups; /* in the order of creation; they borrow from the config */
    struct injection **injections; /* of the same order; each by need, and then by guard */
    struct instance **instances;   /* of the same order; NULL: it is not made, or over */
    size_t setup_count;            /* 0 after a fault */
    size_t instance_count;         /* 0 before graph_create(), then so many may be made */
    struct hooks *hooks;
    struct life *lives;   /* of the same order */
    size_t abandoned;     /* how many instances were */
    toni_slot **injected; /* of the same order; each by need: what it has injected of others. The
                             plugin reads that at each call; it stays where it is as long as the
                             instance lives. NULL: the instance has gone over to another graph */
};

/** Has the plugins of a configuration tried (loader.h), checks that they fit (kinds, paths,
 * needs), and finds out who gets what from whom.
 * @param config  The graph takes a reference. May have faults; what is left of it is checked.
 * @param loader  Borrowed, and outliving the graph.
 * @param before  That runs, or NULL: what has not changed of its plugins is used again.
 * @param faults  Gets all that is wrong; after that the graph must not be created.
 * @return The graph, to be destroyed by graph_destroy(), or NULL on no memory, which is a fault. */
struct graph *graph_check(struct config *config, struct plugin_loader *loader,
                          const struct graph *before, struct fault_list *faults);

/** Maps the plugins of a graph that was checked without a fault. Needed before graph_create().
 * @return 0; -1 after a fault. */
int graph_map(struct graph *graph, struct fault_list *faults);

/* The hooks run on a thread of their own, one at a time; see hooks.h for one that hangs. */

/** Makes all instances, in order. One that fails is named in the log, and those before it are
 * destroyed again, in reverse.
 * @param graph        Checked, without a fault.
 * @param slots        Where the instances come; outlives the graph.
 * @param host         The table for the instances; outlives them.
 * @param connections  What they get as `toni.connections`; outlives them.
 * @param tasks        For their time and work; outlives them. NULL: they get none.
 * @return 0, or -1; then there are no instances. */
int graph_create(struct graph *graph, struct slots *slots, const toni_host *host,
                 toni_connections *connections, struct tasks *tasks);

/** Makes one instance, and those that it has injected, directly or not, as graph_create() does all.
 * The functions below are about these then. @param number  Of the instance. */
int graph_create_one(struct graph *graph, size_t number, struct slots *slots, const toni_host *host,
                     toni_connections *connections, struct tasks *tasks);

/** Calls `start` of all instances, in order, up to the first that fails, which is named in the log.
 * @return 0, or -1. */
int graph_start(struct graph *graph);

/** Calls `ready` of all instances, as graph_start() does. @return 0, or -1. */
int graph_ready(struct graph *graph);

/** Calls `stopping` of all instances, in reverse: an instance before what it uses.
 * @param why  One of TONI_STOPPING_…. */
void graph_stopping(struct graph *graph, uint32_t why);

/** From now on no hook is waited for beyond its limit. @thread Any. */
void graph_hurry(struct graph *graph);

/** Destroys the instances, in reverse; but not those that were abandoned (in a hook, or by
 * slot_abandon()), nor what these have injected, since they may still use it.
 * @return 0; -1 if there are such: then the process must end without freeing what they use, the
 * graph included. */
int graph_end(struct graph *graph);

/** Ends the instances, if graph_end() has not, and frees the graph. Not once graph_end() has
 * failed.
 * @param graph  NULL is fine. */
void graph_destroy(struct graph *graph);

/** @return How many injections an instance has: for its needs, and its guards. */
size_t graph_injection_count(const struct graph *graph, size_t number);

/** Sets what those have injected that use an instance. They read the two members one after the
 * other: so only while no hook and no callback of them runs.
 * @param number  Of the instance. @param provided  Empty: nothing any more. */
void graph_provide(struct graph *graph, size_t number, toni_slot provided);

#endif
