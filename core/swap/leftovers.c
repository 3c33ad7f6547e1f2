/* See leftovers.h. */
#include "swap/leftovers.h"

static bool is_over(const struct graph *graph)
{
    for (size_t i = 0; i < graph->setup_count; i++) {
        if (graph->instances[i])
            return false;
    }
    return graph->abandoned == 0;
}

/* The oldest comes first: its instances may use some of later graphs, never the other way round. */
void swap_leftovers_keep(struct graph *graph, struct swap_leftovers *leftovers)
{
    struct graph **last = &leftovers->first;

    if (is_over(graph)) {
        graph->instance_count = 0;
        graph_destroy(graph);
        return;
    }
    while (*last)
        last = &(*last)->next;
    *last = graph;
}

/* All that used instances of this graph are ended. */
static void forget_used(struct graph *graph)
{
    for (size_t i = 0; i < graph->setup_count; i++)
        graph->lives[i].is_used = false;
}

static bool is_any_left(const struct swap_leftovers *leftovers, const struct graph *now)
{
    size_t left = now->abandoned;

    for (const struct graph *graph = leftovers->first; graph; graph = graph->next)
        left += graph->abandoned;
    return left > 0;
}

int swap_leftovers_end(struct swap_leftovers *leftovers, struct graph *now)
{
    bool all_over = !is_any_left(leftovers, now);
    struct graph **place = &leftovers->first;

    while (*place) {
        struct graph *graph = *place;

        if (all_over)
            forget_used(graph);
        graph->instance_count = graph->setup_count;
        (void)graph_end(graph);
        all_over = all_over && is_over(graph);
        if (!is_over(graph)) {
            place = &graph->next;
            continue;
        }
        *place = graph->next;
        graph_destroy(graph);
    }
    if (all_over)
        forget_used(now);
    return leftovers->first ? -1 : 0;
}
