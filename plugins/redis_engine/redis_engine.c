/* Redis and Valkey as the engine of a cluster (toni/engine.h): carries rooms from one host to the
 * others. docs/shipped.md is about its use.
 *
 * What is pure is beside this file: script.h has what runs on a server, answer.h what it answers,
 * command.h, incoming.h and outgoing.h the protocol, batch.h which publishes go together. link.h is
 * one socket, find.h where a server is, connection.h both sockets of one, request.h and reply.h
 * what goes over them, rights.h what the server lets its user do. Here is what the host calls. All
 * of it runs on the cluster's thread. */
#include "checking.h"
#include "hex.h"
#include "request.h"
#include "script.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct redis {
    struct settings settings;
    struct common common;
    toni_str names[SETTINGS_SERVERS_MOST];
    struct connection connections[SETTINGS_SERVERS_MOST];
};

/* @return The connection to a server; NULL: it is closed, and what is asked of it is for nothing.
 */
static struct connection *connected(struct redis *redis, uint32_t server)
{
    struct connection *connection =
        server < redis->settings.server_count ? &redis->connections[server] : NULL;
    return connection && connection->is_connected ? connection : NULL;
}

/* The same for a command that has its place behind all that was published. */
static struct connection *behind_publishes(struct redis *redis, uint32_t server)
{
    struct connection *connection = connected(redis, server);
    if (connection)
        request_publishes(connection);
    return connected(redis, server);
}

/* --- What the host calls */

static int32_t attach(void *self, toni_engine *engine, const toni_str **servers, uint32_t *count)
{
    struct redis *redis = self;
    redis->common.engine = engine;
    *servers = redis->names;
    *count = (uint32_t)redis->settings.server_count;
    return TONI_OK;
}

static void detach(void *self)
{
    struct redis *redis = self;
    for (size_t i = 0; i < redis->settings.server_count; i++)
        connection_close(&redis->connections[i]);
    command_finish(&redis->common.command);
    redis->common.engine = NULL;
}

static void open_connection(void *self, uint32_t server, uint64_t number)
{
    struct redis *redis = self;
    if (server < redis->settings.server_count)
        connection_open(&redis->connections[server], number);
}

static void close_connection(void *self, uint32_t server, uint64_t number)
{
    struct redis *redis = self;
    if (server < redis->settings.server_count && redis->connections[server].number == number)
        connection_close(&redis->connections[server]);
}

static void hello(void *self, uint32_t server, uint64_t request, const toni_engine_hello *hello)
{
    struct connection *connection = behind_publishes(self, server);
    if (connection)
        rights_ask(connection);
    if (connection && connection->is_connected)
        request_hello(connection, request, hello);
}

static void publish(void *self, uint32_t server, const toni_engine_publish *publish)
{
    struct connection *connection = connected(self, server);
    if (connection)
        request_publish(connection, publish);
}

static void subscribe(void *self, uint32_t server, const toni_str *rooms, uint32_t count)
{
    struct connection *connection = connected(self, server);
    if (connection)
        request_subscriptions(connection, TONI_LIT("SUBSCRIBE"), rooms, count);
}

static void unsubscribe(void *self, uint32_t server, const toni_str *rooms, uint32_t count)
{
    struct connection *connection = connected(self, server);
    if (connection)
        request_subscriptions(connection, TONI_LIT("UNSUBSCRIBE"), rooms, count);
}

static void tops(void *self, uint32_t server, uint64_t request, const toni_str *rooms,
                 uint32_t count)
{
    struct connection *connection = behind_publishes(self, server);
    if (connection)
        request_tops(connection, request, rooms, count);
}

static void history(void *self, uint32_t server, uint64_t request,
                    const toni_engine_history *history)
{
    struct connection *connection = behind_publishes(self, server);
    if (connection)
        request_history(connection, request, history);
}

static void probe(void *self, uint32_t server, uint64_t request, uint64_t incarnation)
{
    struct connection *connection = behind_publishes(self, server);
    if (connection)
        request_probe(connection, request, incarnation);
}

static void lease(void *self, uint32_t server, uint64_t request, const toni_engine_lease *lease)
{
    struct connection *connection = behind_publishes(self, server);
    if (connection)
        request_lease(connection, request, lease);
}

static void check(void *self, uint32_t server, uint64_t request, const toni_engine_hello *hello)
{
    struct connection *connection = connected(self, server);
    if (connection)
        check_begin(connection, request, hello);
}

static void flush(void *self)
{
    struct redis *redis = self;
    for (size_t i = 0; i < redis->settings.server_count; i++) {
        struct connection *connection = &redis->connections[i];
        connection_end_refused(connection);
        if (connection->is_connected)
            request_publishes(connection);
        if (connection->is_connected)
            link_flush(&connection->commands);
        if (connection->is_connected)
            link_flush(&connection->pushes);
    }
}

static const struct toni_engine_table table = {
    .struct_size = sizeof table,
    .attach = attach,
    .detach = detach,
    .open = open_connection,
    .close = close_connection,
    .hello = hello,
    .publish = publish,
    .subscribe = subscribe,
    .unsubscribe = unsubscribe,
    .tops = tops,
    .history = history,
    .probe = probe,
    .lease = lease,
    .flush = flush,
    .check = check,
};

/* --- Life */

static void destroy(void *self)
{
    struct redis *redis = self;
    settings_finish(&redis->settings);
    free(redis);
}

/* What EVALSHA calls a script by: SHA-1, in hexadecimal. */
static int digest_script(char *digest)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    size_t size = 0;
    if (EVP_Q_digest(NULL, "SHA1", NULL, script_publish, strlen(script_publish), bytes, &size) !=
            1 ||
        size != COMMON_DIGEST / 2)
        return -1;
    for (size_t i = 0; i < size; i++)
        hex_put(digest + 2 * i, 2, bytes[i]);
    return 0;
}

static int32_t create(toni_context *context, void **self)
{
    struct redis *redis = calloc(1, sizeof *redis);
    if (!redis)
        return TONI_ERR_NO_MEMORY;
    int32_t result = settings_read(&redis->settings, context);
    for (size_t i = 0; i < redis->settings.server_count; i++)
        redis->names[i] = redis->settings.servers[i].name;
    if (result == TONI_OK &&
        server_list_make(&redis->common.list, redis->names, redis->settings.server_count) != 0)
        result =
            toni_fail(context, TONI_ERR_FAILED, "there is no memory, or OpenSSL has no SHA-256");
    if (result == TONI_OK && digest_script(redis->common.digest) != 0)
        result = toni_fail(context, TONI_ERR_FAILED, "OpenSSL has no SHA-1");
    if (result != TONI_OK) {
        destroy(redis);
        return result;
    }
    redis->common.context = context;
    redis->common.settings = &redis->settings;
    redis->common.command.prefix = redis->settings.prefix;
    for (size_t i = 0; i < redis->settings.server_count; i++) {
        redis->connections[i].common = &redis->common;
        redis->connections[i].server = &redis->settings.servers[i];
        redis->connections[i].index = (uint32_t)i;
    }
    *self = redis;
    return TONI_OK;
}

TONI_PLUGIN(.kind = TONI_SERVICE, .name = TONI_LIT("redis_engine"), .flags = TONI_CONCURRENT,
            .provides = TONI_OFFERS(toni_engine, &table), .options = settings_options,
            .create = create, .destroy = destroy);
