/* The messages of rooms: delivered in order, held behind a hole, told as lost. */
#include "cluster/node_private.h"

/* Within that no engine loses its data twice. */
#define EPOCH_MS 1000

size_t room_outputs(const struct room_state *room)
{
    /* A gap before each message that is held, a new epoch, a local one that ends, a message. */
    return 2 * (size_t)room->order.held_count + 6;
}

void room_deliver(struct cluster_node *node, struct server *server, struct room_state *room,
                  struct position at, struct payload *payload)
{
    room_order_advance(&room->order, at);
    if (room->recover_request != 0)
        room_state_keep(room, at.offset, payload, node->settings.held_messages);
    server->figures.delivered++;
    outputs_put(&node->outputs, &(struct output){.kind = OUTPUT_DELIVER,
                                                 .server = server->index,
                                                 .keys = room_keys_ref(room->key),
                                                 .payload = payload,
                                                 .deliver = {at, false}});
}

void room_drain(struct cluster_node *node, struct server *server, struct room_state *room)
{
    struct payload *payload;

    while ((payload = room_order_take(&room->order)))
        room_deliver(node, server, room, room->order.at, payload);
}

static void put_gap(struct cluster_node *node, struct server *server, struct room_state *room,
                    const struct output *gap)
{
    struct output output = *gap;

    output.kind = OUTPUT_GAP;
    output.server = server->index;
    output.keys = room_keys_ref(room->key);
    server->figures.gaps++;
    outputs_put(&node->outputs, &output);
}

/* The hole before the first that is held, or up to @p to if none is held before that. */
static void gap_once(struct cluster_node *node, struct server *server, struct room_state *room,
                     uint64_t to, enum cluster_why why)
{
    const struct position at = room->order.at;

    put_gap(node, server, room,
            &(struct output){.gap = {.epoch = at.epoch,
                                     .from = at.offset + 1,
                                     .to = to,
                                     .next = {at.epoch, to + 1},
                                     .why = why}});
    room_order_advance(&room->order, (struct position){at.epoch, to});
    room_drain(node, server, room);
}

void room_gap(struct cluster_node *node, struct server *server, struct room_state *room,
              uint64_t to, enum cluster_why why)
{
    while (room->order.held && room->order.held->offset <= to)
        gap_once(node, server, room, room->order.held->offset - 1, why);
    if (room->order.at.offset < to)
        gap_once(node, server, room, to, why);
}

void room_give_up(struct cluster_node *node, struct server *server, struct room_state *room,
                  enum cluster_why why)
{
    /* A number that the engine has not come to yet would make all that it gives out next old. */
    if (room->order.held)
        room_suspect(server, room);
    if (room->order.held && !room->order.is_based) {
        const struct position at = {room->order.at.epoch, room->order.held->offset - 1};
        if (room->doubt == DOUBT_NONE)
            room->doubt = DOUBT_PLACE;
        room_begin(node, server, room, at, why);
        room_drain(node, server, room);
    }
    while (room->order.held)
        gap_once(node, server, room, room->order.held->offset - 1, why);
}

void room_begin(struct cluster_node *node, struct server *server, struct room_state *room,
                struct position at, enum cluster_why why)
{
    /* Numbers that are none, or at their beginning, leave nothing out but what is gone with data.
     */
    if (room->doubt == DOUBT_DATA || (room->doubt == DOUBT_PLACE && at.offset != 0)) {
        const struct position next = {at.epoch, at.epoch != 0 ? at.offset + 1 : 0};
        put_gap(node, server, room,
                &(struct output){
                    .gap = {.epoch = at.epoch, .to = at.offset, .next = next, .why = why}});
    }
    room->doubt = DOUBT_NONE;
    list_remove(&room->joining);
    room_order_advance(&room->order, at);
    room_check(server, room);
}

void room_new_epoch(struct cluster_node *node, struct server *server, struct room_state *room,
                    struct position at)
{
    room_give_up(node, server, room, WHY_EPOCH);
    if (room->order.at.epoch != 0) {
        struct position next = {at.epoch, at.epoch != 0 ? at.offset + 1 : 0};
        put_gap(node, server, room,
                &(struct output){.gap = {.epoch = room->order.at.epoch,
                                         .from = room->order.at.offset + 1,
                                         .next = next,
                                         .why = WHY_EPOCH}});
    }
    room_state_drop_kept(room);
    room_order_advance(&room->order, at);
    room->target = 0;
    room->hole_request = 0;
}

