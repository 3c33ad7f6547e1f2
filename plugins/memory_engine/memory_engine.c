/* Memory engine: an engine (toni/engine.h) whose one server lives in the process. For tests, and as
 * the pattern for who writes an engine of a real server: nothing is stored, and no other process
 * reaches it. Instances with the same option `store` share one.
 *
 * store.c is what the server does, session.c what is kept for each host. Here are the functions of
 * the table: commands are answered within the call, what comes of subscriptions by the session.
 *
 * With the option `faults` a test has the server fail over HTTP: `POST /memory-engine/restart` ends
 * all connections and gives it another identity, `…/wipe` takes its data with that, `…/read-only`
 * makes it a replica until the next restart. */
#include "session.h"
#include "store.h"

#include <toni/toni.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct server {
    struct server *next;
    struct session *sessions;
    struct store store;
    toni_str name; /* of the option of the first that used it; behind the struct */
    char bytes[];
};

/* Instances share the servers: that is what this engine is for. The lock guards them. */
static struct server *servers;

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- Connections */

static int32_t attach(void *self, toni_engine *engine, const toni_str **names, uint32_t *count)
{
    struct session *session = self;
    session->engine = engine;
    session->is_posted = false; /* what was posted to the engine before is not called any more */
    *names = &session->server->name;
    *count = 1;
    return TONI_OK;
}

static void detach(void *self)
{
    pthread_mutex_lock(&session_lock);
    session_end(self);
    pthread_mutex_unlock(&session_lock);
}

static void open_connection(void *self, uint32_t server, uint64_t connection)
{
    struct session *session = self;
    pthread_mutex_lock(&session_lock);
    session->connection = connection;
    pthread_mutex_unlock(&session_lock);
    toni_engine_connected(session->engine, server, connection);
}

static void close_connection(void *self, uint32_t server, uint64_t connection)
{
    struct session *session = self;
    (void)server;
    pthread_mutex_lock(&session_lock);
    if (session->connection == connection)
        session_end(session);
    pthread_mutex_unlock(&session_lock);
}

/* --- Commands: the lock, the store, the answer */

/* @return Whether the connection is there; then the lock is held. */
static bool begin(struct session *session)
{
    pthread_mutex_lock(&session_lock);
    const bool is_there = session->connection != 0 && !session->lost;
    if (!is_there)
        pthread_mutex_unlock(&session_lock);
    return is_there;
}

/* @return To how many nodes it was sent. */
static uint32_t send_to_subscribers(struct server *server, const toni_engine_publish *publish,
                                    toni_position at)
{
    uint32_t receivers = 0;
    for (struct session *one = server->sessions; one; one = one->next) {
        if (one->connection == 0 || one->lost || !session_is_subscribed(one, publish->room))
            continue;
        session_push(one, (struct item){.kind = ITEM_MESSAGE,
                                        .message_kind = publish->kind,
                                        .at = at,
                                        .room = publish->room,
                                        .body = publish->body});
        receivers++;
    }
    return receivers;
}

static void hello(void *self, uint32_t server, uint64_t request, const toni_engine_hello *hello)
{
    struct session *session = self;
    struct store *store = &session->server->store;
    if (!begin(session))
        return;
    const bool is_read_only = store->is_read_only;
    for (struct session *one = session->server->sessions; one; one = one->next) {
        if (one != session && one->node == hello->node)
            session_lose(one, "the node has connected anew");
    }
    session->node = hello->node;
    if (!is_read_only)
        store_hello(store, hello->proposed);
    const uint64_t incarnation = store->incarnation, engine_id = store->engine_id;
    pthread_mutex_unlock(&session_lock);
    if (is_read_only) {
        toni_engine_request_failed(session->engine, server, session->connection, request,
                                   TONI_ENGINE_READ_ONLY);
    } else {
        toni_engine_hello_reply(session->engine, server, session->connection, request, incarnation,
                                engine_id);
    }
}

