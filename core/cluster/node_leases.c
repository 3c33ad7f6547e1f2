/* The lease: asked of one server, which the servers' names choose, and given back to it. */
#include "cluster/node_private.h"

/* Engines that have lost everything begin at their clocks again: by so much they may be apart. */
#define BOOT_STEP_MAX (1u << 30)

/* All nodes are told of a new one at once, and the engine looks at all leases for each that asks:
 * for each node that is seen the requests are spread over so much more time. */
#define SPREAD_MS 4

/* After a reply that there was no memory for. */
#define RETRY_MS 100

static void put(struct cluster_node *node, const struct server *server, struct output *output)
{
    output->server = server->index;
    output->generation = server->life.generation;
    outputs_put(&node->outputs, output);
}

static void ask(struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    struct output output;

    /* A lease that is over here is said to be before another is asked for. */
    if (lease_expire(&node->lease, &node->outputs, now_ms) != 0 ||
        outputs_reserve(&node->outputs, 1) != 0) {
        node->is_short = true;
        return;
    }
    lease_ask(&node->lease, ++node->request, server->incarnation, now_ms, &output);
    output.lease.boot_step = 1 + chance_up_to(&node->chance, BOOT_STEP_MAX - 1);
    put(node, server, &output);
}

/* Behind what was asked before, whose reply may say which lease this is. */
static void give_back(struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    struct output output;

    if (node->lease.former.slot == 0) {
        node->leaving = LEAVING_DONE;
        return;
    }
    if (outputs_reserve(&node->outputs, 2) != 0) {
        node->is_short = true;
        return;
    }
    lease_give_back(&node->lease, ++node->request, server->incarnation, now_ms, &node->outputs,
                    &output);
    put(node, server, &output);
    node->leaving = LEAVING_SENT;
}

void lease_pump(struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    if (server->index != node->lease_server || node->lease.request != 0 ||
        node->leaving == LEAVING_DONE)
        return;
    if (node->leaving == LEAVING_ASKED)
        give_back(node, server, now_ms);
    else if (now_ms >= node->lease.due_ms)
        ask(node, server, now_ms);
}

void leases_restart(struct cluster_node *node, const struct server *server)
{
    if (server->index != node->lease_server)
        return;
    lease_restart(&node->lease);
    if (node->leaving != LEAVING_NOT)
        node->leaving = LEAVING_DONE; /* the lease ends by itself */
}

static bool has_lease_of(const struct cluster_node *node, const struct server *server)
{
    return server->index == node->lease_server && node->leaving != LEAVING_DONE;
}

uint64_t lease_sent_ms(const struct cluster_node *node, const struct server *server)
{
    return has_lease_of(node, server) && node->lease.request != 0 ? node->lease.sent_ms
                                                                  : UINT64_MAX;
}

uint64_t lease_asks_ms(const struct cluster_node *node, const struct server *server)
{
    return has_lease_of(node, server) && node->lease.request == 0 ? node->lease.due_ms : UINT64_MAX;
}

void node_renew_early(struct cluster_node *node, uint64_t now_ms)
{
    const uint32_t spread_ms = SPREAD_MS * (1 + node->lease.other_count);

    if (node->lease_server != SERVER_NONE && node->leaving == LEAVING_NOT)
        lease_renew_early(&node->lease, chance_up_to(&node->chance, spread_ms), now_ms);
}

void node_leave(struct cluster_node *node, uint64_t now_ms)
{
    if (node->leaving != LEAVING_NOT)
        return;
    node->leaving = LEAVING_DONE;
    if (node->lease_server == SERVER_NONE || !server_is_ready(&node->servers[node->lease_server]))
        return;
    node->leaving = LEAVING_ASKED;
    server_pump(node, &node->servers[node->lease_server], now_ms);
}

bool node_has_left(const struct cluster_node *node)
{
    return node->leaving == LEAVING_DONE;
}

/* NOLINTNEXTLINE(readability-function-size): each parameter is a part of one thing that came. */
void node_lease_reply(struct cluster_node *node, uint32_t index, uint64_t generation,
                      uint64_t request, const struct lease_reply *reply, uint64_t now_ms)
{
    struct server *server = server_of(node, index, generation);

    if (!server || index != node->lease_server || request == 0 || node->lease.request != request)
        return;
    if (node->leaving == LEAVING_SENT) {
        leases_restart(node, server);
        return;
    }
    /* Without memory the reply is lost, and asked for again; not at once, or it would be asked for
     * without an end. */
    if (lease_take(&node->lease, server->incarnation, reply, &node->outputs, now_ms) != 0) {
        lease_restart(&node->lease);
        node->lease.due_ms = now_ms + RETRY_MS;
        node->is_short = true;
    }
    server_pump(node, server, now_ms);
}
