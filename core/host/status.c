/* Collects what there is to show; see status.h. */
#include "host/status.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void read_instance(const struct instance *instance, struct status_instance *shown)
{
    const struct instance_setup *setup = &instance->setup;
    const bool is_gateway = instance->descriptor->kind == TONI_GATEWAY;
    *shown = (struct status_instance){
        .kind = is_gateway ? "gateway" : "service",
        .name = setup->name,
        .module = setup->module,
        .path = setup->path,
        .version = instance->descriptor->version,
        .generation = 1,
        .since_ms = instance->created_ms,
        .library = setup->plugin->path,
        .is_gateway = is_gateway,
    };
}

static uint64_t count_clients(const struct graph *graph, const struct instance *instance)
{
    for (size_t i = 0; i < graph->gateway_count; i++) {
        if (graph->gateways[i].instance == instance)
            return atomic_load(&graph->gateways[i].connections);
    }
    return 0;
}

/* @return 0, or -1 on no memory. */
static int collect(const struct status_sources *sources, struct status_report *report)
{
    const struct graph *graph = sources->graph;
    *report = (struct status_report){
        .version = TONI_VERSION,
        .pid = getpid(),
        .state = sources->is_draining ? "draining" : "serving",
        .since_ms = sources->started_ms,
        .config_path = sources->config_path,
        .workers = sources->server->worker_count,
    };
    report->instances = calloc(graph->instance_count + 1, sizeof *report->instances);
    if (!report->instances)
        return -1;
    report->instance_count = graph->instance_count;
    for (size_t i = 0; i < graph->instance_count; i++) {
        struct status_instance *shown = &report->instances[i];
        read_instance(graph->instances[i], shown);
        shown->clients = count_clients(graph, graph->instances[i]);
        report->clients += shown->clients; /* a sum, so that the figures fit together */
    }
    return 0;
}

static int write_report(const struct status_sources *sources, bool as_json, struct buffer *out)
{
    struct status_report report;
    int result = collect(sources, &report);
    if (!result)
        result = as_json ? status_write_json(&report, out) : status_write_text(&report, out);
    free(report.instances);
    return result ? result : buffer_append(out, "", 1); /* the NUL at its end */
}

void status_handle(void *data, struct control_request *request, const char *arguments)
{
    const bool as_json = strcmp(arguments, "json") == 0;
    if (!as_json && strcmp(arguments, "text") != 0) {
        control_answer(request, EXIT_USAGE, "status comes as `text` or as `json`\n");
        return;
    }
    struct buffer text;
    buffer_init(&text);
    if (write_report(data, as_json, &text))
        control_answer(request, EXIT_FAULT, "the host has no memory to tell its status\n");
    else
        control_answer(request, EXIT_CLEAN, text.bytes);
    buffer_finish(&text);
}
