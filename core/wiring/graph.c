/* The life of the instances that graph_check() has planned. The hooks run on the hooks' thread, the
 * rest on the main thread, which waits for them. */
#include "wiring/graph.h"

#include "base/log.h"
#include "wiring/resolver.h"

#include <stdlib.h>
#include <string.h>
#include <toni/error.h>

static void report_failure(const struct instance_setup *setup, const char *hook, int32_t error)
{
    log_error("an instance could not be made ready", log_str("instance", setup->name),
              log_str("module", setup->module), log_str("library", setup->plugin->path),
              log_str("hook", hook), log_str("error", toni_error_name(error)),
              log_str("reason", toni_strerror(error)));
}

static void *injected(struct graph *graph, const struct injection *injection,
                      toni_connections *connections)
{
    if (injection->kind == INJECTION_CONNECTIONS)
        return connections;
    return injection->slot != NOBODY ? &graph->slots[injection->slot] : NULL;
}

static void **injections_of(struct graph *graph, size_t number, toni_connections *connections)
{
    const toni_plugin *descriptor = &graph->setups[number].plugin->descriptor;
    const size_t count = needs_count(descriptor->needs);
    void **pointers = calloc(count + 1, sizeof *pointers);

    for (size_t i = 0; pointers && i < count; i++)
        pointers[i] = injected(graph, &graph->injections[number][i], connections);
    return pointers;
}

/* --- Hooks, on their thread */

static void make(void *data)
{
    struct life *life = data;

    life->result = instance_create(life->setup, life->host, life->injected, &life->instance);
}

static void call(void *data)
{
    struct life *life = data;

    life->result = life->call(life->instance);
}

static void mark_used(struct graph *graph, size_t number)
{
    const size_t needs = needs_count(graph->setups[number].plugin->descriptor.needs);

    for (size_t i = 0; i < needs; i++) {
        const struct injection *injection = &graph->injections[number][i];
        const bool is_instance = injection->kind == INJECTION_INSTANCE;
        if (!is_instance || graph->lives[injection->slot].is_used)
            continue;
        graph->lives[injection->slot].is_used = true;
        mark_used(graph, injection->slot);
    }
}

static void leave(struct graph *graph, size_t number)
{
    graph->lives[number].is_left = true;
    graph->left++;
    mark_used(graph, number);
}

/* @param run  make(), or call() with the life's `call` set.
 * @return TONI_OK, what the hook returned, or TONI_ERR_TIMEOUT: then the instance is left. */
static int32_t run_hook(struct graph *graph, size_t number, const char *hook, void (*run)(void *))
{
    struct life *life = &graph->lives[number];
    const struct instance_setup *setup = &graph->setups[number];

    if (life->is_left)
        return TONI_ERR_TIMEOUT;
    if (!hooks_run(graph->hooks, setup->name, hook, setup->limits.hook_ms, run, life))
        return life->result;
    leave(graph, number);
    return TONI_ERR_TIMEOUT;
}

/* --- Life */

/* Its slot is filled as soon as it is made: those who have it injected are made after it. */
static int32_t create_instance(struct graph *graph, size_t number, const toni_host *host,
                               toni_connections *connections)
{
    const struct instance_setup *setup = &graph->setups[number];
    const toni_plugin *descriptor = &setup->plugin->descriptor;
    struct life *life = &graph->lives[number];

    life->setup = setup;
    life->host = host;
    life->injected = injections_of(graph, number, connections);
    if (!life->injected)
        return TONI_ERR_NO_MEMORY;
    const int32_t result = run_hook(graph, number, "create", make);
    if (life->is_left)
        return result;
    free((void *)life->injected);
    life->injected = NULL;
    if (result != TONI_OK)
        return result;
    graph->instances[graph->instance_count++] = life->instance;
    if (descriptor->provides) {
        graph->slots[number] =
            (toni_slot){.table = descriptor->provides->table, .self = life->instance->self};
    }
    return TONI_OK;
}

