/* The life of all instances that graph_check() has planned, in order. */
#include "graph/graph.h"

#include "base/log.h"
#include "plugin/descriptor.h"
#include "rooms/connections.h"

#include <stdlib.h>
#include <toni/error.h>

static void report_failure(const struct graph *graph, size_t number, const char *hook,
                           int32_t error)
{
    const struct instance_setup *setup = &graph->setups[number];

    log_error("an instance could not be made ready", log_str("instance", setup->name),
              log_str("module", setup->module), log_str("library", setup->plugin->path),
              log_str("hook", hook), log_str("error", toni_error_name(error)),
              log_str("reason", life_why(&graph->lives[number], error)));
}

void graph_provide(struct graph *graph, size_t number, toni_slot provided)
{
    for (size_t user = 0; user < graph->setup_count; user++) {
        if (!graph->injected[user])
            continue; /* it has moved to another graph */
        const struct injection *injections = graph->injections[user];
        const size_t needs = needs_count(graph->setups[user].plugin->descriptor.needs);

        for (size_t i = 0; i < needs; i++) {
            if (injections[i].kind == INJECTION_INSTANCE && injections[i].provider == number)
                graph->injected[user][i] = provided;
        }
    }
}

size_t graph_injection_count(const struct graph *graph, size_t number)
{
    const struct instance_setup *setup = &graph->setups[number];

    return needs_count(setup->plugin->descriptor.needs) + setup->guard_count;
}

/* --- Life */

static int32_t settle(struct instance *instance)
{
    struct arrival arrival;

    if (arrival_init(&arrival, instance))
        return TONI_ERR_NO_MEMORY;
    slot_settle(instance->setup.slot, &arrival);
    arrival_finish(&arrival);
    return TONI_OK;
}

/* The slot is made before its instance, and the instance is in it as soon as it is made. */
static int32_t make_in_slot(struct graph *graph, size_t number)
{
    struct instance_setup *setup = &graph->setups[number];

    setup->tasks = graph->tasks;
    setup->space = connections_space(graph->connections, setup->namespace);
    setup->slot = slots_make(graph->slots, setup->plugin->descriptor.kind, setup->name);
    if (!setup->space || !setup->slot || slot_set_limits(setup->slot, &setup->limits))
        return TONI_ERR_NO_MEMORY;
    const int32_t result = life_create(graph, number);
    if (result != TONI_OK)
        return result;
    graph->instance_count = number + 1;
    return settle(graph->instances[number]);
}

/* @param wanted  By number; NULL: all. */
static int make_wanted(struct graph *graph, const bool *wanted)
{
    for (size_t i = 0; i < graph->setup_count; i++) {
        const int32_t result = !wanted || wanted[i] ? make_in_slot(graph, i) : TONI_OK;

        if (result != TONI_OK) {
            report_failure(graph, i, "create", result);
            (void)graph_end(graph);
            return -1;
        }
    }
    return 0;
}

static void use(struct graph *graph, struct slots *slots, const toni_host *host,
                toni_connections *connections, struct tasks *tasks)
{
    graph->slots = slots;
    graph->host = host;
    graph->connections = connections;
    graph->tasks = tasks;
}

int graph_create(struct graph *graph, struct slots *slots, const toni_host *host,
                 toni_connections *connections, struct tasks *tasks)
{
    use(graph, slots, host, connections, tasks);
    return make_wanted(graph, NULL);
}

int graph_create_one(struct graph *graph, size_t number, struct slots *slots, const toni_host *host,
                     toni_connections *connections, struct tasks *tasks)
{
    bool *wanted = calloc(graph->setup_count, sizeof *wanted);
    if (!wanted)
        return -1;
    use(graph, slots, host, connections, tasks);
    wanted[number] = true;
    for (size_t i = number + 1; i-- > 0;) { /* what is injected comes before who has it */
        for (size_t need = 0; wanted[i] && need < graph_injection_count(graph, i); need++) {
            if (graph->injections[i][need].kind == INJECTION_INSTANCE)
                wanted[graph->injections[i][need].provider] = true;
        }
    }
    const int result = make_wanted(graph, wanted);
    free(wanted);
    return result;
}

static int call_all(struct graph *graph, const char *name, life_hook *hook)
{
    for (size_t i = 0; i < graph->instance_count; i++) {
        const int32_t result =
            graph->instances[i] ? life_call(graph, i, name, hook, NULL) : TONI_OK;

        if (result != TONI_OK) {
            report_failure(graph, i, name, result);
            return -1;
        }
    }
    return 0;
}

int graph_start(struct graph *graph)
{
    return call_all(graph, "start", life_start);
}

int graph_ready(struct graph *graph)
{
    return call_all(graph, "ready", life_ready);
}

void graph_stopping(struct graph *graph, uint32_t why)
{
    graph_hurry(graph);
    for (size_t i = graph->instance_count; i-- > 0;) {
        if (graph->instances[i])
            life_stop(graph, i, why);
    }
}

void graph_hurry(struct graph *graph)
{
    hooks_hurry(graph->hooks, PATIENCE_ENDS);
}

/* --- The end */

/* Takes the instances out of their slots, so that no call comes to them any more, and abandons
 * those that are in a call which does not end. */
static void vacate(struct graph *graph)
{
    for (size_t i = 0; i < graph->instance_count; i++) {
        struct slot *slot = graph->setups[i].slot;

        if (!graph->instances[i])
            continue;
        if (atomic_load(&slot->is_abandoned))
            life_abandon(graph, i);
        if (atomic_load(&slot->instance) == graph->instances[i])
            slot_vacate(slot);
    }
}

int graph_end(struct graph *graph)
{
    graph_hurry(graph);
    vacate(graph);
    while (graph->instance_count > 0)
        life_end(graph, --graph->instance_count);
    return graph->abandoned > 0 ? -1 : 0;
}

void graph_destroy(struct graph *graph)
{
    if (!graph)
        return;
    if (graph->hooks) /* not if there was no memory for them */
        (void)graph_end(graph);
    hooks_destroy(graph->hooks);
    plugin_set_finish(&graph->plugins);
    for (size_t i = 0; i < graph->setup_count; i++) {
        free(graph->injections[i]);
        free(graph->injected[i]);
    }
    free((void *)graph->injections);
    free((void *)graph->injected);
    free(graph->setups);
    free((void *)graph->instances);
    free(graph->lives);
    gateways_conf_destroy(graph->config);
    free(graph);
}
