/* The server; see server.h. */
#include "net/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "instance/guard_ticket.h"
#include "net/access.h"
#include "net/listener.h"
#include "net/peer.h"
#include "net/proxy_reading.h"
#include "net/worker_thread.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <toni/plugin.h>
#include <unistd.h>

/* A worker in a callback is waited for, at a stop, until `hook_ms` and this is over. */
#define JOIN_MORE_MS 1000
/* What the kernel holds for a client beyond what is on its way: one write, see FRAME_MAX. More
 * waits in the outbox, where it is held once for all, counts against the limits and may be dropped;
 * by itself the kernel takes megabytes for each client that reads nothing. */
#define UNSENT_MAX 65536

struct server *server_create(toni_connections *connections, struct slots *slots,
                             const struct limits *limits, uv_async_t *drained)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server)
        goto fail;
    server->connections = connections;
    server->slots = slots;
    server->limits = *limits;
    server->drained = drained;
    server->secure.kept_max = limits->tls_unsent_bytes;
    if (clock_condition_init(&server->one_ended))
        goto fail_condition;
    pthread_mutex_init(&server->end_lock, NULL);
    if (admission_init(&server->admission, &server->limits))
        goto fail_admission;
    if (places_init(&server->places, "listen.websocket",
                    limits->connections + SERVER_HANDSHAKES_MAX, limits->connections_per_address))
        goto fail_places;
    if (places_init(&server->secure.places, "tls_handshakes", limits->tls_handshakes, 0))
        goto fail_handshakes;
    server->guard_tickets = guard_tickets_create(limits->guards_waiting);
    server->workers = calloc(connections->lane_count, sizeof *server->workers);
    if (!server->guard_tickets || !server->workers)
        goto fail_workers;
    for (; server->worker_count < connections->lane_count; server->worker_count++) {
        struct worker *worker = &server->workers[server->worker_count];
        if (worker_init(worker, server, &connections->lanes[server->worker_count],
                        server->worker_count))
            goto fail_worker;
    }
    return server;

fail_worker:
    while (server->worker_count-- > 0)
        worker_finish(&server->workers[server->worker_count]);
fail_workers:
    free(server->workers);
    guard_tickets_destroy(server->guard_tickets);
    places_finish(&server->secure.places);
fail_handshakes:
    places_finish(&server->places);
fail_places:
    admission_finish(&server->admission);
fail_admission:
    pthread_mutex_destroy(&server->end_lock);
    pthread_cond_destroy(&server->one_ended);
fail_condition:
    free(server);
fail:
    log_error("the server could not be made: out of memory or descriptors; raise the limits of the "
              "process, or lower `workers`");
    return NULL;
}

static void close_listeners(struct server *server)
{
    for (size_t i = 0; i < server->listener_count; i++)
        listener_close(&server->listeners[i]);
}

static int open_port(struct server *server, size_t index, const struct listen_address *address,
                     struct tls_context *tls, struct inherited *inherited)
{
    struct server_port *port = &server->ports[index];
    if (listener_open(&server->listeners[index], address, "listen.websocket", inherited))
        return -1;
    port->server = server;
    port->is_tls = tls != NULL;
    if (tls)
        tls_port_init(&port->tls, tls);
    return 0;
}

int server_bind(struct server *server, const struct listen_address *addresses, size_t count,
                const struct tls_set *tls, struct inherited *inherited)
{
    server->listeners = calloc(count, sizeof *server->listeners);
    server->ports = calloc(count, sizeof *server->ports);
    if (!server->listeners || !server->ports) {
        log_error("out of memory while binding");
        return -1;
    }
    for (; server->listener_count < count; server->listener_count++) {
        const size_t i = server->listener_count;
        if (open_port(server, i, &addresses[i], tls->contexts[i], inherited)) {
            close_listeners(server);
            return -1;
        }
    }
    return 0;
}

void server_change_tls(struct server *server, const struct tls_set *tls)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        if (server->ports[i].is_tls && tls->contexts[i])
            tls_port_change(&server->ports[i].tls, tls->contexts[i]);
    }
}

void server_limit(struct server *server, uint64_t connections, uint64_t handshakes)
{
    server->limits.connections = connections;
    server->places.capacity = connections + handshakes;
}

int server_start(struct server *server)
{
    for (; server->started < server->worker_count; server->started++) {
        if (worker_start(&server->workers[server->started])) {
            log_error("a worker's thread could not be started",
                      log_uint("worker", server->started));
            return -1;
        }
    }
    return 0;
}

static uint64_t count_sockets(const struct server *server)
{
    uint64_t sockets = proxy_reading_count(&server->proxied);
    for (uint32_t i = 0; i < server->worker_count; i++)
        sockets += worker_load(&server->workers[i]);
    return sockets;
}

