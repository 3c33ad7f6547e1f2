/* The steps of a swap in their order; see swap.h, and swap_private.h for where each is. */
#include "swap/swap_private.h"

#include <stdlib.h>

/* @return 0: the gates are closed, all is ready to be exchanged. -1: they are open. */
static int prepare(struct swap *swap)
{
    if (swap_find_places(swap) || swap_check_client_data(swap) || swap_make_all(swap))
        return -1;
    if (swap_let_go(swap)) {
        swap_go_on(swap);
        return -1;
    }
    if (!swap_quiesce(swap) && !swap_check_client_data(swap) && !swap_transfer(swap) &&
        !swap_set_limits(swap))
        return 0;
    swap_open_gates(swap);
    return -1;
}

static void swap_over(struct swap *swap)
{
    swap_exchange(swap);
    swap_open_gates(swap);
    swap_resume(swap);
    swap_apply_limits(swap);
    swap_end_old(swap);
}

static void finish(struct swap *swap)
{
    for (size_t i = 0; swap->arrivals && i < swap->next->setup_count; i++)
        arrival_finish(&swap->arrivals[i]);
    free(swap->arrivals);
    changes_finish(&swap->changes);
}

int swap_run(struct graph *now, struct graph *next, const struct swap_world *world,
             struct swap_leftovers *leftovers, struct fault_list *faults,
             struct swap_report *report)
{
    struct swap swap = {
        .now = now, .next = next, .world = world, .faults = faults, .report = report};
    int result = -1;

    hooks_hurry(now->hooks, PATIENCE_GIVES_UP);
    hooks_hurry(next->hooks, PATIENCE_GIVES_UP);
    swap.arrivals = calloc(next->setup_count + 1, sizeof *swap.arrivals);
    if (changes_init(&swap.changes, now, next) || !swap.arrivals) {
        swap_fault_no_memory(&swap, next->config->tree);
    } else {
        report->swapped = swap.changes.swapped;
        report->added = swap.changes.added;
        report->removed = swap.changes.removed;
        report->limited = swap.changes.limited;
        result = prepare(&swap);
        if (!result)
            swap_over(&swap);
        else
            swap_roll_back(&swap);
    }
    finish(&swap);
    swap_leftovers_keep(result ? next : now, leftovers);
    return result;
}