static void publish(void *self, uint32_t server, const toni_engine_publish *publish)
{
    struct session *session = self;
    toni_engine_published reply;
    if (!begin(session))
        return;
    const bool is_done = store_publish(&session->server->store, publish, now_ms(), &reply);
    if (!is_done)
        session_lose(session, "no memory for a room");
    else if (reply.answer == TONI_ENGINE_APPLIED)
        reply.receivers = send_to_subscribers(session->server, publish, reply.at);
    pthread_mutex_unlock(&session_lock);
    if (is_done)
        toni_engine_published_reply(session->engine, server, session->connection, publish->number,
                                    &reply);
}

static void subscribe(void *self, uint32_t server, const toni_str *rooms, uint32_t count)
{
    struct session *session = self;
    (void)server;
    if (!begin(session))
        return;
    for (uint32_t i = 0; i < count; i++) {
        session_subscribe(session, rooms[i]);
        session_push(session, (struct item){.kind = ITEM_SUBSCRIBED, .room = rooms[i]});
    }
    pthread_mutex_unlock(&session_lock);
}

static void unsubscribe(void *self, uint32_t server, const toni_str *rooms, uint32_t count)
{
    struct session *session = self;
    (void)server;
    if (!begin(session))
        return;
    for (uint32_t i = 0; i < count; i++) {
        session_unsubscribe(session, rooms[i]);
        session_push(session, (struct item){.kind = ITEM_UNSUBSCRIBED, .room = rooms[i]});
    }
    pthread_mutex_unlock(&session_lock);
}

static void tops(void *self, uint32_t server, uint64_t request, const toni_str *rooms,
                 uint32_t count)
{
    struct session *session = self;
    toni_position found[TONI_ENGINE_KEYS_MOST];
    if (!begin(session))
        return;
    for (uint32_t i = 0; i < count && i < TONI_ENGINE_KEYS_MOST; i++)
        found[i] = store_top(&session->server->store, rooms[i]);
    pthread_mutex_unlock(&session_lock);
    toni_engine_tops_reply(session->engine, server, session->connection, request, found, count);
}

/* The bodies are the store's, so this one is told under the lock: no engine's function is called
 * from there. */
static void history(void *self, uint32_t server, uint64_t request,
                    const toni_engine_history *history)
{
    struct session *session = self;
    toni_engine_entry entries[STORE_HISTORY_MOST];
    if (!begin(session))
        return;
    const toni_position top = store_top(&session->server->store, history->room);
    const uint32_t count = store_history(&session->server->store, history, now_ms(), entries);
    toni_engine_history_reply(session->engine, server, session->connection, request, top, entries,
                              count);
    pthread_mutex_unlock(&session_lock);
}

static void probe(void *self, uint32_t server, uint64_t request, uint64_t incarnation)
{
    struct session *session = self;
    if (!begin(session))
        return;
    const int32_t answer = store_check(&session->server->store, incarnation);
    if (answer == TONI_ENGINE_APPLIED)
        session_push(session, (struct item){.kind = ITEM_ECHO, .request = request});
    pthread_mutex_unlock(&session_lock);
    toni_engine_probe_reply(session->engine, server, session->connection, request, answer);
}

static toni_engine_leased describe(const struct store_lease *lease, uint64_t now)
{
    return (toni_engine_leased){lease->node, lease->boot, lease->slot,
                                (uint32_t)(lease->ends_ms - now),
                                toni_str_make(lease->name, lease->name_size)};
}

/* Told under the lock, as a history is. */
static void lease(void *self, uint32_t server, uint64_t request, const toni_engine_lease *lease)
{
    struct session *session = self;
    struct store *store = &session->server->store;
    toni_engine_leased leases[STORE_LEASES_MOST];
    const uint64_t now = now_ms();
    if (!begin(session))
        return;
    int32_t answer = store_check(store, lease->incarnation);
    const struct store_lease *held =
        answer == TONI_ENGINE_APPLIED ? store_lease(store, lease, now) : NULL;
    for (uint32_t i = 0; i < store->lease_count; i++)
        leases[i] = describe(&store->leases[i], now);
    if (answer == TONI_ENGINE_APPLIED) {
        toni_engine_lease_reply(session->engine, server, session->connection, request,
                                held ? held->slot : 0, held ? held->boot : 0, store->id_key, leases,
                                store->lease_count);
    } else {
        toni_engine_request_failed(session->engine, server, session->connection, request, answer);
    }
    pthread_mutex_unlock(&session_lock);
}

