/* Tops compared: after each connection for all rooms, and by and by for samples of them, so that a
 * loss is found that no later message shows. */
#include "cluster/node_private.h"

/* A room that is suspect is asked about once in so many ms. */
#define SUSPECT_MS 1000

void room_check(struct server *server, struct room_state *room)
{
    if (!room->order.is_based || room->sub.state != SUBSCRIPTION_HELD)
        return;
    if (room->check == 0) {
        if (!list_is_in(&room->unchecked))
            list_append(&server->unchecked, &room->unchecked);
        list_remove(&room->suspect); /* the question is of where the room is when it is sent */
    }
    list_remove(&room->asking);
}

void room_suspect(struct server *server, struct room_state *room)
{
    if (list_is_in(&room->suspect) || list_is_in(&room->unchecked))
        return;
    server->figures.suspects++;
    list_append(&server->suspects, &room->suspect);
}

void room_astray(struct server *server, struct room_state *room)
{
    room->is_astray = true;
    room_suspect(server, room);
}

uint64_t suspects_due(const struct server *server)
{
    struct list *first = list_first(&server->put_off);

    return first ? list_owner(first, struct room_state, suspect)->suspect_ms : UINT64_MAX;
}

/* Asks about a room that is suspect, or puts it off: also while it is asked about already, as
 * nobody knows whether the answer is of where it is now. */
static void judge_suspect(struct server *server, struct room_state *room, uint64_t now_ms)
{
    const bool is_asked = room->check == 0 && now_ms >= room->suspect_ms;

    room->suspect_ms = now_ms + SUSPECT_MS;
    list_append(&server->put_off, &room->suspect);
    if (is_asked)
        room_check(server, room);
}

static void judge_suspects(struct server *server, uint64_t now_ms)
{
    struct list *first;

    while (suspects_due(server) <= now_ms)
        judge_suspect(server, list_owner(server->put_off.next, struct room_state, suspect), now_ms);
    while ((first = list_first(&server->suspects)))
        judge_suspect(server, list_owner(first, struct room_state, suspect), now_ms);
}

/* Sends a probe, and before it asks for the tops of the rooms that wait for that. */
static int send_check(struct cluster_node *node, struct server *server, struct check *check,
                      uint64_t now_ms)
{
    struct room_state *rooms[ROOMS_A_COMMAND];
    struct room_key list[ROOMS_A_COMMAND];
    struct room_keys *keys = NULL;
    uint32_t count = 0;

    for (struct list *place = server->unchecked.next;
         place != &server->unchecked && count < ROOMS_A_COMMAND; place = place->next) {
        rooms[count] = list_owner(place, struct room_state, unchecked);
        list[count] = *room_state_key(rooms[count]);
        count++;
    }
    if (outputs_reserve(&node->outputs, 2) != 0)
        return -1;
    if (count > 0 && !(keys = room_keys_create(list, count)))
        return -1;
    *check = (struct check){.probe = ++node->request, .keys = keys, .sent_ms = now_ms};
    server->checks.sent_ms = now_ms;
    struct output output = {.server = server->index, .generation = server->life.generation};
    if (count > 0) {
        check->tops = ++node->request;
        output.kind = OUTPUT_TOPS;
        output.request = check->tops;
        output.keys = room_keys_ref(keys);
        outputs_put(&node->outputs, &output);
    }
    output.kind = OUTPUT_PROBE;
    output.request = check->probe;
    output.keys = NULL;
    output.probe.incarnation = server->incarnation;
    outputs_put(&node->outputs, &output);
    for (uint32_t i = 0; i < count; i++) {
        list_remove(&rooms[i]->unchecked);
        rooms[i]->check = check->probe;
        rooms[i]->has_top = false;
        rooms[i]->check_at = rooms[i]->order.at;
    }
    return 0;
}

/* So many rooms that each comes in turn once in sample_ms. */
static void choose_samples(struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    const uint64_t passed = now_ms - server->sample_ms, all = server->subs.held_count;
    const uint64_t sample_ms = node->settings.sample_ms;
    const uint64_t due = passed >= sample_ms ? all : all * passed / sample_ms;

    if (due == 0 && all > 0)
        return; /* few rooms: the time adds up */
    server->sample_ms = now_ms;
    for (uint64_t i = 0; i < due; i++) {
        struct subscription *sub = subscriptions_rotate(&server->subs);
        if (!sub)
            return;
        room_check(server, list_owner(sub, struct room_state, sub));
    }
}

void tops_pump(struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    bool is_due = !checks_oldest(&server->checks) &&
                  now_ms >= server->checks.sent_ms + node->settings.probe_ms;

    judge_suspects(server, now_ms);
    if (is_due)
        choose_samples(node, server, now_ms);
    while (is_due || !list_is_empty(&server->unchecked)) {
        struct check *check = checks_free(&server->checks);
        if (!check)
            return;
        if (send_check(node, server, check, now_ms) != 0) {
            node->is_short = true;
            return;
        }
        is_due = false;
    }
}

