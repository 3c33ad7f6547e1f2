/* Hooks of instances; see life.h. */
#include "graph/life.h"

#include "base/log.h"
#include "graph/graph.h"
#include "plugin/descriptor.h"
#include "rooms/shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <toni/error.h>

/* --- On the hooks' thread */

static void keep_failure(struct life *life)
{
    (void)snprintf(life->why, sizeof life->why, "%s", failure_text());
}

static void make(void *data)
{
    struct life *life = data;

    failure_forget();
    life->result = instance_create(life->setup, life->host, life->injected, &life->instance);
    keep_failure(life);
}

static void call(void *data)
{
    struct life *life = data;

    failure_forget();
    life->result = life->call(life->instance, life->data);
    keep_failure(life);
}

int32_t life_start(struct instance *instance, void *data)
{
    (void)data;
    return instance_start(instance);
}

int32_t life_ready(struct instance *instance, void *data)
{
    (void)data;
    return instance_ready(instance);
}

static int32_t stopping(struct instance *instance, void *data)
{
    const uint32_t *why = data;

    instance_stopping(instance, *why);
    return TONI_OK;
}

static int32_t destroy(struct instance *instance, void *data)
{
    (void)data;
    instance_destroy(instance);
    return TONI_OK;
}

const char *life_why(const struct life *life, int32_t error)
{
    return life->why[0] != '\0' ? life->why : toni_strerror(error);
}

/* --- Abandoning, and what has to be kept then */

void life_keep(struct graph *graph, size_t number)
{
    if (graph->lives[number].is_used)
        return;
    graph->lives[number].is_used = true;
    life_keep_used(graph, number);
}

void life_keep_used(struct graph *graph, size_t number)
{
    for (size_t i = 0; i < graph_injection_count(graph, number); i++) {
        const struct injection *injection = &graph->injections[number][i];

        if (injection->kind == INJECTION_INSTANCE)
            life_keep(graph, injection->provider);
    }
}

void life_abandon(struct graph *graph, size_t number)
{
    if (graph->lives[number].is_abandoned)
        return;
    graph->lives[number].is_abandoned = true;
    graph->abandoned++;
    life_keep_used(graph, number);
}

/* --- Calling them */

/* @param run  make(), or call() with the life's `call` set. */
static int32_t run_hook(struct graph *graph, size_t number, const char *hook, void (*run)(void *))
{
    struct life *life = &graph->lives[number];
    const struct instance_setup *setup = &graph->setups[number];

    if (life->is_abandoned)
        return TONI_ERR_TIMEOUT;
    if (!hooks_run(graph->hooks, setup->name, hook, setup->limits.hook_ms, run, life))
        return life->result;
    life_abandon(graph, number);
    return TONI_ERR_TIMEOUT;
}

static void **injections_of(struct graph *graph, size_t number)
{
    const struct injection *injections = graph->injections[number];
    const size_t count = needs_count(graph->setups[number].plugin->descriptor.needs);
    void **pointers = calloc(count + 1, sizeof *pointers);

    for (size_t i = 0; pointers && i < count; i++) {
        if (injections[i].kind == INJECTION_CONNECTIONS)
            pointers[i] = space_handle(graph->setups[number].space);
        else if (injections[i].kind != INJECTION_NOTHING)
            pointers[i] = &graph->injected[number][i];
    }
    return pointers;
}

int32_t life_create(struct graph *graph, size_t number)
{
    struct life *life = &graph->lives[number];

    life->setup = &graph->setups[number];
    life->host = graph->host;
    life->injected = injections_of(graph, number);
    if (!life->injected)
        return TONI_ERR_NO_MEMORY;
    const int32_t result = run_hook(graph, number, "create", make);
    if (life->is_abandoned)
        return result;
    free((void *)life->injected);
    life->injected = NULL;
    if (result != TONI_OK)
        return result;
    graph->instances[number] = life->instance;
    graph_provide(graph, number, instance_provides(life->instance));
    return TONI_OK;
}

int32_t life_call(struct graph *graph, size_t number, const char *name, life_hook *hook, void *data)
{
    struct life *life = &graph->lives[number];

    if (life->is_abandoned)
        return TONI_ERR_TIMEOUT;
    life->instance = graph->instances[number];
    life->call = hook;
    life->data = data;
    return run_hook(graph, number, name, call);
}

void life_stop(struct graph *graph, size_t number, uint32_t why)
{
    struct life *life = &graph->lives[number];

    if (life->is_abandoned) /* it may be in an earlier `stopping`, which reads this */
        return;
    life->stopping = why;
    (void)life_call(graph, number, "stopping", stopping, &life->stopping);
}

void life_end(struct graph *graph, size_t number)
{
    struct life *life = &graph->lives[number];

    if (!graph->instances[number] || life->is_abandoned)
        return;
    if (life->is_used) {
        log_warn("an instance is not destroyed: one that uses it is still in a call",
                 log_str("instance", graph->setups[number].name));
        return;
    }
    (void)life_call(graph, number, "destroy", destroy, NULL);
    if (life->is_abandoned)
        return;
    graph->instances[number] = NULL;
    graph_provide(graph, number, (toni_slot){0});
}
