/* A node: made, ended, ticked. See node_private.h for who does what. */
#include "cluster/node_private.h"

#include "cluster/rendezvous.h"

#include <stdlib.h>
#include <string.h>

/* What was put off for want of memory is tried again after that. */
#define SHORT_MS 10

/* The room by which the lease's server is chosen; no host's key begins with a NUL and "nodes". */
static const struct room_key lease_key = {.bytes = "\0nodes", .size = 6};

void node_settings_defaults(struct node_settings *settings)
{
    *settings = (struct node_settings){
        .servers = settings->servers,
        .server_count = settings->server_count,
        .incarnation = settings->incarnation,
        .seed = settings->seed,
        .id_key = settings->id_key,
        .name = settings->name,
        .pending_bytes = 8u << 20,
        .pending_ms = 1000,
        .held_bytes = 8u << 20,
        .held_messages = 1024,
        .held_ms = 5000,
        .rooms_max = 1u << 20,
        .recoveries_max = 100000,
        .reply_ms = 1000,
        .probe_ms = 1000,
        .backoff_ms = 100,
        .backoff_max_ms = 10000,
        .linger_ms = 1000,
        .flight_commands = 8,
        .history_limit = 1000,
        .history_flight = 16,
        .sample_ms = 40000,
        .lease_ms = 10000,
        .renew_ms = 3000,
        .nodes_max = 1024,
    };
}

static bool is_name(const char *name)
{
    return !name || lease_is_name(name, strlen(name));
}

static bool are_settings(const struct node_settings *settings)
{
    return settings->server_count >= 1 && settings->server_count <= NODE_SERVERS_MAX &&
           settings->incarnation != 0 && settings->reply_ms > 0 && settings->probe_ms > 0 &&
           settings->backoff_ms > 0 && settings->backoff_max_ms >= settings->backoff_ms &&
           settings->flight_commands > 0 && settings->history_limit > 0 &&
           settings->history_flight > 0 && settings->sample_ms > 0 && settings->renew_ms > 0 &&
           settings->lease_ms > settings->renew_ms && is_name(settings->name);
}

/* The names, and the pointers to them, in one piece. */
static const char **copy_names(const struct node_settings *settings)
{
    const size_t head = settings->server_count * sizeof(char *);
    size_t bytes = 0;

    for (uint32_t i = 0; i < settings->server_count; i++)
        bytes += strlen(settings->servers[i]) + 1;
    const char **names = malloc(head + bytes);
    if (!names)
        return NULL;
    char *at = (char *)names + head;
    for (uint32_t i = 0; i < settings->server_count; i++) {
        const size_t size = strlen(settings->servers[i]) + 1;
        memcpy(at, settings->servers[i], size);
        names[i] = at;
        at += size;
    }
    return names;
}

static void server_init(struct cluster_node *node, uint32_t index, uint64_t now_ms)
{
    const struct node_settings *settings = &node->settings;
    struct server *server = &node->servers[index];

    *server = (struct server){
        .index = index, .why = WHY_START, .told_why = WHY_START, .sample_ms = now_ms};
    server_life_init(&server->life, settings->backoff_ms, settings->backoff_max_ms,
                     settings->reply_ms, now_ms);
    publishes_init(&server->publishes, settings->pending_bytes, &node->rooms.key);
    subscriptions_init(&server->subs, settings->flight_commands * ROOMS_A_COMMAND,
                       settings->linger_ms);
    list_init(&server->rooms);
    list_init(&server->joining);
    list_init(&server->joins);
    list_init(&server->unchecked);
    list_init(&server->asking);
    list_init(&server->holding);
    list_init(&server->recovering);
    list_init(&server->recoveries);
    list_init(&server->refused);
    list_init(&server->local);
    list_init(&server->suspects);
    list_init(&server->put_off);
}

