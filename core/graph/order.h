/* An order in which each comes after all that it uses, and the rings that keep one from being. Of
 * numbers: knows neither modules nor instances. */
#ifndef GRAPH_ORDER_H
#define GRAPH_ORDER_H

#include <stdbool.h>
#include <stddef.h>

struct order_edge {
    size_t user;
    size_t used;
    bool is_cut; /* belongs to a ring that was found, and is not looked at any more */
};

/** Read the fields freely; change them by the functions below. */
struct order {
    size_t node_count;
    size_t edge_count;
    size_t edge_capacity;
    size_t placed;      /* how many of `nodes` there are so far */
    size_t ring_length; /* edges of the ring that was found last */
    size_t *nodes;      /* the order */
    size_t *ring;       /* numbers of edges: each one's `used` is the next one's `user` */
    size_t *waits_for;  /* by node: how many that it uses are yet to be placed */
    struct order_edge *edges;
};

/** Makes an order without edges.
 * @param nodes  How many there are, 0 to n - 1.
 * @param edges  How many will be added at most.
 * @return 0, or -1 on no memory; order_finish() must follow in both cases. */
int order_init(struct order *order, size_t nodes, size_t edges);

void order_finish(struct order *order);

/** Says that @p user uses @p used; may be said twice. @return The number of the edge. */
size_t order_add(struct order *order, size_t user, size_t used);

/** Makes the order: of those that could come next, always the one with the lowest number.
 * @return Whether all could be placed. If not, `ring` has one that is in the way, beginning with
 *         its lowest node, and its last edge was cut: called again, this finds the next ring. */
bool order_sort(struct order *order);

#endif
