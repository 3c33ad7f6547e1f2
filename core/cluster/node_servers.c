/* The connection to each server: opened, lost, ready, and what is due on it. */
#include "cluster/node_private.h"

struct server *server_of(struct cluster_node *node, uint32_t index, uint64_t generation)
{
    if (index >= node->settings.server_count)
        return NULL;
    struct server *server = &node->servers[index];
    return server_life_is(&server->life, generation) && server->must_end == WHY_NONE ? server
                                                                                     : NULL;
}

void server_end(struct server *server, enum cluster_why why)
{
    if (server->must_end == WHY_NONE && server->life.phase != PHASE_WAITING)
        server->must_end = why;
}

/* The connection is over, as far as this node is concerned. @return 0, or -1: no memory; again. */
static int end_now(struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    const bool is_open = server->must_end != WHY_CLOSED;

    if (outputs_reserve(&node->outputs, 1) != 0)
        return -1;
    if (is_open) {
        outputs_put(&node->outputs, &(struct output){.kind = OUTPUT_CLOSE,
                                                     .server = server->index,
                                                     .generation = server->life.generation});
    }
    history_restart(server);
    joins_restart(server);
    rooms_restart(node, server);
    checks_restart(&server->checks);
    publishes_restart(&server->publishes);
    leases_restart(node, server);
    server->is_up = false;
    server->has_proof = false;
    server->why = server->must_end;
    server->must_end = WHY_NONE;
    server_life_fail(&server->life, &node->chance, now_ms);
    return 0;
}

static int open_now(struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    if (outputs_reserve(&node->outputs, 1) != 0)
        return -1;
    server_life_open(&server->life, now_ms);
    server->figures.connections++;
    outputs_put(&node->outputs, &(struct output){.kind = OUTPUT_OPEN,
                                                 .server = server->index,
                                                 .generation = server->life.generation});
    return 0;
}

static int say_hello(struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    if (outputs_reserve(&node->outputs, 1) != 0)
        return -1;
    server_life_hello(&server->life, now_ms);
    server->hello = ++node->request;
    outputs_put(&node->outputs, &(struct output){.kind = OUTPUT_HELLO,
                                                 .server = server->index,
                                                 .generation = server->life.generation,
                                                 .request = server->hello,
                                                 .hello = {chance_name(&node->chance)}});
    return 0;
}

static enum server_state state_of(const struct server *server)
{
    if (!server_is_ready(server))
        return SERVER_DOWN;
    return server->is_up ? SERVER_UP : SERVER_DEGRADED;
}

/* Says its state if it is another than was said last. */
static void tell_state(struct cluster_node *node, struct server *server)
{
    const enum server_state state = state_of(server);

    if (state == SERVER_DEGRADED && server->has_proof && server->behind == 0) {
        server->is_up = true;
        server->why = WHY_CAUGHT_UP;
        server_life_well(&server->life);
        tell_state(node, server);
        return;
    }
    if (state == server->told && server->why == server->told_why)
        return;
    if (outputs_reserve(&node->outputs, 1) != 0) {
        node->is_short = true;
        return;
    }
    server->told = state;
    server->told_why = server->why;
    outputs_put(&node->outputs, &(struct output){.kind = OUTPUT_STATE,
                                                 .server = server->index,
                                                 .state = {.state = state,
                                                           .why = server->why,
                                                           .incarnation = server->incarnation}});
}

void server_pump(struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    node_look(node, now_ms);
    if (server->must_end != WHY_NONE && end_now(node, server, now_ms) != 0)
        node->is_short = true;
    if (server->life.phase == PHASE_WAITING && server->life.due_ms <= now_ms &&
        open_now(node, server, now_ms) != 0)
        node->is_short = true;
    publishes_expire(node, server, now_ms);
    if (server_is_ready(server)) {
        lease_pump(node, server, now_ms);
        rooms_heal(node, server);
        joins_pump(node, server, now_ms);
        publishes_pump(node, server, now_ms);
        rooms_pump(node, server, now_ms);
        tops_pump(node, server, now_ms);
        history_pump(node, server, now_ms);
    }
    recovery_pump(node, server);
    tell_state(node, server);
}

void node_connected(struct cluster_node *node, uint32_t index, uint64_t generation, uint64_t now_ms)
{
    struct server *server = server_of(node, index, generation);

    if (!server || server->life.phase != PHASE_OPENING)
        return;
    /* Without memory the connection is given up, and tried again. */
    if (say_hello(node, server, now_ms) != 0)
        server_end(server, WHY_NO_REPLY);
    server_pump(node, server, now_ms);
}

void node_closed(struct cluster_node *node, uint32_t index, uint64_t generation, uint64_t now_ms)
{
    if (index >= node->settings.server_count ||
        !server_life_is(&node->servers[index].life, generation))
        return;
    node->servers[index].must_end = WHY_CLOSED;
    server_pump(node, &node->servers[index], now_ms);
}

