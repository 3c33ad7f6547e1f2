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

static void **injections_of(struct graph *graph, size_t number, toni_connections *connections)
{
    const struct injection *injections = graph->injections[number];
    const size_t count = needs_count(graph->setups[number].plugin->descriptor.needs);
    void **pointers = calloc(count + 1, sizeof *pointers);

    for (size_t i = 0; pointers && i < count; i++) {
        if (injections[i].kind == INJECTION_CONNECTIONS)
            pointers[i] = connections;
        else if (injections[i].kind != INJECTION_NOTHING)
            pointers[i] = &graph->injected[number][i];
    }
    return pointers;
}

void graph_provide(struct graph *graph, size_t number, toni_slot provided)
{
    for (size_t user = 0; user < graph->setup_count; user++) {
        const struct injection *injections = graph->injections[user];
        const size_t needs = needs_count(graph->setups[user].plugin->descriptor.needs);

        for (size_t i = 0; i < needs; i++) {
            if (injections[i].kind == INJECTION_INSTANCE && injections[i].provider == number)
                graph->injected[user][i] = provided;
        }
    }
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
        if (!is_instance || graph->lives[injection->provider].is_used)
            continue;
        graph->lives[injection->provider].is_used = true;
        mark_used(graph, injection->provider);
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

/* What it provides is there as soon as it is made: those who have it injected are made after it. */
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
    if (descriptor->provides)
        graph_provide(graph, number,
                      (toni_slot){descriptor->provides->table, life->instance->self});
    return TONI_OK;
}

/* Its slot is there before it is made, and it is in it as soon as it is. */
static int32_t make_in_slot(struct graph *graph, size_t number, const toni_host *host,
                            toni_connections *connections)
{
    struct instance_setup *setup = &graph->setups[number];

    setup->slot = slots_make(graph->slots, setup->plugin->descriptor.kind, setup->name);
    if (!setup->slot || slot_set_limits(setup->slot, &setup->limits))
        return TONI_ERR_NO_MEMORY;
    const int32_t result = create_instance(graph, number, host, connections);
    if (result != TONI_OK)
        return result;
    struct arrival arrival;
    if (arrival_init(&arrival, graph->instances[number]))
        return TONI_ERR_NO_MEMORY;
    slot_settle(setup->slot, &arrival);
    arrival_finish(&arrival);
    return TONI_OK;
}

int graph_create(struct graph *graph, struct slots *slots, const toni_host *host,
                 toni_connections *connections, struct tasks *tasks)
{
    graph->slots = slots;
    for (size_t i = 0; i < graph->setup_count; i++) {
        graph->setups[i].tasks = tasks;
        const int32_t result = make_in_slot(graph, i, host, connections);

        if (result != TONI_OK) {
            report_failure(&graph->setups[i], "create", result);
            (void)graph_end(graph);
            return -1;
        }
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
        graph_provide(graph, number, (toni_slot){0});
}

/* Nothing new comes to the instances. Some may be in a call that does not end. */
static void vacate(struct graph *graph)
{
    for (size_t i = 0; i < graph->instance_count; i++) {
        struct slot *slot = graph->setups[i].slot;

        if (atomic_load(&slot->is_abandoned) && !graph->lives[i].is_left)
            leave(graph, i);
        slot_vacate(slot);
    }
}

int graph_end(struct graph *graph)
{
    graph_hurry(graph);
    vacate(graph);
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
    for (size_t i = 0; graph->injected && i < graph->setup_count; i++)
        free(graph->injected[i]);
    free((void *)graph->injections);
    free((void *)graph->injected);
    free(graph->setups);
    free((void *)graph->instances);
    free(graph->lives);
    gateways_conf_destroy(graph->config);
    free(graph);
}
