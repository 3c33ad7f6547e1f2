/* The hooks of the instances of a graph, one at a time: on the hooks' thread, within their limits.
 * One that does not return in time may be abandoned; what it uses is then neither destroyed nor
 * freed. Not about which hooks are called when: graph.h and swap.h. */
#ifndef GRAPH_LIFE_H
#define GRAPH_LIFE_H

#include "instance/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <toni/host.h>

struct graph;
struct instance;
struct instance_setup;

/** A hook, but for `create`. @param data  As it was given to life_call(). @return As the hook. */
typedef int32_t life_hook(struct instance *instance, void *data);

/** Where an instance is in its life. The thread that runs a hook of it reads and writes this too,
 * for as long as the hook runs. */
struct life {
    const struct instance_setup *setup;
    const toni_host *host;
    void **injected;           /* one for each need; while it is being made */
    struct instance *instance; /* as soon as it is made */
    life_hook *call;           /* the running hook */
    void *data;
    uint32_t stopping;      /* why it stops: TONI_STOPPING_… */
    int32_t result;         /* of the last hook */
    char why[FAILURE_SIZE]; /* what that said of its failure; empty: nothing */
    bool is_abandoned;      /* it is in a call that the host waits for no more */
    bool is_used; /* by one that could not be ended, maybe of another graph: see leftovers.h */
};

/** Calls `create`. What the instance provides is there at once for those who have it injected: they
 * are made after it.
 * @return TONI_OK, what it returned, TONI_ERR_NO_MEMORY, or TONI_ERR_TIMEOUT: it was abandoned.
 */
int32_t life_create(struct graph *graph, size_t number);

/** Calls another hook.
 * @param name  Of the hook, for the log. @param data  Used as long as the hook runs.
 * @return TONI_OK, what it returned, or TONI_ERR_TIMEOUT: it was abandoned, now or before. */
int32_t life_call(struct graph *graph, size_t number, const char *name, life_hook *call,
                  void *data);

/** Calls `destroy` and frees the instance; but not an abandoned one, nor what an abandoned one has
 * injected, since that may still be used. */
void life_end(struct graph *graph, size_t number);

/** Calls `stopping`. @param why  One of TONI_STOPPING_…. */
void life_stop(struct graph *graph, size_t number, uint32_t why);

/** Abandons the instance: it is in a call that does not end. */
void life_abandon(struct graph *graph, size_t number);

/** Keeps the instance, and all that it uses, from being ended: one that could not be ended uses it.
 */
void life_keep(struct graph *graph, size_t number);

/** Keeps all that the instance has injected, as life_keep() does. */
void life_keep_used(struct graph *graph, size_t number);

/** @return Why the last hook failed: what the plugin said, or the text of the error. */
const char *life_why(const struct life *life, int32_t error);

/* The hooks that others call by name, for life_call(). */

int32_t life_start(struct instance *instance, void *data);
int32_t life_ready(struct instance *instance, void *data);

#endif
