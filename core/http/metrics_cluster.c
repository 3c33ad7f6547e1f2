/* The metrics of the cluster, by server of its engine. A host that is alone has none. */
#include "base/clock.h"
#include "clustering/clustering.h"
#include "http/metrics.h"

#include <stdlib.h>

/* X(name, type, what it is of a `struct clustering_server *s`, help) */
#define CLUSTER_METRICS(X)                                                                         \
    X("toni_cluster_server_state", "gauge", s->node.state,                                         \
      "How a server of the engine is: 0 down, 1 degraded, 2 up.")                                  \
    X("toni_cluster_connections_total", "counter", s->node.connections,                            \
      "Connections to the server that were begun, those that failed, too.")                        \
    X("toni_cluster_other_data_total", "counter", s->node.other_data,                              \
      "Connections that found other data than before: lost, older, or of another server.")         \
    X("toni_cluster_pending", "gauge", s->node.pending, "Broadcasts that have no result yet.")     \
    X("toni_cluster_pending_bytes", "gauge", s->waiting_bytes,                                     \
      "What these take, those included that wait for their turn; 8 MiB at most.")                  \
    X("toni_cluster_repeats_total", "counter", s->node.repeats,                                    \
      "Broadcasts that were sent again and had been applied before.")                              \
    X("toni_cluster_lost_total", "counter", s->lost,                                               \
      "Broadcasts without a receipt that were not applied, or maybe not.")                         \
    X("toni_cluster_delivered_total", "counter", s->node.delivered,                                \
      "Messages that came from the server and were handed to rooms.")                              \
    X("toni_cluster_older_total", "counter", s->node.older,                                        \
      "Messages that had come before, and were dropped.")                                          \
    X("toni_cluster_held_bytes", "gauge", s->node.held_bytes, "Messages that wait behind a hole.") \
    X("toni_cluster_gaps_total", "counter", s->node.gaps, "Gaps that rooms were told of.")         \
    X("toni_cluster_histories_total", "counter", s->node.histories,                                \
      "Questions for the history of a room.")                                                      \
    X("toni_cluster_suspects_total", "counter", s->node.suspects,                                  \
      "Times that a room may have been at a number that the server has never given out.")          \
    X("toni_cluster_rooms", "gauge", s->node.rooms, "Rooms at the server that are wanted here.")   \
    X("toni_cluster_subscribed_rooms", "gauge", s->node.subscribed,                                \
      "Of these, those that the server has confirmed on this connection.")                         \
    X("toni_cluster_resubscriptions_total", "counter", s->resubscriptions,                         \
      "Rooms that were subscribed again after a connection had ended.")

static const struct {
    const char *name, *type, *help;
} families[] = {
#define FAMILY(metric, type, value, help) {metric, type, help},
    CLUSTER_METRICS(FAMILY)
#undef FAMILY
};

/* @param family  A place in `families`. */
static uint64_t figure_of(const struct clustering_server *s, size_t family)
{
#define VALUE(metric, type, value, help) value,
    const uint64_t figures[] = {CLUSTER_METRICS(VALUE)};
#undef VALUE
    return figures[family];
}

static void write_servers(struct exposition *exposition, const struct clustering_report *report)
{
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        exposition_family(exposition, families[f].name, families[f].type, families[f].help);
        for (uint32_t i = 0; i < report->count; i++)
            exposition_number(exposition, LABELS({"server", report->servers[i].name}),
                              figure_of(&report->servers[i], f));
    }
    exposition_family(exposition, "toni_cluster_probe_seconds", "gauge",
                      "How long the last probe took, there and back.");
    for (uint32_t i = 0; i < report->count; i++)
        exposition_seconds(exposition, LABELS({"server", report->servers[i].name}),
                           (uint64_t)report->servers[i].node.probe_ms * NS_PER_MS);
}

static void write_publishes(struct exposition *exposition, const struct clustering_report *report)
{
    exposition_family(
        exposition, "toni_cluster_publishes_total", "counter",
        "Broadcasts by what became of them: ok, rejected, unknown, or refused at once "
        "as busy.");
    for (uint32_t i = 0; i < report->count; i++) {
        const struct clustering_server *server = &report->servers[i];
        const struct {
            const char *result;
            uint64_t count;
        } results[] = {{"ok", server->node.ok},
                       {"rejected", server->node.rejected + server->node.busy},
                       {"unknown", server->node.unknown},
                       {"busy", server->refused}};
        for (size_t r = 0; r < sizeof results / sizeof results[0]; r++) {
            exposition_number(exposition,
                              LABELS({"server", server->name}, {"result", results[r].result}),
                              results[r].count);
        }
    }
}

void metrics_write_cluster(struct exposition *exposition, struct clustering *clustering)
{
    struct clustering_report *report = clustering ? malloc(sizeof *report) : NULL;
    if (!report) {
        exposition->failed = exposition->failed || clustering;
        return;
    }
    clustering_read(clustering, report);
    exposition_gauge(exposition, "toni_cluster_slot", "This node's slot; 0: it has no lease.",
                     report->identity.slot);
    exposition_gauge(exposition, "toni_cluster_nodes", "Other nodes that have a lease.",
                     report->nodes);
    exposition_counter(exposition, "toni_cluster_nonsense_total",
                       "What the engine said and made no sense.", report->nonsense);
    write_servers(exposition, report);
    write_publishes(exposition, report);
    free(report);
}