static void flush(void *self)
{
    struct session *session = self;
    pthread_mutex_lock(&session_lock);
    const bool has_waiting = session->first || session->lost;
    pthread_mutex_unlock(&session_lock);
    if (has_waiting)
        session_deliver(session);
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
};

/* --- The server fails, for tests */

static void end_all(struct server *server, const char *why)
{
    server->store.life++;
    for (struct session *one = server->sessions; one; one = one->next)
        session_lose(one, why);
}

static int32_t on_request(void *self, toni_exchange *exchange)
{
    struct server *server = ((struct session *)self)->server;
    const toni_str order = toni_exchange_subpath(exchange);
    const bool is_wipe = toni_str_equal(order, TONI_LIT("/wipe"));
    const bool is_read_only = toni_str_equal(order, TONI_LIT("/read-only"));
    if (!toni_str_equal(toni_exchange_method(exchange), TONI_LIT("POST")))
        return toni_exchange_answer(exchange, 405, TONI_LIT("text/plain"), TONI_LIT("POST it\n"));
    if (!((struct session *)self)->may_fail)
        return toni_exchange_answer(exchange, 403, TONI_LIT("text/plain"),
                                    TONI_LIT("the option `faults` is not set\n"));
    if (!is_wipe && !is_read_only && !toni_str_equal(order, TONI_LIT("/restart")))
        return toni_exchange_answer(exchange, 404, TONI_LIT("text/plain"),
                                    TONI_LIT("there are restart, wipe and read-only\n"));
    pthread_mutex_lock(&session_lock);
    if (is_wipe)
        store_wipe(&server->store);
    server->store.is_read_only = is_read_only;
    if (!is_read_only)
        end_all(server, is_wipe ? "the server has lost its data" : "the server was started anew");
    pthread_mutex_unlock(&session_lock);
    return toni_exchange_answer(exchange, 204, TONI_LIT(""), TONI_LIT(""));
}

/* --- The plugin */

/* @return The server of that name; NULL: no memory. */
static struct server *find_server(toni_str name)
{
    struct server *server = servers;
    while (server && !toni_str_equal(server->name, name))
        server = server->next;
    if (server)
        return server;
    server = calloc(1, sizeof *server + name.size);
    if (!server)
        return NULL;
    if (name.size > 0)
        memcpy(server->bytes, name.data, name.size);
    server->name = toni_str_make(server->bytes, name.size);
    server->next = servers;
    servers = server;
    return server;
}

static void leave_server(struct session *session)
{
    struct server *server = session->server;
    struct session **one = &server->sessions;
    struct server **where = &servers;
    while (*one != session)
        one = &(*one)->next;
    *one = session->next;
    if (server->sessions)
        return;
    while (*where != server)
        where = &(*where)->next;
    *where = server->next;
    store_wipe(&server->store);
    free(server);
}

static int32_t create(toni_context *context, void **self)
{
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        return TONI_ERR_NO_MEMORY;
    session->may_fail = toni_option_bool(context, TONI_LIT("faults"));
    pthread_mutex_lock(&session_lock);
    session->server = find_server(toni_option_str(context, TONI_LIT("store")));
    if (session->server) {
        session->next = session->server->sessions;
        session->server->sessions = session;
    }
    pthread_mutex_unlock(&session_lock);
    if (!session->server) {
        free(session);
        return TONI_ERR_NO_MEMORY;
    }
    *self = session;
    return TONI_OK;
}

static void destroy(void *self)
{
    pthread_mutex_lock(&session_lock);
    leave_server(self);
    pthread_mutex_unlock(&session_lock);
    free(self);
}

TONI_PLUGIN(.kind = TONI_SERVICE, .name = TONI_LIT("memory_engine"),
            .path = TONI_LIT("/memory-engine"), .provides = TONI_OFFERS(toni_engine, &table),
            .options = TONI_OPTIONS(
                TONI_OPTION_STR("store", "default",
                                "instances of one process with the same one share a server"),
                TONI_OPTION_BOOL("faults", 0, "whether its HTTP path takes orders to fail")),
            .create = create, .destroy = destroy, .on_request = on_request);
