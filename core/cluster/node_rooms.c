/* The rooms that this node subscribes to: wanted, left, caught up with after a connection. How
 * their messages are ordered: node_messages.c. */
#include "cluster/node_private.h"

int node_subscribe(struct cluster_node *node, struct room_key key, uint32_t flags, uint64_t now_ms)
{
    if (key.size == 0 || key.size > ROOM_KEY_MAX)
        return CLUSTER_INVALID;
    struct room_state *room = room_states_find(&node->rooms, key);
    if (!room) {
        if (node->rooms.table.count >= node->settings.rooms_max)
            return CLUSTER_TOO_MANY;
        room = room_state_create(key, node_server_of(node, key), flags);
        if (!room)
            return CLUSTER_NO_MEMORY;
        if (room_states_insert(&node->rooms, room) != 0) {
            room_state_destroy(room);
            return CLUSTER_NO_MEMORY;
        }
        if (node->servers[room->server].life.phase == PHASE_WAITING)
            room->doubt = DOUBT_PLACE; /* others may be able to publish until it is there */
        list_append(&node->servers[room->server].rooms, &room->all);
        node->servers[room->server].room_count++;
    }
    struct server *server = &node->servers[room->server];
    subscription_want(&server->subs, &room->sub);
    joins_add(server, room);
    server_pump(node, server, now_ms);
    return CLUSTER_DONE;
}

int node_unsubscribe(struct cluster_node *node, struct room_key key, uint64_t now_ms)
{
    struct room_state *room = room_states_find(&node->rooms, key);

    if (!room || room->sub.wanted == 0)
        return CLUSTER_INVALID;
    subscription_unwant(&node->servers[room->server].subs, &room->sub, now_ms);
    return CLUSTER_DONE;
}

void room_end(struct cluster_node *node, struct server *server, struct room_state *room)
{
    struct list *first;

    /* Nobody here needs it any more, but others lack what was said in it alone. */
    if (room->local.epoch != 0 && outputs_reserve(&node->outputs, 1) == 0)
        room_heal(node, server, room);
    while ((first = list_first(&room->recoveries)))
        recovery_refuse(server, list_owner(first, struct recovery, in_room), WHY_AWAY);
    room_caught_up(server, room);
    subscriptions_remove(&server->subs, &room->sub);
    server->held_bytes -= room->charged;
    server->room_count--;
    room_states_remove(&node->rooms, room);
    room_state_destroy(room);
}

void room_caught_up(struct server *server, struct room_state *room)
{
    if (room->is_behind)
        server->behind--;
    room->is_behind = false;
}

void room_watch(struct server *server, struct room_state *room, uint64_t now_ms)
{
    const bool is_heard = room->sub.state == SUBSCRIPTION_HELD;
    const bool is_checking = room->check != 0 || list_is_in(&room->unchecked);
    const bool lacks = room_state_lacks(room);

    server->held_bytes += room->order.held_bytes - room->charged;
    room->charged = room->order.held_bytes;
    if (room->order.held_count == 0) {
        list_remove(&room->holding);
    } else if (!list_is_in(&room->holding)) {
        room->holding_ms = now_ms;
        list_append(&server->holding, &room->holding);
    }
    /* While its top is being compared, nobody knows in which epoch there is anything to ask. */
    if (!lacks || !is_heard || is_checking || room->is_astray || room->hole_request != 0 ||
        !room->order.is_based)
        list_remove(&room->asking);
    else if (!list_is_in(&room->asking))
        list_append(&server->asking, &room->asking);
    if (!lacks && room->is_synced)
        room_caught_up(server, room);
    recovery_watch(server, room);
}

static struct room_state *room_of_sub(struct subscription *sub)
{
    return list_owner(sub, struct room_state, sub);
}

/* As if it had never been heard: also what is still asked, or held, is for nobody who comes now. */
static void begin_anew(struct server *server, struct room_state *room, uint64_t now_ms)
{
    room_order_finish(&room->order);
    room->target = 0;
    room->hole_request = 0;
    room->join_request = 0;
    room->doubt = DOUBT_NONE;
    list_remove(&room->joining);
    room->check = 0;
    list_remove(&room->unchecked);
    room_unsuspect(room);
    room->is_synced = false;
    recovery_restart(server, room);
    room_watch(server, room, now_ms);
}

