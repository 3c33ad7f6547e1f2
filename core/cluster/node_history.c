/* The histories that are asked, for holes and for those who recover, and what is done with them. */
#include "cluster/node_private.h"

#include <stdlib.h>

static struct flight *flight_by(struct server *server, uint64_t request)
{
    for (uint32_t i = 0; i < FLIGHTS_MAX; i++) {
        if (server->flights[i].request == request)
            return &server->flights[i];
    }
    return NULL;
}

static void end_flight(struct server *server, struct flight *flight)
{
    room_keys_unref(flight->key);
    *flight = (struct flight){0};
    server->flight_count--;
}

void history_restart(struct server *server)
{
    for (uint32_t i = 0; i < FLIGHTS_MAX; i++) {
        if (server->flights[i].request != 0)
            end_flight(server, &server->flights[i]);
    }
}

/* The next room that asks: for its hole, or for those who recover. */
static struct room_state *next_room(struct server *server, bool *is_recovery)
{
    struct list *hole = list_first(&server->asking);
    struct list *recovering = list_first(&server->recovering);

    *is_recovery = !hole;
    if (hole)
        return list_owner(hole, struct room_state, asking);
    return recovering ? list_owner(recovering, struct room_state, recovering) : NULL;
}

static void send_history(struct cluster_node *node, struct server *server, struct room_state *room,
                         bool is_recovery, uint64_t now_ms)
{
    struct flight *flight = flight_by(server, 0);
    struct output output = {.kind = OUTPUT_HISTORY,
                            .server = server->index,
                            .generation = server->life.generation,
                            .request = ++node->request,
                            .keys = room_keys_ref(room->key)};

    if (is_recovery) {
        output.history.is_last = true;
        output.history.limit = recovery_limit(room);
        recovery_sent(room, output.request);
    } else {
        output.history.since = room->order.at;
        output.history.limit = node->settings.history_limit;
        room->hole_request = output.request;
        list_remove(&room->asking);
    }
    *flight = (struct flight){.request = output.request,
                              .sent_ms = now_ms,
                              .key = room_keys_ref(room->key),
                              .is_recovery = is_recovery};
    server->flight_count++;
    server->figures.histories++;
    outputs_put(&node->outputs, &output);
}

void history_pump(struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    struct room_state *room;
    bool is_recovery;

    while (server->flight_count < node->settings.history_flight &&
           (room = next_room(server, &is_recovery))) {
        if (outputs_reserve(&node->outputs, 1) != 0) {
            node->is_short = true;
            return;
        }
        send_history(node, server, room, is_recovery, now_ms);
    }
}

/* Delivers what the history has of the room's epoch. @return Whether that was anything. */
static bool deliver_entries(struct cluster_node *node, struct server *server,
                            struct room_state *room, const struct history_entry *entries,
                            struct payload **payloads, uint32_t count)
{
    const uint64_t before = room->order.at.offset;

    for (uint32_t i = 0; i < count; i++) {
        const struct position at = {room->order.at.epoch, entries[i].offset};
        if (at.offset > room->order.at.offset + 1)
            room_gap(node, server, room, at.offset - 1, WHY_TRIMMED);
        if (at.offset != room->order.at.offset + 1)
            continue;
        room_deliver(node, server, room, at, payload_ref(payloads[i]));
        room_drain(node, server, room);
    }
    return room->order.at.offset > before;
}

/* What is missing still after a history that brought nothing is lost. A message behind numbers that
 * the engine has not given out, though it came before the question, is none of the engine's. */
static void give_up_missing(struct cluster_node *node, struct server *server,
                            struct room_state *room, uint64_t top, bool is_empty)
{
    const uint64_t goal = room->order.held ? room->order.held->offset - 1 : room->target;

    if (goal > room->order.at.offset)
        room_gap(node, server, room, goal, is_empty ? WHY_NO_HISTORY : WHY_TRIMMED);
    if (goal > top)
        room_astray(server, room);
}

static int fill_hole(struct cluster_node *node, struct server *server, struct room_state *room,
                     uint64_t top, const struct history_entry *entries, uint32_t count)
{
    struct payload **payloads = calloc(count > 0 ? count : 1, sizeof(struct payload *));
    bool has_memory =
        payloads && outputs_reserve(&node->outputs, 2 * (size_t)count + room_outputs(room)) == 0;

    for (uint32_t i = 0; has_memory && i < count; i++) {
        payloads[i] = payload_create(entries[i].bytes, entries[i].size, entries[i].kind);
        has_memory = payloads[i] != NULL;
    }
    if (has_memory && !deliver_entries(node, server, room, entries, payloads, count))
        give_up_missing(node, server, room, top, count == 0);
    for (uint32_t i = 0; payloads && i < count; i++)
        payload_unref(payloads[i]);
    free(payloads);
    return has_memory ? CLUSTER_DONE : CLUSTER_NO_MEMORY;
}

static int take_hole(struct cluster_node *node, struct server *server, struct room_state *room,
                     struct position top, const struct history_entry *entries, uint32_t count)
{
    if (top.epoch != room->order.at.epoch) {
        /* The numbers began anew; what is still on its way of the old ones is awaited. */
        room->hole_request = 0;
        room_astray(server, room);
        return CLUSTER_DONE;
    }
    const int status = fill_hole(node, server, room, top.offset, entries, count);
    if (status == CLUSTER_DONE)
        room->hole_request = 0;
    return status;
}

/* NOLINTNEXTLINE(readability-function-size): each parameter is a part of one thing that came. */
int node_history_reply(struct cluster_node *node, uint32_t index, uint64_t generation,
                       uint64_t request, struct position top, const struct history_entry *entries,
                       uint32_t count, uint64_t now_ms)
{
    struct server *server = server_of(node, index, generation);
    struct flight *flight = server && request != 0 ? flight_by(server, request) : NULL;

    if (!flight)
        return CLUSTER_DONE;
    struct room_state *room = room_states_find(&node->rooms, flight->key->list[0]);
    if (room && flight->is_recovery && room->recover_request == request) {
        recovery_take(node, server, room, top, entries, count);
    } else if (room && !flight->is_recovery && room->hole_request == request) {
        const int status = take_hole(node, server, room, top, entries, count);
        if (status != CLUSTER_DONE)
            return status;
    }
    end_flight(server, flight);
    if (room)
        room_watch(server, room, now_ms);
    server_pump(node, server, now_ms);
    return CLUSTER_DONE;
}