void room_heal(struct cluster_node *node, struct server *server, struct room_state *room)
{
    const struct position at = room->order.at;
    const struct position next = {at.epoch, at.epoch != 0 ? at.offset + 1 : 0};

    put_gap(node, server, room,
            &(struct output){.gap = {.epoch = room->local.epoch,
                                     .from = 1,
                                     .to = room->local.offset,
                                     .next = next,
                                     .why = WHY_LOCAL}});
    room->local = (struct position){0};
    list_remove(&room->local_place);
}

/* Holds a message, or gives its hole up, if there is no room for more. */
static int hold(struct cluster_node *node, struct server *server, struct room_state *room,
                uint64_t offset, struct payload *payload)
{
    const struct node_settings *settings = &node->settings;
    const bool is_full = room->order.held_count >= settings->held_messages ||
                         server->held_bytes + held_charge(payload) > settings->held_bytes;

    /* Should this one be lost for want of memory, it is asked for. */
    if (room->target < offset)
        room->target = offset;
    if (room_order_hold(&room->order, offset, payload) != 0)
        return CLUSTER_NO_MEMORY;
    server->figures.held++;
    if (is_full)
        room_give_up(node, server, room, WHY_HOLDING);
    return CLUSTER_DONE;
}

/* A message ends the room's epoch. What the next may have had before that message is asked for: so
 * whoever says epochs that the engine never had would have it asked with each of his messages. */
static void note_epoch(struct server *server, struct room_state *room, uint64_t now_ms)
{
    if (now_ms < room->epoch_ms + EPOCH_MS)
        room_astray(server, room);
    room->epoch_ms = now_ms;
}

static int take_message(struct cluster_node *node, struct server *server, struct room_state *room,
                        struct position at, struct payload *payload, uint64_t now_ms)
{
    enum order_verdict verdict = room_order_judge(&room->order, at);

    if (room->local.epoch != 0)
        room_heal(node, server, room);
    if (verdict == ORDER_EPOCH) {
        if (!room->order.is_based)
            room->doubt = DOUBT_DATA; /* between the epoch of what is held and this one */
        if (room->order.at.epoch != 0)
            note_epoch(server, room, now_ms);
        room_new_epoch(node, server, room, (struct position){at.epoch, 0});
        verdict = room_order_judge(&room->order, at);
    }
    if (verdict == ORDER_EARLY)
        room->order.at.epoch = at.epoch;
    if (verdict == ORDER_EARLY || verdict == ORDER_HOLE) {
        const int status = hold(node, server, room, at.offset, payload);
        payload_unref(payload);
        return status;
    }
    room_deliver(node, server, room, at, payload);
    room_drain(node, server, room);
    return CLUSTER_DONE;
}

/* NOLINTNEXTLINE(readability-function-size): each parameter is a part of one thing that came. */
int node_message(struct cluster_node *node, uint32_t index, uint64_t generation,
                 struct room_key key, struct position at, const void *bytes, size_t size,
                 uint32_t kind, uint64_t now_ms)
{
    struct server *server = server_of(node, index, generation);
    struct room_state *room = server ? room_states_find(&node->rooms, key) : NULL;

    if (!room || room->server != index || room->sub.state == SUBSCRIPTION_NONE)
        return CLUSTER_DONE;
    /* Of the subscription that ends, before anybody was there again. */
    if (room->sub.state == SUBSCRIPTION_LEAVING && !room->order.is_based)
        return CLUSTER_DONE;
    if (at.epoch == 0 || at.offset == 0)
        return CLUSTER_INVALID;
    if (room_order_judge(&room->order, at) == ORDER_OLDER) {
        server->figures.older++;
        return CLUSTER_DONE;
    }
    struct payload *payload = payload_create(bytes, size, kind);
    if (!payload || outputs_reserve(&node->outputs, room_outputs(room)) != 0) {
        payload_unref(payload);
        return CLUSTER_NO_MEMORY;
    }
    const int status = take_message(node, server, room, at, payload, now_ms);
    room_watch(server, room, now_ms);
    server_pump(node, server, now_ms);
    return status;
}
