/* Collects what there is to show; see status.h. */
#include "host/status.h"

#include "config/name.h"

#include <stdlib.h>
#include <string.h>
#include <toni/plugin.h>
#include <unistd.h>

/* @return 0, or -1 on no memory. */
static int read_instance(struct slot *slot, struct status_instance *shown)
{
    *shown = (struct status_instance){
        .kind = kinds_name(slot->kind),
        .name = slot->name,
        .is_gateway = (slot->kind & TONI_GATEWAY) != 0,
        .clients = atomic_load(&slot->connections),
        .space = atomic_load(&slot->space),
    };
    for (unsigned i = 0; i < GUARD_ANSWER_COUNT; i++)
        shown->guard_answers[i] = counter_read(&slot->figures.guard.answers[i]);
    return slot_read(slot, &shown->own_path, &shown->facts);
}

static void forget_instance(struct status_instance *shown)
{
    free(shown->own_path);
    slot_facts_finish(&shown->facts);
}

static size_t count_slots(struct slots *slots)
{
    size_t count = 0;
    for (struct slot *slot = slots_first(slots); slot; slot = slot_next(slot))
        count++;
    return count;
}

/* What is shown borrows from what was read. */
static void show(struct status_instance *shown)
{
    shown->module = shown->facts.module;
    shown->namespace = shown->space ? shown->space->name : "";
    shown->path = toni_str_of(shown->own_path);
    shown->version = toni_str_of(shown->facts.version);
    shown->generation = shown->facts.generation;
    shown->since_ms = shown->facts.since;
    shown->library = shown->facts.library;
}

/* Vacant slots are left out: what was removed, or is not made yet. */
static int collect_instances(struct slots *slots, struct status_report *report)
{
    const size_t most = count_slots(slots); /* those that are made meanwhile are left out */
    report->instances = calloc(most + 1, sizeof *report->instances);
    if (!report->instances)
        return -1;
    for (struct slot *slot = slots_first(slots); slot && report->instance_count < most;
         slot = slot_next(slot)) {
        struct status_instance *shown = &report->instances[report->instance_count];
        if (read_instance(slot, shown))
            return -1;
        if (shown->facts.generation == 0) {
            forget_instance(shown);
            continue;
        }
        show(shown);
        report->clients += shown->clients; /* a sum, so that the figures fit together */
        report->instance_count++;
    }
    return 0;
}

static void read_histories(const struct histories *histories, struct status_histories *shown)
{
    shown->rooms = atomic_load(&histories->rooms);
    shown->bytes = atomic_load(&histories->bytes);
    shown->recovered = counter_read(&histories->recovered);
    for (unsigned i = 0; i < NOT_RECOVERED_COUNT; i++)
        shown->not_recovered[i] = counter_read(&histories->not_recovered[i]);
}

/* What is shown borrows from what was found. */
static void show_rooms(const struct status_sources *sources, const struct largest *largest,
                       struct status_report *report)
{
    const struct space *space = &sources->connections->common;
    for (; space; space = space->next)
        report->rooms += atomic_load(&space->rooms);
    for (size_t i = 0; i < largest->count; i++) {
        const struct room *room = largest->rooms[i].room;
        report->largest[report->largest_count++] =
            (struct status_room){.namespace = room->space->name,
                                 .name = room->topic.name,
                                 .members = largest->rooms[i].members};
    }
}

/* @return 0, or -1 on no memory; to be ended by forget() in both cases. */
static int collect(const struct status_sources *sources, struct status_report *report)
{
    *report = (struct status_report){
        .version = TONI_VERSION,
        .pid = getpid(),
        .state = sources->is_draining ? "draining" : "serving",
        .since_ms = sources->started_ms,
        .config_path = sources->config_path,
        .workers = sources->server->worker_count,
        .reloads = sources->reload->count,
        .last_reload_ms = sources->reload->last_ms,
        .last_reload = sources->reload->last_text,
        .old_libraries = sources->reload->old_libraries,
    };
    return collect_instances(sources->slots, report);
}

static void forget(struct status_report *report)
{
    for (size_t i = 0; i < report->instance_count; i++)
        forget_instance(&report->instances[i]);
    free(report->instances);
}

static int write_report(const struct status_sources *sources, bool as_json, struct buffer *out)
{
    struct status_report report;
    struct largest largest;
    largest_find(&largest, sources->connections);
    int result = collect(sources, &report);
    struct clustering_report *cluster =
        sources->clustering ? malloc(sizeof *cluster) : NULL; /* too much for a stack */
    if (cluster)
        clustering_read(sources->clustering, cluster);
    report.cluster = cluster;
    if (sources->clustering && !cluster)
        result = -1;
    show_rooms(sources, &largest, &report);
    read_histories(&sources->connections->histories, &report.histories);
    if (!result)
        result = as_json ? status_write_json(&report, out) : status_write_text(&report, out);
    forget(&report);
    free(cluster);
    largest_finish(&largest);
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
