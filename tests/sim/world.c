/* See world.h. */
#include "world.h"

static struct server *server_of(struct world *world, const struct link *link)
{
    struct server *server = world->servers;

    while (&server->network != link->network)
        server++;
    return server;
}

static void accepted(void *world, struct link *link)
{
    (void)world, (void)link;
}

static void opened(void *data, struct link *link)
{
    struct world *world = data;

    machine_opened(&world->machines[link->node], server_of(world, link)->index, link);
}

static void arrived(void *data, struct link *link, enum side at, struct packet *packet)
{
    struct world *world = data;
    struct server *server = server_of(world, link);

    if (at == SERVER_SIDE)
        server_arrived(server, link, (struct wire *)packet);
    else
        machine_arrived(&world->machines[link->node], server->index, link, (struct wire *)packet);
}

static void ended(void *data, struct link *link, enum side at)
{
    struct world *world = data;

    if (at == NODE_SIDE)
        machine_ended(&world->machines[link->node], server_of(world, link)->index, link);
}

static const struct network_hooks hooks = {accepted, opened, arrived, ended};

struct keeping world_keeping(uint32_t room)
{
    static const struct keeping keepings[WORLD_ROOMS] = {
        {30, 60}, {0, 0}, {30, 60}, {5, 60}, {30, 2}, {0, 0}, {12, 30}, {30, 60},
    };

    return keepings[room];
}

void world_init(struct world *world, uint64_t seed, enum mutation mutation)
{
    *world = (struct world){.seed = seed, .mutation = mutation, .dice = {seed}, .clients = 1};
    queue_init(&world->queue);
    world->trace.queue = &world->queue;
    truth_init(&world->truth, &world->verdict);
    for (uint32_t i = 0; i < WORLD_SERVERS; i++) {
        network_init(&world->servers[i].network, &world->queue, &world->dice, &hooks, world);
        server_init(&world->servers[i], world, i);
    }
    for (uint32_t i = 0; i < WORLD_MACHINES; i++) {
        machine_init(&world->machines[i], world, i);
        machine_start(&world->machines[i]);
    }
}

void world_finish(struct world *world)
{
    for (uint32_t i = 0; i < WORLD_MACHINES; i++)
        machine_finish(&world->machines[i]);
    for (uint32_t i = 0; i < WORLD_SERVERS; i++)
        server_finish(&world->servers[i]);
    for (size_t i = 0; i < world->logs.count; i++) {
        LIST_FREE(&world->logs.items[i]->entries);
        free(world->logs.items[i]);
    }
    LIST_FREE(&world->logs);
    LIST_FREE(&world->memories);
    LIST_FREE(&world->lives);
    LIST_FREE(&world->identities);
    truth_finish(&world->truth);
    queue_finish(&world->queue);
}

size_t world_add_log(struct world *world, uint32_t client, uint32_t node, uint32_t room)
{
    struct member_log *log = must_have(calloc(1, sizeof *log));

    log->client = client;
    log->node = node;
    log->room = room;
    LIST_ADD(&world->logs, log);
    return world->logs.count - 1;
}
