/* Publishes, and what became of them. */
#include "cluster/node_private.h"

/* Says what became of one, and frees it. Room for one was made. */
static void end_publish(struct cluster_node *node, struct server *server, struct publish *publish,
                        enum publish_result result, enum cluster_why why)
{
    uint64_t *const counts[] = {[PUBLISH_OK] = &server->figures.ok,
                                [PUBLISH_REJECTED] = &server->figures.rejected,
                                [PUBLISH_UNKNOWN] = &server->figures.unknown};

    ++*counts[result];
    outputs_put(
        &node->outputs,
        &(struct output){.kind = OUTPUT_RESULT,
                         .server = server->index,
                         .result = {.cookie = publish->cookie, .result = result, .why = why}});
    publishes_remove(&server->publishes, publish);
}

/* This sending did not apply it. One before may have. */
static void end_unapplied(struct cluster_node *node, struct server *server, struct publish *publish,
                          enum cluster_why why)
{
    end_publish(node, server, publish, publish->was_sent ? PUBLISH_UNKNOWN : PUBLISH_REJECTED, why);
}

static int publish_locally(struct cluster_node *node, struct server *server,
                           struct room_state *room, struct payload *payload, uint64_t cookie)
{
    if (outputs_reserve(&node->outputs, 2) != 0)
        return CLUSTER_NO_MEMORY;
    if (room->local.epoch == 0) {
        room->local = (struct position){.epoch = chance_name(&node->chance)};
        list_append(&server->local, &room->local_place);
    }
    room->local.offset++;
    server->figures.ok++;
    outputs_put(&node->outputs, &(struct output){.kind = OUTPUT_RESULT,
                                                 .server = server->index,
                                                 .result = {.cookie = cookie,
                                                            .result = PUBLISH_OK,
                                                            .why = WHY_AWAY,
                                                            .at = room->local,
                                                            .receivers = 1}});
    outputs_put(&node->outputs, &(struct output){.kind = OUTPUT_DELIVER,
                                                 .server = server->index,
                                                 .keys = room_keys_ref(room->key),
                                                 .payload = payload_ref(payload),
                                                 .deliver = {room->local, true}});
    return CLUSTER_DONE;
}

int node_publish(struct cluster_node *node, struct room_key key, struct payload *payload,
                 struct keeping keeping, uint32_t flags, uint64_t cookie, uint64_t now_ms)
{
    if (key.size == 0 || key.size > ROOM_KEY_MAX)
        return CLUSTER_INVALID;
    struct server *server = &node->servers[node_server_of(node, key)];
    if (!server_is_ready(server)) {
        struct room_state *room = room_states_find(&node->rooms, key);
        if (room && (room->flags & flags & ROOM_LOCAL_ONLY) != 0)
            return publish_locally(node, server, room, payload, cookie);
        server->figures.busy++;
        return CLUSTER_BUSY;
    }
    const struct publish publish = {
        .number = node->number + 1, .cookie = cookie, .since_ms = now_ms, .keeping = keeping};
    const int status = publishes_add(&server->publishes, key, payload, &publish);
    if (status == CLUSTER_BUSY)
        server->figures.busy++;
    if (status != CLUSTER_DONE)
        return status;
    node->number++;
    server_pump(node, server, now_ms);
    return CLUSTER_DONE;
}

void publishes_pump(struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    struct publish *publish;

    while ((publish = publishes_next(&server->publishes))) {
        const struct room_key key = publish->keys->list[0];
        struct room_state *room = room_states_find(&node->rooms, key);
        if (room && join_first(node, server, room, now_ms) != 0)
            return;
        if (outputs_reserve(&node->outputs, 1) != 0) {
            node->is_short = true;
            return;
        }
        /* Only the data that it may have been applied to know whether it was. */
        if (publish->was_sent && publish->incarnation != server->incarnation) {
            end_publish(node, server, publish, PUBLISH_UNKNOWN, WHY_INCARNATION);
            continue;
        }
        uint64_t after = 0;
        if (publishes_sent(&server->publishes, server->incarnation, room ? room->order.at.epoch : 0,
                           &after) != CLUSTER_DONE) {
            node->is_short = true;
            return;
        }
        outputs_put(&node->outputs,
                    &(struct output){.kind = OUTPUT_PUBLISH,
                                     .server = server->index,
                                     .generation = server->life.generation,
                                     .request = publish->number,
                                     .keys = room_keys_ref(publish->keys),
                                     .payload = payload_ref(publish->payload),
                                     .publish = {.incarnation = server->incarnation,
                                                 .node = node->settings.incarnation,
                                                 .proposed = chance_name(&node->chance),
                                                 .after = after,
                                                 .epoch = publish->was_sent ? publish->epoch : 0,
                                                 .is_repeat = publish->was_sent,
                                                 .keeping = publish->keeping}});
    }
}

uint64_t publish_over(const struct cluster_node *node, const struct publish *publish)
{
    return publish->since_ms + node->settings.pending_ms;
}