/* One command; @return how many rooms are in it. */
static uint32_t write_command(struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    struct subscription *batch[ROOMS_A_COMMAND];
    struct room_key list[ROOMS_A_COMMAND];
    bool subscribes = false;
    const uint32_t count = subscriptions_batch(&server->subs, batch, ROOMS_A_COMMAND, &subscribes);

    if (count == 0)
        return 0;
    for (uint32_t i = 0; i < count; i++)
        list[i] = *room_state_key(room_of_sub(batch[i]));
    struct room_keys *keys = room_keys_create(list, count);
    if (!keys || outputs_reserve(&node->outputs, 1) != 0) {
        room_keys_unref(keys);
        node->is_short = true;
        return 0;
    }
    outputs_put(&node->outputs,
                &(struct output){.kind = subscribes ? OUTPUT_SUBSCRIBE : OUTPUT_UNSUBSCRIBE,
                                 .server = server->index,
                                 .generation = server->life.generation,
                                 .keys = keys});
    for (uint32_t i = 0; i < count; i++) {
        subscriptions_sent(&server->subs, batch[i], now_ms);
        if (!subscribes)
            begin_anew(server, room_of_sub(batch[i]), now_ms);
    }
    return count;
}

void rooms_pump(struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    while (write_command(node, server, now_ms) > 0)
        ;
}

void node_subscribed(struct cluster_node *node, uint32_t index, uint64_t generation,
                     struct room_key key, bool is_subscribed, uint64_t now_ms)
{
    struct server *server = server_of(node, index, generation);
    struct room_state *room = server ? room_states_find(&node->rooms, key) : NULL;

    if (!room || room->server != index ||
        !subscriptions_acked(&server->subs, &room->sub, is_subscribed))
        return;
    if (room->sub.state == SUBSCRIPTION_HELD)
        room_check(server, room);
    else if (!subscription_is_needed(&room->sub))
        room_end(node, server, room);
    server_pump(node, server, now_ms);
}

void rooms_heal(struct cluster_node *node, struct server *server)
{
    struct list *first;

    while ((first = list_first(&server->local))) {
        if (outputs_reserve(&node->outputs, 1) != 0) {
            node->is_short = true;
            return;
        }
        room_heal(node, server, list_owner(first, struct room_state, local_place));
    }
}

uint64_t holding_over(const struct cluster_node *node, const struct room_state *room)
{
    return room->holding_ms + node->settings.held_ms;
}

void rooms_expire(struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    struct subscription *sub;
    struct list *first;

    while ((sub = subscriptions_expire(&server->subs, now_ms))) {
        if (sub->state == SUBSCRIPTION_NONE)
            room_end(node, server, room_of_sub(sub));
    }
    while ((first = list_first(&server->holding))) {
        struct room_state *room = list_owner(first, struct room_state, holding);
        if (!node_is_over(node, holding_over(node, room), now_ms))
            return;
        if (outputs_reserve(&node->outputs, room_outputs(room)) != 0) {
            node->is_short = true;
            return;
        }
        room_give_up(node, server, room, WHY_HOLDING);
        room_watch(server, room, now_ms);
    }
}

void rooms_restart(struct cluster_node *node, struct server *server)
{
    struct list *next;

    for (struct list *place = server->rooms.next; place != &server->rooms; place = next) {
        struct room_state *room = list_owner(place, struct room_state, all);
        next = place->next;
        /* It can't be seen afterwards what comes until it has begun; if the engine has answered
         * that, not even whether there were numbers. */
        if (room->join_request != 0 && !room->order.is_based)
            room->doubt = DOUBT_DATA;
        else if (!room->order.is_based && room->doubt == DOUBT_NONE)
            room->doubt = DOUBT_PLACE;
        room->join_request = 0;
        room->is_synced = false;
        room->is_behind = false;
        room->check = 0;
        room->hole_request = 0;
        list_remove(&room->unchecked);
        room_unsuspect(room);
        list_remove(&room->asking);
        recovery_restart(server, room);
        if (subscription_restart(&server->subs, &room->sub))
            joins_add(server, room);
        else
            room_end(node, server, room);
    }
    server->behind = 0;
}

void rooms_doubt(struct server *server)
{
    for (struct list *place = server->rooms.next; place != &server->rooms; place = place->next) {
        struct room_state *room = list_owner(place, struct room_state, all);
        if (room->order.is_based && room->order.at.epoch == 0) {
            room_order_finish(&room->order);
            room->doubt = DOUBT_DATA;
            joins_add(server, room);
        } else if (room->doubt != DOUBT_NONE) {
            room->doubt = DOUBT_DATA;
        }
    }
}
