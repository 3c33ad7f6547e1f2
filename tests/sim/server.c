/* See server.h. */
#include "server.h"

#include "world.h"

#include <string.h>

static void reply(struct link *link, struct wire *wire)
{
    link_send(link, NODE_SIDE, &wire->packet);
}

static bool is_subscriber(const struct link *link)
{
    return link->tag % 2 == 1;
}

uint64_t server_now_ms(const struct server *server)
{
    return (uint64_t)((int64_t)(server->world->queue.now_ns / SIM_MS) + server->clock_ms);
}

/* A subscriber whose output grows too large is cut, as by client-output-buffer-limit. */
static void push(struct link *link, struct wire *wire)
{
    if (link->to[NODE_SIDE].bytes > SERVER_OUTPUT_MOST) {
        free(wire);
        link_reset(link);
        return;
    }
    reply(link, wire);
}

static uint32_t send_to_room(struct server *server, const struct redis_publish *publish,
                             struct position at)
{
    uint32_t receivers = 0;

    for (size_t i = 0; i < server->network.open.count; i++) {
        struct link *link = server->network.open.items[i];
        if (!link->is_open[SERVER_SIDE] || !(link->rooms & 1u << publish->room))
            continue;
        struct wire *wire = wire_create(WIRE_MESSAGE, OUTPUT_DELIVER, 0);
        wire->rooms[0] = publish->room;
        wire->at = at;
        wire->publish.id = publish->id;
        wire->packet.bytes += 256;
        push(link, wire);
        receivers++;
    }
    return receivers;
}

static void run_publish(struct server *server, struct link *link, const struct wire *command)
{
    struct world *world = server->world;
    struct wire *answer = wire_create(WIRE_REPLY, OUTPUT_PUBLISH, command->request);

    answer->publish_reply = redis_publish(&server->redis, &command->publish, server_now_ms(server));
    if (answer->publish_reply.answer == ENGINE_APPLIED) {
        const struct position at = answer->publish_reply.at;
        NOTE(world, "orders message, room, offset", TRACE_SERVER, command->publish.id,
             command->publish.room, at.offset);
        truth_order(&world->truth, command->publish.id, command->publish.room, at.epoch, at.offset,
                    world->queue.steps);
        answer->publish_reply.receivers = send_to_room(server, &command->publish, at);
        machine_heard(&world->machines[link->node], command->publish.room,
                      world->truth.publishes.items[command->publish.id].asked_step,
                      (struct position){at.epoch, at.offset - 1});
    } else {
        NOTE(world, "refuses message, room: answer", TRACE_SERVER, command->publish.id,
             command->publish.room, answer->publish_reply.answer);
    }
    reply(link, answer);
}

static void run_subscribe(struct link *link, const struct wire *command)
{
    for (uint32_t i = 0; i < command->room_count; i++) {
        const bool joins = command->kind == OUTPUT_SUBSCRIBE;
        const uint32_t bit = 1u << command->rooms[i];
        link->rooms = joins ? link->rooms | bit : link->rooms & ~bit;
        struct wire *answer =
            wire_create(joins ? WIRE_SUBSCRIBED : WIRE_UNSUBSCRIBED, command->kind, 0);
        answer->rooms[0] = command->rooms[i];
        reply(link, answer);
    }
}

static void run_probe(struct server *server, struct link *link, const struct wire *command)
{
    struct wire *answer = wire_create(WIRE_REPLY, OUTPUT_PROBE, command->request);

    answer->answer = redis_probe(&server->redis, command->incarnation);
    for (size_t i = 0; i < server->network.open.count && answer->answer == ENGINE_APPLIED; i++) {
        struct link *other = server->network.open.items[i];
        if (other->is_open[SERVER_SIDE] && other->node == link->node &&
            other->tag == (link->tag | 1))
            push(other, wire_create(WIRE_ECHO, OUTPUT_PROBE, command->request));
    }
    reply(link, answer);
}

/* What was given back is asked for by nobody any more. */
static void note_lease(const struct server *server, const struct wire *command)
{
    struct world *world = server->world;
    struct life *life = world_life(world, command->lease.wanted.node);

    if (!life)
        return;
    if (life->has_left && command->lease.ttl_ms > 0)
        BROKEN(world, "%s asks for a lease, and has given it back", life->name);
    life->has_left = command->lease.ttl_ms == 0;
    life->given_back = command->lease.wanted.identity;
    life->lease_ns = world->queue.now_ns;
}

