/* The hooks of the instances of a graph, one at a time: on the hooks' thread, within their limits.
 * One that does not return in time may be left behind; what it uses is then neither destroyed nor
 * freed. Not about which hooks are called when: graph.h and swap.h. */
#ifndef GRAPH_LIFE_H
#define GRAPH_LIFE_H

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
    int32_t result; /* of the last one */
    bool is_left;   /* it is in a call that the host waits for no more */
    bool is_used;   /* by one that is not over, and maybe of another graph: see swap.h */
};

/** Calls `create`. What the instance provides is there at once for those who have it injected: they
 * are made after it.
 * @return TONI_OK, what it returned, TONI_ERR_NO_MEMORY, or TONI_ERR_TIMEOUT: it was left behind.
 */
int32_t life_create(struct graph *graph, size_t number);

/** Calls another hook.
 * @param name  Of the hook, for the log. @param data  Used as long as the hook runs.
 * @return TONI_OK, what it returned, or TONI_ERR_TIMEOUT: it was left behind, now or before. */
int32_t life_call(struct graph *graph, size_t number, const char *name, life_hook *call,
                  void *data);

/** Calls `destroy` and frees the instance; but not one that was left behind, and not what such a
 * one has injected: it may still use it. */
void life_end(struct graph *graph, size_t number);

/** The instance is in a call that does not end. */
void life_leave(struct graph *graph, size_t number);

/** One that is not over uses the instance: it is not to be ended, nor what it uses itself. */
void life_keep(struct graph *graph, size_t number);

/** What the instance has injected is not to be ended before it. */
void life_keep_used(struct graph *graph, size_t number);

/* The hooks that others call by name, for life_call(). */

int32_t life_start(struct instance *instance, void *data);
int32_t life_ready(struct instance *instance, void *data);
int32_t life_stopping(struct instance *instance, void *data);

#endif
