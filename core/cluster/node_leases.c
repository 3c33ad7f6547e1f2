/* The lease: asked of one server, which the servers' names choose. */
#include "cluster/node_private.h"

/* Engines that have lost everything begin at their clocks again: by so much they may be apart. */
#define BOOT_STEP_MAX (1u << 30)

/* After a reply that there was no memory for. */
#define RETRY_MS 100

void lease_pump(struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    struct output output;

    if (server->index != node->lease_server || node->lease.request != 0 ||
        now_ms < node->lease.due_ms)
        return;
    /* A lease that is over here is said to be before another is asked for. */
    if (lease_expire(&node->lease, &node->outputs, now_ms) != 0 ||
        outputs_reserve(&node->outputs, 1) != 0) {
        node->is_short = true;
        return;
    }
    lease_ask(&node->lease, ++node->request, server->incarnation, now_ms, &output);
    output.lease.boot_step = 1 + chance_up_to(&node->chance, BOOT_STEP_MAX - 1);
    output.server = server->index;
    output.generation = server->life.generation;
    outputs_put(&node->outputs, &output);
}

/* NOLINTNEXTLINE(readability-function-size): each parameter is a part of one thing that came. */
void node_lease_reply(struct cluster_node *node, uint32_t index, uint64_t generation,
                      uint64_t request, const struct lease_reply *reply, uint64_t now_ms)
{
    struct server *server = server_of(node, index, generation);

    if (!server || index != node->lease_server || request == 0 || node->lease.request != request)
        return;
    /* Without memory the reply is lost, and asked for again; not at once, or it would be asked for
     * without an end. */
    if (lease_take(&node->lease, server->incarnation, reply, &node->outputs, now_ms) != 0) {
        lease_restart(&node->lease);
        node->lease.due_ms = now_ms + RETRY_MS;
        node->is_short = true;
    }
    server_pump(node, server, now_ms);
}
