/* The order of one room: see room_order.h. */
#include "cluster/room_order.h"

#include <stdlib.h>

enum order_verdict room_order_judge(const struct room_order *order, struct position at)
{
    if (!order->is_based && (!order->held || at.epoch == order->at.epoch))
        return ORDER_EARLY;
    if (at.epoch != order->at.epoch)
        return ORDER_EPOCH;
    if (at.offset <= order->at.offset)
        return ORDER_OLDER;
    return at.offset == order->at.offset + 1 ? ORDER_NEXT : ORDER_HOLE;
}

static void drop_first(struct room_order *order)
{
    struct held *held = order->held;

    order->held = held->next;
    if (!order->held)
        order->latest = NULL;
    order->held_count--;
    order->held_bytes -= held_charge(held->payload);
    payload_unref(held->payload);
    free(held);
}

void room_order_advance(struct room_order *order, struct position at)
{
    const bool is_same = at.epoch == order->at.epoch;

    order->at = at;
    order->is_based = true;
    while (order->held && (!is_same || order->held->offset <= at.offset))
        drop_first(order);
}

int room_order_hold(struct room_order *order, uint64_t offset, struct payload *payload)
{
    /* Mostly it comes behind all others. */
    struct held **link =
        order->latest && order->latest->offset < offset ? &order->latest->next : &order->held;
    while (*link && (*link)->offset < offset)
        link = &(*link)->next;
    if (*link && (*link)->offset == offset)
        return 0;
    struct held *held = malloc(sizeof(*held));
    if (!held)
        return -1;
    *held = (struct held){.next = *link, .offset = offset, .payload = payload_ref(payload)};
    *link = held;
    if (!held->next)
        order->latest = held;
    order->held_count++;
    order->held_bytes += held_charge(payload);
    return 0;
}

struct payload *room_order_take(struct room_order *order)
{
    struct held *held = order->held;

    if (!held || held->offset != order->at.offset + 1)
        return NULL;
    struct payload *payload = payload_ref(held->payload);
    order->at.offset++;
    drop_first(order);
    return payload;
}

void room_order_finish(struct room_order *order)
{
    while (order->held)
        drop_first(order);
    *order = (struct room_order){0};
}