struct cluster_node *node_create(const struct node_settings *settings, uint64_t now_ms)
{
    if (!are_settings(settings))
        return NULL;
    struct cluster_node *node = calloc(1, sizeof(*node));
    if (!node)
        return NULL;
    node->settings = *settings;
    node->settings.servers = NULL;
    node->settings.name = NULL;
    if (node->settings.history_flight > FLIGHTS_MAX)
        node->settings.history_flight = FLIGHTS_MAX;
    node->chance.state = settings->seed;
    hash_table_init(&node->rooms.table);
    node->rooms.key.words[0] = chance_next(&node->chance);
    node->rooms.key.words[1] = chance_next(&node->chance);
    outputs_init(&node->outputs);
    node->names = copy_names(settings);
    node->servers = calloc(settings->server_count, sizeof(*node->servers));
    const struct lease_settings lease = {.node = settings->incarnation,
                                         .id_key = settings->id_key,
                                         .name = settings->name,
                                         .lease_ms = settings->lease_ms,
                                         .renew_ms = settings->renew_ms,
                                         .nodes_max = settings->nodes_max};
    if (lease_init(&node->lease, &lease) != 0 || !node->names || !node->servers) {
        lease_finish(&node->lease);
        free(node->servers);
        free(node->names);
        free(node);
        return NULL;
    }
    node->lease_server = settings->takes_no_lease
                             ? SERVER_NONE
                             : rendezvous_choose(node->names, settings->server_count, lease_key);
    node->looked_ms = now_ms;
    for (uint32_t i = 0; i < settings->server_count; i++)
        server_init(node, i, now_ms);
    for (uint32_t i = 0; i < settings->server_count; i++)
        server_pump(node, &node->servers[i], now_ms);
    return node;
}

static void server_finish(struct server *server)
{
    struct list *first;

    publishes_finish(&server->publishes);
    joins_restart(server);
    checks_restart(&server->checks);
    for (uint32_t i = 0; i < FLIGHTS_MAX; i++)
        room_keys_unref(server->flights[i].key);
    while ((first = list_first(&server->recoveries)))
        recovery_refuse(server, list_owner(first, struct recovery, by_time), WHY_AWAY);
    while ((first = list_first(&server->refused)))
        recovery_destroy(list_owner(first, struct recovery, by_time));
}

static void free_room(struct hash_node *hash_node, void *data)
{
    struct room_state *room = (struct room_state *)(void *)hash_node;
    struct cluster_node *node = data;

    subscriptions_remove(&node->servers[room->server].subs, &room->sub);
    room_state_destroy(room);
}

void node_destroy(struct cluster_node *node)
{
    if (!node)
        return;
    for (uint32_t i = 0; i < node->settings.server_count; i++)
        server_finish(&node->servers[i]);
    hash_table_finish(&node->rooms.table, free_room, node);
    outputs_finish(&node->outputs);
    lease_finish(&node->lease);
    free(node->servers);
    free(node->names);
    free(node);
}

bool node_take(struct cluster_node *node, struct output *output)
{
    return outputs_take(&node->outputs, output);
}

void node_tick(struct cluster_node *node, uint64_t now_ms)
{
    node_look(node, now_ms);
    node->is_short = false;
    if (lease_expire(&node->lease, &node->outputs, now_ms) != 0)
        node->is_short = true;
    for (uint32_t i = 0; i < node->settings.server_count; i++) {
        server_expire(node, &node->servers[i], now_ms);
        server_pump(node, &node->servers[i], now_ms);
    }
    if (node->is_short)
        node->short_ms = now_ms + SHORT_MS;
}

uint64_t node_due(const struct cluster_node *node)
{
    uint64_t due = node->is_short ? node->short_ms : UINT64_MAX;

    if (lease_due(&node->lease) < due)
        due = lease_due(&node->lease);
    for (uint32_t i = 0; i < node->settings.server_count; i++) {
        const uint64_t server = server_due(node, &node->servers[i]);
        due = server < due ? server : due;
    }
    return due;
}

uint32_t node_server_of(const struct cluster_node *node, struct room_key key)
{
    return rendezvous_choose(node->names, node->settings.server_count, key);
}

struct node_identity node_identity(const struct cluster_node *node, uint64_t now_ms)
{
    if (now_ms >= node->lease.until_ms)
        return (struct node_identity){0};
    return node->lease.identity;
}

void node_figures(const struct cluster_node *node, uint32_t server, struct node_figures *figures)
{
    const struct server *found = &node->servers[server];

    *figures = found->figures;
    figures->state = found->told;
    figures->why = found->told_why;
    figures->incarnation = found->incarnation;
    figures->pending = found->publishes.count;
    figures->pending_bytes = found->publishes.bytes;
    figures->held_bytes = found->held_bytes;
    figures->rooms = found->room_count;
    figures->subscribed = found->subs.held_count;
    figures->probe_ms = found->checks.probe_ms;
}