static void set_options(int fd)
{
    int on = 1, unsent = UNSENT_MAX;
    /* A lone answer must not wait for a delayed acknowledgement. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}

/* Each connection goes to the worker that has the fewest. */
static void deal(struct server_port *port, int fd, const struct sockaddr_storage *peer,
                 enum proxy_way way)
{
    struct server *server = port->server;
    const struct approach approach = {.tls = port->is_tls ? &port->tls : NULL, .way = way};
    struct worker *least = &server->workers[0];
    for (uint32_t i = 1; i < server->worker_count; i++) {
        if (worker_load(&server->workers[i]) < worker_load(least))
            least = &server->workers[i];
    }
    worker_adopt(least, fd, peer, &approach);
    places_make_room(&server->places, count_sockets(server));
}

/* Its PROXY header has been read: it is as if that client had connected. */
static void on_named(void *data, int fd, const struct sockaddr_storage *client, socklen_t length)
{
    (void)length;
    deal(data, fd, client, PROXY_NONE);
}

static void on_naming_over(void *data)
{
    const struct server_port *port = data;
    if (atomic_load(&port->server->draining))
        uv_async_send(port->server->drained);
}

static void on_accepted(void *data, int fd, const struct sockaddr_storage *peer, socklen_t length)
{
    struct server_port *port = data;
    struct server *server = port->server;
    const enum proxy_way way = access_proxy_way(server->access, peer);
    if (peer->ss_family != AF_UNIX)
        set_options(fd);
    if (way == PROXY_BY_PROTOCOL)
        proxy_reading_take(&server->proxied, port, fd, peer, length);
    else
        deal(port, fd, peer, way);
}

static bool has_room(void *data)
{
    struct server *server = ((const struct server_port *)data)->server;
    if (places_have_room(&server->places, count_sockets(server)))
        return true;
    /* Those that came last may have been too young to go for another. */
    places_make_room(&server->places, count_sockets(server));
    return false;
}

int server_accept(struct server *server, uv_loop_t *loop)
{
    proxy_reading_open(&server->proxied, loop, server->limits.handshake_ms, on_named,
                       on_naming_over);
    for (size_t i = 0; i < server->listener_count; i++) {
        int error =
            listener_start(&server->listeners[i], loop, on_accepted, has_room, &server->ports[i]);
        if (error) {
            log_error("can't accept", log_str("address", server->listeners[i].name),
                      log_str("error", uv_strerror(error)));
            return -1;
        }
        log_info("listening", log_str("protocol", "websocket"),
                 log_str("address", server->listeners[i].name),
                 log_str("tls", server->ports[i].is_tls ? "on" : "off"));
    }
    trim_start(&server->trim, loop, server->connections->budgets, server->connections->lanes,
               server->connections->lane_count);
    return 0;
}

void server_end_unnamed(struct server *server)
{
    proxy_reading_close(&server->proxied);
}

void server_drain(struct server *server)
{
    close_listeners(server);
    server_end_unnamed(server);
    atomic_store(&server->refusing, true);
    atomic_store(&server->draining, true);
    for (uint32_t i = 0; i < server->started; i++)
        worker_drain(&server->workers[i]);
}

void server_stop_accepting(struct server *server)
{
    close_listeners(server);
    atomic_store(&server->draining, true);
}

void server_leave(struct server *server)
{
    for (size_t i = 0; i < server->listener_count; i++)
        listener_leave(&server->listeners[i]);
    server_stop_accepting(server);
}

bool server_sockets_stay(const struct server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        if (!server->listeners[i].is_ours)
            return true;
    }
    return false;
}

void server_drain_staggered(struct server *server, uint64_t drain_ms)
{
    server->staggered_ms = drain_ms / 5 * 4;
    for (uint32_t i = 0; i < server->started; i++)
        worker_drain_staggered(&server->workers[i]);
}

/* Unless it refuses them, those are waited for, too, whose handshake is not answered yet. */
bool server_is_drained(const struct server *server)
{
    return atomic_load(&server->refusing) ? atomic_load(&server->clients) == 0
                                          : count_sockets(server) == 0;
}

static int report_held_up(struct server *server, const struct worker *worker)
{
    const struct slot *called = atomic_load_explicit(&worker->called, memory_order_relaxed);
    log_error("a callback has not returned: the host ends without it",
              log_str("instance", called ? called->name : ""), log_uint("worker", worker->index));
    for (struct slot *slot = slots_first(server->slots); slot; slot = slot_next(slot)) {
        if ((slot->kind & TONI_GATEWAY) != 0)
            slot_abandon(slot);
    }
    return -1;
}

/* Not by pthread_timedjoin_np(3), whose deadline moves with the wall clock.
 * @return 0, or -1 if a callback holds the worker up until then. */
static int join(struct server *server, struct worker *worker, uint64_t until_ns)
{
    bool is_late = false;
    pthread_mutex_lock(&server->end_lock);
    while (!worker->has_ended && !is_late)
        is_late = clock_condition_wait(&server->one_ended, &server->end_lock, until_ns) != 0;
    bool has_ended = worker->has_ended;
    pthread_mutex_unlock(&server->end_lock);
    if (has_ended)
        worker_join(worker);
    return has_ended ? 0 : -1;
}

int server_stop(struct server *server)
{
    int result = 0;
    close_listeners(server);
    proxy_reading_close(&server->proxied);
    trim_close(&server->trim);
    atomic_store(&server->refusing, true);
    atomic_store(&server->draining, true);
    for (uint32_t i = 0; i < server->started; i++)
        worker_stop(&server->workers[i]);
    const uint64_t until_ns =
        clock_now_ns() + (server->limits.hook_ms + JOIN_MORE_MS) * NS_PER_MS; /* one for all */
    for (uint32_t i = 0; i < server->started; i++) {
        if (join(server, &server->workers[i], until_ns))
            result = report_held_up(server, &server->workers[i]);
    }
    return result;
}

void server_destroy(struct server *server)
{
    if (!server)
        return;
    for (uint32_t i = server->worker_count; i-- > 0;)
        worker_finish(&server->workers[i]);
    free(server->workers);
    for (size_t i = 0; i < server->listener_count; i++) {
        if (server->ports[i].is_tls)
            tls_port_finish(&server->ports[i].tls);
    }
    free(server->ports);
    free(server->listeners);
    guard_tickets_destroy(server->guard_tickets);
    places_finish(&server->secure.places);
    places_finish(&server->places);
    admission_finish(&server->admission);
    pthread_mutex_destroy(&server->end_lock);
    pthread_cond_destroy(&server->one_ended);
    free(server);
}