uint64_t node_probe(struct cluster_node *node, uint32_t index, uint64_t now_ms)
{
    struct server *server = &node->servers[index];
    struct check *check = server_is_ready(server) ? checks_free(&server->checks) : NULL;

    return check && send_check(node, server, check, now_ms) == 0 ? check->probe : 0;
}

bool node_is_probing(const struct cluster_node *node, uint32_t index, uint64_t probe)
{
    return probe != 0 && checks_by_probe(&node->servers[index].checks, probe) != NULL;
}

/* The engine's numbers are those of this node's epoch. */
static void compare_offsets(struct cluster_node *node, struct server *server,
                            struct room_state *room, struct position top)
{
    if (top.epoch == room->check_at.epoch && top.offset < room->check_at.offset) {
        /* They went back, though the epoch says that they didn't: they are not to be trusted. */
        room_new_epoch(node, server, room, top);
        room_unsuspect(room);
    } else if (top.offset > room->order.at.offset && room->target < top.offset) {
        room->target = top.offset;
    }
}

static void compare(struct cluster_node *node, struct server *server, struct room_state *room)
{
    const struct position top = room->check_top, at = room->order.at;

    room->is_synced = true;
    if (at.epoch == top.epoch) {
        compare_offsets(node, server, room, top);
    } else if (at.epoch != room->check_at.epoch) {
        /* A message brought a new epoch after the question. */
        room->is_synced = false;
        room_astray(server, room);
    } else {
        room_new_epoch(node, server, room, (struct position){top.epoch, 0});
        room_unsuspect(room);
        room->target = top.offset;
    }
}

/* All answers to a check are there; or it was in vain, and its rooms are asked about again. */
static void end_check(struct cluster_node *node, struct server *server, struct check *check,
                      bool is_vain, uint64_t now_ms)
{
    const uint64_t probe = check->probe;
    struct room_keys *keys = check->keys;

    check->keys = NULL;
    check_end(check);
    for (uint32_t i = 0; keys && i < keys->count; i++) {
        struct room_state *room = room_states_find(&node->rooms, keys->list[i]);
        if (!room || room->check != probe)
            continue;
        room->check = 0;
        room->is_astray = false;
        if (room->sub.state != SUBSCRIPTION_HELD || !subscription_is_needed(&room->sub))
            continue;
        if (is_vain || !room->has_top) {
            room_check(server, room);
        } else if (outputs_reserve(&node->outputs, room_outputs(room)) != 0) {
            node->is_short = true;
            room_check(server, room);
        } else {
            compare(node, server, room);
        }
        room_watch(server, room, now_ms);
    }
    room_keys_unref(keys);
}

static void end_checks(struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    struct check *check;

    while ((check = checks_complete(&server->checks))) {
        server->has_proof = true;
        server->checks.probe_ms = (uint32_t)(now_ms - check->sent_ms);
        end_check(node, server, check, false, now_ms);
    }
    server_pump(node, server, now_ms);
}

void node_tops_reply(struct cluster_node *node, uint32_t index, uint64_t generation,
                     uint64_t request, const struct position *tops, uint32_t count, uint64_t now_ms)
{
    struct server *server = server_of(node, index, generation);
    struct check *check = server ? checks_by_tops(&server->checks, request) : NULL;

    if (server && joins_take(node, server, request, tops, count, now_ms))
        server_pump(node, server, now_ms);
    if (!check)
        return;
    if (count != check->keys->count)
        server_end(server, WHY_REQUEST_REFUSED);
    for (uint32_t i = 0; i < count && i < check->keys->count; i++) {
        struct room_state *room = room_states_find(&node->rooms, check->keys->list[i]);
        if (room && room->check == check->probe) {
            room->check_top = tops[i];
            room->has_top = true;
        }
    }
    check->has_tops = true;
    end_checks(node, server, now_ms);
}

void node_probe_reply(struct cluster_node *node, uint32_t index, uint64_t generation,
                      uint64_t request, enum engine_answer answer, uint64_t now_ms)
{
    struct server *server = server_of(node, index, generation);
    struct check *check = server ? checks_by_probe(&server->checks, request) : NULL;

    if (!check)
        return;
    switch (answer) {
    case ENGINE_APPLIED:
        check->has_reply = true;
        break;
    case ENGINE_NOT_RUN:
        end_check(node, server, check, true, now_ms);
        server->checks.sent_ms = 0;
        break;
    case ENGINE_OTHER_INCARNATION:
        server_end(server, WHY_INCARNATION);
        break;
    case ENGINE_READ_ONLY:
        server_end(server, WHY_READ_ONLY);
        break;
    default:
        server_end(server, WHY_REQUEST_REFUSED);
        break;
    }
    end_checks(node, server, now_ms);
}

void node_probe_echo(struct cluster_node *node, uint32_t index, uint64_t generation,
                     uint64_t request, uint64_t now_ms)
{
    struct server *server = server_of(node, index, generation);
    struct check *check = server ? checks_by_probe(&server->checks, request) : NULL;

    if (!check)
        return;
    check->has_echo = true;
    end_checks(node, server, now_ms);
}