/* Rooms that were to be heard before the server is degraded until they are caught up with. */
static void count_behind(struct server *server)
{
    server->behind = 0;
    for (struct list *place = server->rooms.next; place != &server->rooms; place = place->next) {
        struct room_state *room = list_owner(place, struct room_state, all);
        room->is_behind = subscription_is_needed(&room->sub);
        server->behind += room->is_behind ? 1 : 0;
    }
}

void node_hello_reply(struct cluster_node *node, uint32_t index, uint64_t generation,
                      uint64_t request, const struct hello_reply *reply, uint64_t now_ms)
{
    struct server *server = server_of(node, index, generation);

    if (!server || server->life.phase != PHASE_HELLO || server->hello != request)
        return;
    if (reply->is_read_only) {
        server_end(server, WHY_READ_ONLY);
    } else {
        const bool is_other = server->engine_id != 0 && server->engine_id != reply->engine_id;
        if (server->incarnation != 0 && server->incarnation != reply->incarnation) {
            server->figures.other_data++;
            rooms_doubt(server);
        }
        server->incarnation = reply->incarnation;
        server->engine_id = reply->engine_id;
        server->why = is_other ? WHY_OTHER_ENGINE : WHY_CONNECTED;
        server->checks.sent_ms = 0;
        server_life_ready(&server->life);
        count_behind(server);
    }
    server_pump(node, server, now_ms);
}

void node_request_failed(struct cluster_node *node, uint32_t index, uint64_t generation,
                         uint64_t request, enum engine_answer answer, uint64_t now_ms)
{
    struct server *server = server_of(node, index, generation);

    (void)request;
    if (!server)
        return;
    server_end(server, answer == ENGINE_READ_ONLY           ? WHY_READ_ONLY
                       : answer == ENGINE_OTHER_INCARNATION ? WHY_INCARNATION
                                                            : WHY_REQUEST_REFUSED);
    server_pump(node, server, now_ms);
}

/* --- What is due */

static void earlier(uint64_t *due, uint64_t at_ms)
{
    if (at_ms < *due)
        *due = at_ms;
}

/* When the first request that is on its way is without an answer for too long. */
static uint64_t requests_over(const struct cluster_node *node, const struct server *server)
{
    const struct check *check = checks_oldest(&server->checks);
    struct list *first = list_first(&server->subs.flying);
    uint64_t sent_ms = check ? check->sent_ms : UINT64_MAX;

    if (first)
        earlier(&sent_ms, list_owner(first, struct subscription, place)->asked_ms);
    earlier(&sent_ms, joins_oldest_ms(server));
    earlier(&sent_ms, lease_sent_ms(node, server));
    for (uint32_t i = 0; i < FLIGHTS_MAX && server->flight_count > 0; i++) {
        if (server->flights[i].request != 0)
            earlier(&sent_ms, server->flights[i].sent_ms);
    }
    return sent_ms == UINT64_MAX ? UINT64_MAX : sent_ms + node->settings.reply_ms;
}

/* When the connection ends, as nothing is heard of the server. */
static uint64_t connection_over(const struct cluster_node *node, const struct server *server)
{
    switch (server->life.phase) {
    case PHASE_OPENING:
    case PHASE_HELLO:
        return server->life.due_ms;
    case PHASE_READY:
        return requests_over(node, server);
    case PHASE_WAITING:
        break;
    }
    return UINT64_MAX;
}

/* When the first of what is waited for is given up. */
static uint64_t waiting_over(const struct cluster_node *node, const struct server *server)
{
    const struct publish *oldest = publishes_oldest(&server->publishes);
    struct list *holding = list_first(&server->holding);
    struct list *recovery = list_first(&server->recoveries);
    uint64_t over = connection_over(node, server);

    if (oldest)
        earlier(&over, publish_over(node, oldest));
    if (holding)
        earlier(&over, holding_over(node, list_owner(holding, struct room_state, holding)));
    if (recovery)
        earlier(&over, list_owner(recovery, struct recovery, by_time)->due_ms);
    return over;
}

void server_expire(struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    if (node_is_over(node, connection_over(node, server), now_ms)) {
        const struct check *check = checks_oldest(&server->checks);
        const bool is_heard = check && check->has_reply && (check->tops == 0 || check->has_tops) &&
                              now_ms >= check->sent_ms + node->settings.reply_ms;
        server_end(server, is_heard ? WHY_NO_ECHO : WHY_NO_REPLY);
    }
    rooms_expire(node, server, now_ms);
    recovery_expire(node, server, now_ms);
}

uint64_t server_due(const struct cluster_node *node, const struct server *server)
{
    struct list *leaving = list_first(&server->subs.leaving);
    uint64_t due = node_patience_due(node, waiting_over(node, server));

    if (server->life.phase == PHASE_WAITING)
        earlier(&due, server->life.due_ms);
    if (server->life.phase == PHASE_READY) {
        if (!checks_oldest(&server->checks))
            earlier(&due, server->checks.sent_ms + node->settings.probe_ms);
        earlier(&due, lease_asks_ms(node, server));
        earlier(&due, suspects_due(server));
    }
    if (leaving)
        earlier(&due, list_owner(leaving, struct subscription, leaving)->due_ms);
    return due;
}
