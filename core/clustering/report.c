/* What there is to see of the cluster: copied by its thread now and then, so that whoever looks
 * waits for no engine. */
#include "clustering/clustering_private.h"

#include <string.h>

static void report_server(struct clustering *clustering, uint32_t index,
                          struct clustering_server *server)
{
    const struct server_link *link = &clustering->links[index];
    node_figures(clustering->node, index, &server->node);
    server->name = clustering->names[index];
    server->resubscriptions = link->resubscriptions;
    memcpy(server->why, link->why, sizeof server->why);
}

void report_make(struct clustering *clustering)
{
    const uint64_t now = now_ms();
    clustering->is_report_old = now < clustering->reported_ms + REPORT_MS;
    if (clustering->is_report_old)
        return;
    clustering->reported_ms = now;
    pthread_mutex_lock(&clustering->lock);
    struct clustering_report *report = &clustering->report;
    report->is_attached = clustering->engine != NULL;
    report->nodes = clustering->nodes_seen;
    report->nonsense = clustering->nonsense;
    report->count = clustering->server_count;
    for (uint32_t i = 0; i < report->count; i++)
        report_server(clustering, i, &report->servers[i]);
    pthread_mutex_unlock(&clustering->lock);
}

void clustering_read(struct clustering *clustering, struct clustering_report *report)
{
    pthread_mutex_lock(&clustering->lock);
    *report = clustering->report;
    report->identity = clustering->identity;
    report->refusal = clustering->refusal;
    pthread_mutex_unlock(&clustering->lock);
    report->engine = clustering->engine_name;
    report->node = clustering->node_name;
    report->node_id = clustering->incarnation;
    report->rooms = inbox_room_count(&clustering->inbox);
    for (uint32_t i = 0; i < report->count; i++) {
        const struct server_view *view = &clustering->views[i];
        report->servers[i].waiting_bytes = atomic_load(&view->waiting_bytes);
        report->servers[i].refused = counter_read(&view->refused);
        report->servers[i].lost = counter_read(&view->lost);
    }
}

bool clustering_is_up(const struct clustering *clustering)
{
    if (!atomic_load_explicit(&clustering->is_known, memory_order_acquire) ||
        atomic_load_explicit(&clustering->is_held, memory_order_relaxed))
        return false;
    for (uint32_t i = 0; i < clustering->server_count; i++) {
        if (atomic_load_explicit(&clustering->views[i].state, memory_order_relaxed) == SERVER_DOWN)
            return false;
    }
    return true;
}

bool clustering_held(const struct clustering *clustering, struct clustering_held *held)
{
    const char *callback = atomic_load_explicit(&clustering->board.callback, memory_order_relaxed);
    const struct slot *slot = atomic_load(&clustering->slot);
    if (!callback || !slot)
        return false;
    *held = (struct clustering_held){
        .instance = slot->name,
        .callback = callback,
        .since_ns = atomic_load_explicit(&clustering->board.began_ns, memory_order_relaxed),
        .callback_ms = slot_limits(slot)->callback_ms,
        .thread = clustering->thread,
    };
    return true;
}

void clustering_hold(struct clustering *clustering, bool is_held)
{
    atomic_store_explicit(&clustering->is_held, is_held, memory_order_relaxed);
}
