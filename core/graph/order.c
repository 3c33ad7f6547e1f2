/* Places a node that waits for no other, again and again. If some remain, each of them uses one
 * that remains, so walking from one to the next must come back: that is the ring. Configurations
 * are small: edges are searched one by one. */
#include "graph/order.h"

#include <stdint.h>
#include <stdlib.h>

#define PLACED SIZE_MAX /* for waits_for */

int order_init(struct order *order, size_t nodes, size_t edges)
{
    *order = (struct order){.node_count = nodes, .edge_capacity = edges};
    /* calloc(0) may return NULL */
    order->nodes = calloc(nodes + 1, sizeof *order->nodes);
    order->ring = calloc(nodes + 1, sizeof *order->ring);
    order->waits_for = calloc(nodes + 1, sizeof *order->waits_for);
    order->edges = calloc(edges + 1, sizeof *order->edges);
    return order->nodes && order->ring && order->waits_for && order->edges ? 0 : -1;
}

void order_finish(struct order *order)
{
    free(order->nodes);
    free(order->ring);
    free(order->waits_for);
    free(order->edges);
    *order = (struct order){0};
}

size_t order_add(struct order *order, size_t user, size_t used)
{
    order->edges[order->edge_count] = (struct order_edge){.user = user, .used = used};
    return order->edge_count++;
}

/* --- Placing */

static void count_waits(struct order *order)
{
    for (size_t node = 0; node < order->node_count; node++)
        order->waits_for[node] = 0;
    for (size_t i = 0; i < order->edge_count; i++) {
        if (!order->edges[i].is_cut)
            order->waits_for[order->edges[i].user]++;
    }
}

static void place(struct order *order, size_t node)
{
    order->nodes[order->placed++] = node;
    order->waits_for[node] = PLACED;
    for (size_t i = 0; i < order->edge_count; i++) {
        const struct order_edge *edge = &order->edges[i];

        if (!edge->is_cut && edge->used == node)
            order->waits_for[edge->user]--;
    }
}

/* @return The lowest node that waits for nobody, or the number of nodes. */
static size_t find_free(const struct order *order)
{
    size_t node = 0;

    while (node < order->node_count && order->waits_for[node] != 0)
        node++;
    return node;
}

/* --- Rings, among those that were not placed */

/* @return The first edge by which @p node waits for another. */
static size_t way_on(const struct order *order, size_t node)
{
    for (size_t i = 0; i < order->edge_count; i++) {
        const struct order_edge *edge = &order->edges[i];

        if (!edge->is_cut && edge->user == node && order->waits_for[edge->used] != PLACED)
            return i;
    }
    return order->edge_count; /* not reached: it would have been placed */
}

static size_t next_of(const struct order *order, size_t node)
{
    return order->edges[way_on(order, node)].used;
}

/* After as many steps as there are nodes, the walk is in its ring. */
static size_t walk_into_ring(const struct order *order)
{
    size_t node = 0;

    while (order->waits_for[node] == PLACED)
        node++;
    for (size_t i = 0; i < order->node_count; i++)
        node = next_of(order, node);
    return node;
}

static void find_ring(struct order *order)
{
    const size_t entry = walk_into_ring(order);
    size_t lowest = entry;

    for (size_t node = next_of(order, entry); node != entry; node = next_of(order, node)) {
        if (node < lowest)
            lowest = node;
    }
    order->ring_length = 0;
    size_t node = lowest;
    do {
        const size_t edge = way_on(order, node);
        order->ring[order->ring_length++] = edge;
        node = order->edges[edge].used;
    } while (node != lowest);
}

bool order_sort(struct order *order)
{
    size_t node;

    order->placed = 0;
    order->ring_length = 0;
    count_waits(order);
    while ((node = find_free(order)) < order->node_count)
        place(order, node);
    if (order->placed == order->node_count)
        return true;
    find_ring(order);
    order->edges[order->ring[order->ring_length - 1]].is_cut = true;
    return false;
}
