/* The life of the instances that graph_check() has planned. */
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

/* Its slot is filled as soon as it is made: those who have it injected are made after it. */
static int32_t create_instance(struct graph *graph, size_t number, const toni_host *host,
                               toni_connections *connections)
{
    const struct instance_setup *setup = &graph->setups[number];
    const toni_plugin *descriptor = &setup->plugin->descriptor;
    const size_t count = needs_count(descriptor->needs);
    void **pointers = calloc(count + 1, sizeof *pointers);

    if (!pointers)
        return TONI_ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        pointers[i] = injected(graph, &graph->injections[number][i], connections);
    struct instance *instance;
    const int32_t result = instance_create(setup, host, pointers, &instance);
    free((void *)pointers);
    if (result != TONI_OK)
        return result;
    graph->instances[graph->instance_count++] = instance;
    if (descriptor->provides) {
        graph->slots[number] =
            (toni_slot){.table = descriptor->provides->table, .self = instance->self};
    }
    return TONI_OK;
}

static void destroy_instances(struct graph *graph)
{
    graph->gateway_count = 0;
    while (graph->instance_count > 0) {
        instance_destroy(graph->instances[--graph->instance_count]);
        graph->slots[graph->instance_count] = (toni_slot){0};
    }
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
            destroy_instances(graph);
            return -1;
        }
        if (setup->plugin->descriptor.kind == TONI_GATEWAY)
            graph->gateways[graph->gateway_count++] =
                (struct gateway){.path = setup->path, .instance = graph->instances[i]};
    }
    return 0;
}

static int call_all(struct graph *graph, const char *hook, int32_t (*call)(struct instance *))
{
    for (size_t i = 0; i < graph->instance_count; i++) {
        const int32_t result = call(graph->instances[i]);

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

void graph_stopping(struct graph *graph)
{
    for (size_t i = graph->instance_count; i > 0; i--)
        instance_stopping(graph->instances[i - 1]);
}

void graph_destroy(struct graph *graph)
{
    if (graph == NULL)
        return;
    destroy_instances(graph);
    plugin_set_finish(&graph->plugins);
    for (size_t i = 0; i < graph->setup_count; i++)
        free(graph->injections[i]);
    free((void *)graph->injections);
    free(graph->setups);
    free((void *)graph->instances);
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