/* It may be of earlier data that the server has again, and so may one that the life had before. */
static void check_listed(const struct server *server, const struct redis_lease *lease)
{
    struct world *world = server->world;
    const struct life *life = world_life(world, lease->node);

    if (life && life->has_left && node_identity_equal(lease->identity, life->given_back) &&
        life->lease_ns > world->leases_changed_ns)
        BROKEN(world, "the lease %u/%lu is listed, which was given back", lease->identity.slot,
               (unsigned long)lease->identity.boot);
}

static void run_lease(struct server *server, struct link *link, const struct wire *command)
{
    struct wire *answer = wire_create(WIRE_REPLY, OUTPUT_LEASE, command->request);
    const uint64_t now_ms = server_now_ms(server);

    answer->answer = redis_probe(&server->redis, command->lease.incarnation);
    if (answer->answer != ENGINE_APPLIED) {
        answer->form = WIRE_FAILED;
        reply(link, answer);
        return;
    }
    if (server->has_other_leases)
        server->world->leases_changed_ns = server->world->queue.now_ns;
    server->has_other_leases = false;
    note_lease(server, command);
    answer->lease_reply.identity = redis_lease(&server->redis, &command->lease, now_ms);
    answer->lease_reply.id_key = server->redis.data.id_key;
    for (uint32_t i = 0; i < server->redis.data.lease_count; i++) {
        const struct redis_lease *lease = &server->redis.data.leases[i];
        check_listed(server, lease);
        char *name = answer->lease_reply.names[i];
        memcpy(name, lease->name, sizeof lease->name);
        answer->lease_reply.entries[i] = (struct lease_entry){
            .identity = lease->identity,
            .node = lease->node,
            .left_ms = lease->ends_ms > now_ms ? (uint32_t)(lease->ends_ms - now_ms) : 1,
            .name = name,
            .name_size = strlen(name)};
    }
    answer->lease_reply.count = server->redis.data.lease_count;
    reply(link, answer);
}

/* CLIENT KILL of the node's connections before this one: what they have sent and was not read yet
 * is never run, however long it has been on its way. */
static void end_older(struct server *server, const struct link *link)
{
    for (size_t i = 0; i < server->network.open.count; i++) {
        struct link *other = server->network.open.items[i];
        if (other->node == link->node && other->tag / 2 < link->tag / 2 &&
            server->redis.mutation != MUTATION_ZOMBIES_RUN)
            link_kill(other);
    }
}

static void run_read(struct server *server, struct link *link, const struct wire *command)
{
    struct wire *answer = wire_create(WIRE_REPLY, command->kind, command->request);
    const uint64_t now_ms = server_now_ms(server);

    answer->room_count = command->room_count;
    if (command->kind == OUTPUT_HELLO) {
        end_older(server, link);
        answer->hello_reply = redis_hello(&server->redis, command->proposed);
        NOTE(server->world, "says hello: server, incarnation", link->node, server->index,
             answer->hello_reply.incarnation, 0);
    } else if (command->kind == OUTPUT_TOPS) {
        for (uint32_t i = 0; i < command->room_count; i++) {
            answer->tops[i] = redis_top(&server->redis, command->rooms[i], now_ms);
            machine_heard(&server->world->machines[link->node], command->rooms[i], command->written,
                          answer->tops[i]);
        }
    } else {
        redis_history(&server->redis, command->rooms[0], command->history.since,
                      command->history.limit, command->history.is_last, now_ms,
                      &answer->history_reply);
    }
    reply(link, answer);
}

void server_arrived(struct server *server, struct link *link, struct wire *wire)
{
    if (wire->form == WIRE_LOAD) {
        server->redis.has_script = true;
    } else if (wire->form == WIRE_COMMAND) {
        switch (wire->kind) {
        case OUTPUT_PUBLISH:
            run_publish(server, link, wire);
            break;
        case OUTPUT_SUBSCRIBE:
        case OUTPUT_UNSUBSCRIBE:
            run_subscribe(link, wire);
            break;
        case OUTPUT_PROBE:
            run_probe(server, link, wire);
            break;
        case OUTPUT_LEASE:
            run_lease(server, link, wire);
            break;
        default:
            run_read(server, link, wire);
            break;
        }
    }
    free(wire);
}

uint32_t server_subscribers(const struct server *server, uint32_t room)
{
    uint32_t nodes = 0;

    for (size_t i = 0; i < server->network.open.count; i++) {
        const struct link *link = server->network.open.items[i];
        if (link->is_open[SERVER_SIDE] && is_subscriber(link) && (link->rooms & 1u << room))
            nodes |= 1u << link->node;
    }
    return nodes;
}
