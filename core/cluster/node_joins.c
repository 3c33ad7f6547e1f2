/* From where on a room's messages are this node's: from its top at the moment at which the engine
 * hears that it is wanted here. That is asked on the command socket while the subscription is on
 * its way, so what comes between the two is seen to be missing, and what this node publishes
 * afterwards is never before it. */
#include "cluster/node_private.h"

#include <stdlib.h>

/* TOPS on their way to one server, at most; but for those that publishes wait for. */
#define JOINS_MAX 8

/* Rooms that were asked about in one TOPS. */
struct join {
    struct list place; /* in server->joins, the oldest first */
    uint64_t request;
    uint64_t sent_ms;
    struct room_keys *keys; /* a reference: rooms may be gone when the answer comes */
};

void joins_add(struct server *server, struct room_state *room)
{
    if (!room->order.is_based && room->join_request == 0 && !list_is_in(&room->joining) &&
        subscription_is_needed(&room->sub))
        list_append(&server->joining, &room->joining);
}

/* Asks for the tops of the first ones. @return 0, or -1 on no memory. */
static int ask(struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    struct room_state *rooms[ROOMS_A_COMMAND];
    struct room_key list[ROOMS_A_COMMAND];
    uint32_t count = 0;

    for (struct list *place = server->joining.next;
         place != &server->joining && count < ROOMS_A_COMMAND; place = place->next) {
        rooms[count] = list_owner(place, struct room_state, joining);
        list[count] = *room_state_key(rooms[count]);
        count++;
    }
    struct join *join = malloc(sizeof(*join));
    struct room_keys *keys = join ? room_keys_create(list, count) : NULL;
    if (!keys || outputs_reserve(&node->outputs, 1) != 0) {
        room_keys_unref(keys);
        free(join);
        node->is_short = true;
        return -1;
    }
    *join = (struct join){.request = ++node->request, .sent_ms = now_ms, .keys = keys};
    list_append(&server->joins, &join->place);
    server->join_count++;
    outputs_put(&node->outputs, &(struct output){.kind = OUTPUT_TOPS,
                                                 .server = server->index,
                                                 .generation = server->life.generation,
                                                 .request = join->request,
                                                 .keys = room_keys_ref(keys)});
    for (uint32_t i = 0; i < count; i++) {
        list_remove(&rooms[i]->joining);
        rooms[i]->join_request = join->request;
    }
    return 0;
}

void joins_pump(struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    while (server->join_count < JOINS_MAX && !list_is_empty(&server->joining)) {
        if (ask(node, server, now_ms) != 0)
            return;
    }
}

int join_first(struct cluster_node *node, struct server *server, struct room_state *room,
               uint64_t now_ms)
{
    if (!list_is_in(&room->joining))
        return 0;
    list_insert(&server->joining, &room->joining);
    return ask(node, server, now_ms);
}

static void end_join(struct server *server, struct join *join)
{
    list_remove(&join->place);
    room_keys_unref(join->keys);
    free(join);
    server->join_count--;
}

void joins_restart(struct server *server)
{
    struct list *next;

    for (struct list *place = server->joins.next; place != &server->joins; place = next) {
        next = place->next;
        end_join(server, list_owner(place, struct join, place));
    }
}

uint64_t joins_oldest_ms(const struct server *server)
{
    struct list *first = list_first(&server->joins);

    return first ? list_owner(first, struct join, place)->sent_ms : UINT64_MAX;
}

/* The engine's numbers were at @p top; what is held came over the subscription. */
static void begin(struct cluster_node *node, struct server *server, struct room_state *room,
                  struct position top)
{
    const struct held *held = room->order.held;

    /* It had none yet, and what began behind the question has overtaken the answer. */
    if (held && top.epoch == 0)
        top = (struct position){room->order.at.epoch, 0};
    if (!held) {
        room->target = 0;
    } else if (room->order.at.epoch != top.epoch) {
        /* Nobody knows which of the two epochs is the later one, and what there was between. */
        room->doubt = DOUBT_DATA;
        room_give_up(node, server, room, WHY_EPOCH);
        return;
    } else if (held->offset <= top.offset) {
        top.offset = held->offset - 1;
    }
    room_begin(node, server, room, top, WHY_AWAY);
    room_drain(node, server, room);
}

static void take_top(struct cluster_node *node, struct server *server, struct room_state *room,
                     const struct position *top, uint64_t now_ms)
{
    room->join_request = 0;
    if (room->order.is_based)
        return; /* it has begun with what was held */
    if (!top || outputs_reserve(&node->outputs, room_outputs(room)) != 0) {
        /* A later top may be behind what should have been this node's. */
        if (room->doubt == DOUBT_NONE)
            room->doubt = DOUBT_PLACE;
        node->is_short = true;
        joins_add(server, room);
        return;
    }
    begin(node, server, room, *top);
    room_watch(server, room, now_ms);
}

bool joins_take(struct cluster_node *node, struct server *server, uint64_t request,
                const struct position *tops, uint32_t count, uint64_t now_ms)
{
    for (struct list *place = server->joins.next; place != &server->joins; place = place->next) {
        struct join *join = list_owner(place, struct join, place);
        if (join->request != request)
            continue;
        if (count != join->keys->count)
            server_end(server, WHY_REQUEST_REFUSED);
        for (uint32_t i = 0; i < join->keys->count; i++) {
            struct room_state *room = room_states_find(&node->rooms, join->keys->list[i]);
            if (room && room->join_request == request)
                take_top(node, server, room, i < count ? &tops[i] : NULL, now_ms);
        }
        end_join(server, join);
        return true;
    }
    return false;
}