void publishes_expire(struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    struct publish *publish;

    while ((publish = publishes_oldest(&server->publishes))) {
        const bool is_sent = publish->is_flying || publish->was_sent;
        if (!node_is_over(node, publish_over(node, publish), now_ms))
            return;
        if (outputs_reserve(&node->outputs, 1) != 0) {
            node->is_short = true;
            return;
        }
        end_publish(node, server, publish, is_sent ? PUBLISH_UNKNOWN : PUBLISH_REJECTED,
                    WHY_TOO_OLD);
    }
}

/* Nobody says any more whom the first sending reached. */
static uint32_t receivers_of(const struct publish_reply *reply)
{
    return reply->answer == ENGINE_REPEAT ? RECEIVERS_UNKNOWN : reply->receivers;
}

static void take_applied(struct cluster_node *node, struct server *server, struct publish *publish,
                         const struct publish_reply *reply)
{
    server->figures.ok++;
    server->figures.repeats += reply->answer == ENGINE_REPEAT ? 1 : 0;
    outputs_put(&node->outputs, &(struct output){.kind = OUTPUT_RESULT,
                                                 .server = server->index,
                                                 .result = {.cookie = publish->cookie,
                                                            .result = PUBLISH_OK,
                                                            .at = reply->at,
                                                            .receivers = receivers_of(reply)}});
    publishes_remove(&server->publishes, publish);
}

/* An engine applies nothing before what was sent before it, so what it has applied already is this.
 */
static void take_repeat(struct cluster_node *node, struct server *server, struct publish *publish,
                        const struct publish_reply *reply)
{
    if (publish->was_sent)
        take_applied(node, server, publish, reply);
    else /* an engine that is wrong */
        end_unapplied(node, server, publish, WHY_ORDER);
}

/* What refuses one mostly refuses all that are behind it in its room: a server that is full, or
 * something else in the place of the history. If these were sent again, the first alone would be
 * refused, and the others put off anew: n of them would be sent n * n / 2 times, one refused in
 * each round trip, while all rooms wait. These, too, are put off, so that nothing is sent behind
 * them before they have their answers. */
static void take_not_run(struct cluster_node *node, struct server *server, struct publish *publish)
{
    const bool is_behind_refused = publishes_is_behind_refused(&server->publishes, publish) &&
                                   outputs_reserve(&node->outputs, 1) == 0;

    publishes_put_off(&server->publishes, publish);
    if (is_behind_refused)
        end_unapplied(node, server, publish, WHY_REQUEST_REFUSED);
}

static int take_reply(struct cluster_node *node, struct server *server, struct publish *publish,
                      const struct publish_reply *reply)
{
    if (reply->answer == ENGINE_NOT_RUN) {
        take_not_run(node, server, publish);
        return CLUSTER_DONE;
    }
    if (outputs_reserve(&node->outputs, 1) != 0)
        return CLUSTER_NO_MEMORY;
    switch (reply->answer) {
    case ENGINE_APPLIED:
        take_applied(node, server, publish, reply);
        break;
    case ENGINE_REPEAT:
        take_repeat(node, server, publish, reply);
        break;
    case ENGINE_LOST:
        end_publish(node, server, publish, PUBLISH_UNKNOWN, WHY_EPOCH);
        break;
    case ENGINE_OTHER_INCARNATION:
        end_unapplied(node, server, publish, WHY_INCARNATION);
        server_end(server, WHY_INCARNATION);
        break;
    case ENGINE_READ_ONLY:
        end_unapplied(node, server, publish, WHY_READ_ONLY);
        server_end(server, WHY_READ_ONLY);
        break;
    case ENGINE_ERROR:
        publishes_refused(&server->publishes, publish);
        end_unapplied(node, server, publish, WHY_REQUEST_REFUSED);
        break;
    case ENGINE_NOT_RUN: /* see above */
        break;
    }
    return CLUSTER_DONE;
}

int node_publish_reply(struct cluster_node *node, uint32_t index, uint64_t generation,
                       uint64_t number, const struct publish_reply *reply, uint64_t now_ms)
{
    if (index >= node->settings.server_count)
        return CLUSTER_DONE;
    struct server *server = &node->servers[index];
    /* Also while the connection waits to be ended: what was not applied is not to be taken for
     * something that nobody knows of. */
    if (!server_life_is(&server->life, generation) || server->life.phase != PHASE_READY)
        return CLUSTER_DONE;
    struct publish *publish = publishes_find(&server->publishes, number);
    if (!publish) {
        server->figures.late++;
        /* It told something about the connection all the same. */
        if (reply->answer == ENGINE_OTHER_INCARNATION)
            server_end(server, WHY_INCARNATION);
        else if (reply->answer == ENGINE_READ_ONLY)
            server_end(server, WHY_READ_ONLY);
        server_pump(node, server, now_ms);
        return CLUSTER_DONE;
    }
    const int status = take_reply(node, server, publish, reply);
    server_pump(node, server, now_ms);
    return status;
}
