/* A fake node: the life of its engine, its connections, and what it asks for. */
#include "node_private.h"

#include <string.h>

void toni_fake_node_init(toni_fake_node *node, uint64_t incarnation)
{
    memset(node, 0, sizeof *node);
    toni_fake_host_init(&node->host);
    node->calls.struct_size = sizeof node->calls;
    node_told_fill(&node->calls);
    node_loop_fill(&node->calls);
    node->engine.host = &node->calls;
    node->incarnation = incarnation;
    node->patience_ms = TONI_FAKE_NODE_PATIENCE_MS;
}

static void find_table(toni_fake_node *node)
{
    const toni_interface *offered = node->host.plugin->provides;
    ck_assert_msg(offered && toni_str_equal(offered->name, TONI_LIT("toni_engine")) &&
                      offered->version >= toni_engine_interface_version,
                  "the plugin does not offer toni_engine");
    node->table = offered->table;
    ck_assert_uint_ge(node->table->struct_size, sizeof *node->table);
    node->self = node->host.self;
}

void toni_fake_node_start(toni_fake_node *node)
{
    ck_assert_int_eq(toni_fake_host_start(&node->host), TONI_OK);
    find_table(node);
}

void toni_fake_node_attach(toni_fake_node *node)
{
    if (!node->table)
        toni_fake_node_start(node);
    node_loop_init(node);
    node->is_attached = 1;
    ck_assert_int_eq(
        node->table->attach(node->self, &node->engine, &node->servers, &node->server_count),
        TONI_OK);
    ck_assert_msg(node->server_count >= 1 && node->server_count <= TONI_FAKE_NODE_SERVERS_MOST,
                  "`attach` says that there are %u servers", (unsigned)node->server_count);
}

void toni_fake_node_detach(toni_fake_node *node)
{
    if (!node->is_attached)
        return;
    node_loop_close(node);
    memset(node->links, 0, sizeof node->links);
    node->table->detach(node->self);
    node->is_attached = 0;
    node_loop_finish(node);
    node_forget_all(node);
    toni_fake_host_stop(&node->host);
    node->table = NULL;
}

/* --- Connections */

static toni_fake_link *link_of(toni_fake_node *node)
{
    return &node->links[node->server];
}

uint64_t toni_fake_node_open(toni_fake_node *node)
{
    ck_assert_msg(!link_of(node)->is_open, "the test opens a connection, and has one");
    node_forget_all(node);
    *link_of(node) = (toni_fake_link){.connection = ++node->last_connection, .is_open = 1};
    node->table->open(node->self, node->server, node->last_connection);
    return node->last_connection;
}

void toni_fake_node_close(toni_fake_node *node)
{
    toni_fake_link *link = link_of(node);
    link->is_open = link->is_connected = 0;
    node->table->close(node->self, node->server, link->connection);
}

/* @return Whether it is there; else it could not be made, and why was told. */
static int wait_for_connection(toni_fake_node *node)
{
    const toni_told_kind kind = toni_fake_node_await(node, TONI_TOLD_CONNECTED)->kind;
    return toni_fake_node_next(node, kind)->kind == TONI_TOLD_CONNECTED;
}

void toni_fake_node_connect(toni_fake_node *node)
{
    const int64_t until_ms = node_now_ms() + node->patience_ms;
    (void)toni_fake_node_open(node);
    while (!wait_for_connection(node)) {
        ck_assert_msg(node_now_ms() < until_ms, "the engine can't connect: %.*s",
                      TONI_STR_ARG(node->taken[0]->body));
        toni_fake_node_wait(node, 20);
        (void)toni_fake_node_open(node);
    }
    const uint64_t request = toni_fake_node_hello(node, node->incarnation + node->last_connection);
    const toni_told *reply = toni_fake_node_next(node, TONI_TOLD_HELLO);
    ck_assert_uint_eq(reply->request, request);
    node->server_incarnation = reply->incarnation;
    node->engine_id = reply->engine_id;
}

/* --- Commands */

uint64_t toni_fake_node_hello(toni_fake_node *node, uint64_t proposed)
{
    const toni_engine_hello hello = {
        .struct_size = sizeof hello, .proposed = proposed, .node = node->incarnation};
    node->table->hello(node->self, node->server, ++node->last_request, &hello);
    return node->last_request;
}

toni_engine_publish toni_fake_node_message(toni_fake_node *node, toni_str room, toni_str body)
{
    const uint64_t number = ++node->last_number;
    return (toni_engine_publish){.struct_size = sizeof(toni_engine_publish),
                                 .number = number,
                                 .incarnation = node->server_incarnation,
                                 .node = node->incarnation,
                                 .proposed = node->incarnation << 32 | number,
                                 .room = room,
                                 .body = body};
}

void toni_fake_node_publish(toni_fake_node *node, const toni_engine_publish *publish)
{
    node->table->publish(node->self, node->server, publish);
}

void toni_fake_node_subscribe(toni_fake_node *node, const toni_str *rooms, uint32_t count)
{
    node->table->subscribe(node->self, node->server, rooms, count);
}

void toni_fake_node_unsubscribe(toni_fake_node *node, const toni_str *rooms, uint32_t count)
{
    node->table->unsubscribe(node->self, node->server, rooms, count);
}

uint64_t toni_fake_node_tops(toni_fake_node *node, const toni_str *rooms, uint32_t count)
{
    node->table->tops(node->self, node->server, ++node->last_request, rooms, count);
    return node->last_request;
}

static uint64_t ask_history(toni_fake_node *node, const toni_engine_history *history)
{
    node->table->history(node->self, node->server, ++node->last_request, history);
    return node->last_request;
}

uint64_t toni_fake_node_history(toni_fake_node *node, toni_str room, toni_position since,
                                uint32_t limit)
{
    return ask_history(node, &(toni_engine_history){.struct_size = sizeof(toni_engine_history),
                                                    .limit = limit,
                                                    .since = since,
                                                    .room = room});
}

uint64_t toni_fake_node_history_last(toni_fake_node *node, toni_str room, uint32_t limit)
{
    return ask_history(node, &(toni_engine_history){.struct_size = sizeof(toni_engine_history),
                                                    .limit = limit,
                                                    .is_last = 1,
                                                    .room = room});
}

uint64_t toni_fake_node_probe(toni_fake_node *node, uint64_t incarnation)
{
    node->table->probe(node->self, node->server, ++node->last_request, incarnation);
    return node->last_request;
}

uint64_t toni_fake_node_lease(toni_fake_node *node, const toni_engine_lease *lease)
{
    node->table->lease(node->self, node->server, ++node->last_request, lease);
    return node->last_request;
}
