/* Staggered drains; see drain.h. */
#include "net/drain.h"

/* How often a share of those who are left is told. */
#define TICK_MS 20

void drain_init(struct drain *drain, uv_loop_t *loop,
                void (*turn)(struct drain *drain, struct drain_node *node))
{
    *drain = (struct drain){.turn = turn};
    drain->last = &drain->first;
    uv_timer_init(loop, &drain->timer);
    drain->timer.data = drain;
}

void drain_close(struct drain *drain)
{
    uv_close((uv_handle_t *)&drain->timer, NULL);
}

void drain_expect(struct drain *drain, struct drain_node *node)
{
    node->next = NULL;
    node->link = drain->last;
    *drain->last = node;
    drain->last = &node->next;
    drain->serving++;
}

void drain_forget(struct drain *drain, struct drain_node *node)
{
    if (!node->link)
        return;
    *node->link = node->next;
    if (node->next)
        node->next->link = node->link;
    else
        drain->last = node->link;
    node->link = NULL;
    drain->serving--;
}

/* The share of those who are left that the time since the last one is of the time that is left. */
static uint64_t share_of(struct drain *drain, uint64_t now_ms)
{
    if (now_ms >= drain->end_ms)
        return drain->serving;
    drain->owed += (double)drain->serving * (double)(now_ms - drain->last_ms) /
                   (double)(drain->end_ms - drain->last_ms);
    drain->last_ms = now_ms;
    uint64_t whole = (uint64_t)drain->owed;
    drain->owed -= (double)whole;
    return whole;
}

static void on_tick(uv_timer_t *timer)
{
    struct drain *drain = timer->data;
    for (uint64_t count = share_of(drain, uv_now(timer->loop)); count > 0 && drain->first;
         count--) {
        struct drain_node *node = drain->first;
        drain_forget(drain, node);
        drain->turn(drain, node);
    }
}

void drain_begin(struct drain *drain, uint64_t length_ms, double share)
{
    uv_loop_t *loop = drain->timer.loop;
    uv_update_time(loop);
    drain->last_ms = uv_now(loop);
    drain->end_ms = drain->last_ms + length_ms;
    drain->owed = share;
    uv_timer_start(&drain->timer, on_tick, length_ms > 0 ? TICK_MS : 0, TICK_MS);
}
