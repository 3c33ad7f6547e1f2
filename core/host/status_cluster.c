/* The cluster in `toni status`; see status.h. */
#include "host/status.h"

#include <inttypes.h>

const char *status_server_state(const struct clustering_server *server)
{
    static const char *const words[] = {
        [SERVER_DOWN] = "down", [SERVER_DEGRADED] = "degraded", [SERVER_UP] = "up"};
    return words[server->node.state];
}

static int write_server(const struct clustering_server *server, struct buffer *out)
{
    const struct node_figures *node = &server->node;
    int result =
        buffer_appendf(out, "%-8s  %s\n          ", status_server_state(server), server->name);
    result |= buffer_appendf(out, "%s%s%s\n", cluster_why_text(node->why),
                             server->why[0] ? "; the engine said last: " : "", server->why);
    result |= buffer_appendf(out,
                             "          probe %" PRIu32 " ms; rooms %" PRIu64 " of %" PRIu64
                             "; waiting %" PRIu64 " (%" PRIu64 " bytes)\n",
                             node->probe_ms, node->subscribed, node->rooms, node->pending,
                             server->waiting_bytes);
    result |= buffer_appendf(out,
                             "          broadcasts: %" PRIu64 " ok, %" PRIu64 " rejected, %" PRIu64
                             " unknown, %" PRIu64 " busy, %" PRIu64 " repeats\n",
                             node->ok, node->rejected + node->busy, node->unknown, server->refused,
                             node->repeats);
    result |=
        buffer_appendf(out,
                       "          %" PRIu64 " gaps, %" PRIu64 " resubscriptions, %" PRIu64
                       " connections, %" PRIu64 " with other data\n",
                       node->gaps, server->resubscriptions, node->connections, node->other_data);
    return result;
}

int status_write_cluster(const struct clustering_report *report, struct buffer *out)
{
    int result = buffer_appendf(out, "\nCLUSTER   engine %s%s, node %s, ", report->engine,
                                report->is_attached ? "" : " (not attached)", report->node);
    if (report->identity.slot != 0)
        result |= buffer_appendf(out, "slot %" PRIu32, report->identity.slot);
    else
        result |= buffer_appendf(out, "no lease");
    result |= buffer_appendf(out, ", other nodes %" PRIu32 "\n", report->nodes);
    for (uint32_t i = 0; i < report->count; i++)
        result |= write_server(&report->servers[i], out);
    return result ? -1 : 0;
}