int graph_create(struct graph *graph, const toni_host *host, toni_connections *connections,
                 struct tasks *tasks)
{
    for (size_t i = 0; i < graph->setup_count; i++) {
        struct instance_setup *setup = &graph->setups[i];
        setup->tasks = tasks;
        const int32_t result = create_instance(graph, i, host, connections);

        if (result != TONI_OK) {
            report_failure(setup, "create", result);
            (void)graph_end(graph);
            return -1;
        }
        if (setup->plugin->descriptor.kind == TONI_GATEWAY)
            graph->gateways[graph->gateway_count++] =
                (struct gateway){.path = setup->path, .instance = graph->instances[i]};
    }
    return 0;
}

static int call_all(struct graph *graph, const char *hook, int32_t (*function)(struct instance *))
{
    for (size_t i = 0; i < graph->instance_count; i++) {
        graph->lives[i].call = function;
        const int32_t result = run_hook(graph, i, hook, call);

        if (result != TONI_OK) {
            report_failure(&graph->setups[i], hook, result);
            return -1;
        }
    }
    return 0;
}

int graph_start(struct graph *graph)
{
    return call_all(graph, "start", instance_start);
}

int graph_ready(struct graph *graph)
{
    return call_all(graph, "ready", instance_ready);
}

static int32_t stopping(struct instance *instance)
{
    instance_stopping(instance);
    return TONI_OK;
}

void graph_stopping(struct graph *graph)
{
    graph_hurry(graph);
    for (size_t i = graph->instance_count; i-- > 0;) {
        graph->lives[i].call = stopping;
        (void)run_hook(graph, i, "stopping", call);
    }
}

void graph_hurry(struct graph *graph)
{
    hooks_hurry(graph->hooks);
}

void graph_leave(struct graph *graph, const struct instance *instance)
{
    for (size_t i = 0; i < graph->instance_count; i++) {
        if (graph->instances[i] == instance && !graph->lives[i].is_left)
            leave(graph, i);
    }
}

/* --- The end */

static int32_t destroy(struct instance *instance)
{
    instance_destroy(instance);
    return TONI_OK;
}

static void end_instance(struct graph *graph, size_t number)
{
    struct life *life = &graph->lives[number];

    if (life->is_left)
        return;
    if (life->is_used) {
        log_warn("an instance is not destroyed: one that uses it is still in a call",
                 log_str("instance", graph->setups[number].name));
        return;
    }
    life->call = destroy;
    (void)run_hook(graph, number, "destroy", call);
    if (!life->is_left)
        graph->slots[number] = (toni_slot){0};
}

int graph_end(struct graph *graph)
{
    graph_hurry(graph);
    graph->gateway_count = 0;
    while (graph->instance_count > 0)
        end_instance(graph, --graph->instance_count);
    return graph->left > 0 ? -1 : 0;
}

void graph_destroy(struct graph *graph)
{
    if (graph == NULL)
        return;
    (void)graph_end(graph);
    hooks_destroy(graph->hooks);
    plugin_set_finish(&graph->plugins);
    for (size_t i = 0; i < graph->setup_count; i++)
        free(graph->injections[i]);
    free((void *)graph->injections);
    free(graph->setups);
    free((void *)graph->instances);
    free(graph->lives);
    free(graph->slots);
    free(graph->gateways);
    free(graph);
}

toni_slot *graph_find_slot(const struct graph *graph, const char *instance)
{
    for (size_t i = 0; i < graph->setup_count; i++) {
        const struct instance_setup *setup = &graph->setups[i];

        if (strcmp(setup->name, instance) == 0)
            return setup->plugin->descriptor.provides ? &graph->slots[i] : NULL;
    }
    return NULL;
}

struct gateway *graph_find_gateway(const struct graph *graph, toni_str path)
{
    for (size_t i = 0; i < graph->gateway_count; i++) {
        if (toni_str_equal(graph->gateways[i].path, path))
            return &graph->gateways[i];
    }
    return NULL;
}
