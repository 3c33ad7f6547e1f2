/* HTTP listeners; see listener.h. */
#include "http/listener.h"

#include "base/log.h"
#include "http/peer.h"
#include "net/access.h"

#include <microhttpd.h>
#include <unistd.h>

int http_listener_open(struct http_listener *listener, const struct listen_address *address,
                       const char *setting, struct tls_context *tls, struct inherited *inherited,
                       uint64_t connections, struct http_deadlines *deadlines)
{
    *listener = (struct http_listener){.deadlines = deadlines, .is_tls = tls != NULL};
    if (places_init(&listener->places, setting, connections, 0)) {
        log_error("can't listen: out of memory");
        return -1;
    }
    if (listener_open(&listener->socket, address, setting, inherited)) {
        places_finish(&listener->places);
        return -1;
    }
    if (tls)
        tls_port_init(&listener->door.port, tls);
    return 0;
}

void http_listener_change_tls(struct http_listener *listener, struct tls_context *tls)
{
    if (listener->is_tls && tls)
        tls_port_change(&listener->door.port, tls);
}

uint64_t http_listener_count(const struct http_listener *listener)
{
    uint64_t count = proxy_reading_count(&listener->proxied);
    if (listener->is_tls)
        return count + atomic_load(&listener->door.open);
    for (unsigned i = 0; i < listener->thread_count; i++)
        count += atomic_load(&listener->threads[i].load.connections);
    return count;
}

/* --- Accepting */

static bool has_room(void *data)
{
    struct http_listener *listener = data;
    if (places_have_room(&listener->places, http_listener_count(listener)))
        return true;
    /* Those that came last may have been too young to go for another. */
    places_make_room(&listener->places, http_listener_count(listener));
    return false;
}

/* One that is in no service comes first; among equals the one that has the fewest connections. */
static bool is_less_busy(const struct http_load *a, const struct http_load *b)
{
    uint64_t calls_of_a = atomic_load(&a->calls), calls_of_b = atomic_load(&b->calls);
    if (calls_of_a != calls_of_b)
        return calls_of_a < calls_of_b;
    return atomic_load(&a->connections) < atomic_load(&b->connections);
}

static struct http_thread *least_busy(struct http_listener *listener)
{
    struct http_thread *least = &listener->threads[0];
    for (unsigned i = 1; i < listener->thread_count; i++) {
        if (is_less_busy(&listener->threads[i].load, &least->load))
            least = &listener->threads[i];
    }
    return least;
}

/* Before it is handed over: its thread may be through with it before that returns. */
static void count_newcomer(const struct http_listener *listener, int more)
{
    if (listener->newcomers)
        atomic_fetch_add(listener->newcomers, (uint_fast64_t)(int64_t)more);
}

/* @return Whether it is a connection now. */
static bool hand_over(struct http_listener *listener, const struct tls_newcomer *client,
                      struct http_secure *secure)
{
    struct http_thread *thread = least_busy(listener);
    struct http_connection *connection =
        http_deadlines_add(listener->deadlines, &listener->places, &thread->load, client->fd,
                           &client->peer, client->way, secure);
    if (!connection) {
        close(client->fd);
        http_secure_unref(secure);
        return false;
    }
    /* It has closed the socket if it can't take it. */
    if (MHD_add_connection(thread->daemon, client->fd, (const struct sockaddr *)&client->peer,
                           client->length) != MHD_YES) {
        http_deadlines_remove(listener->deadlines, connection);
        return false;
    }
    return true;
}

/* It was counted when it was accepted. */
static void on_ready(void *data, const struct tls_newcomer *client, struct http_secure *secure)
{
    struct http_listener *listener = data;
    if (hand_over(listener, client, secure))
        return;
    http_peer_refused(&client->peer);
    if (listener->over)
        listener->over(listener->over_data);
}

static void on_lost(void *data)
{
    const struct http_listener *listener = data;
    if (listener->over)
        listener->over(listener->over_data);
}

static void deal(struct http_listener *listener, const struct tls_newcomer *client)
{
    count_newcomer(listener, 1);
    if (listener->is_tls) {
        tls_front_take(&listener->door, client);
    } else if (!hand_over(listener, client, NULL)) {
        http_peer_refused(&client->peer);
        count_newcomer(listener, -1);
    }
    places_make_room(&listener->places, http_listener_count(listener));
}

void http_listener_set_front(struct http_listener *listener, struct tls_front *front)
{
    listener->door.front = front;
    listener->door.places = &listener->places;
    listener->door.ready = on_ready;
    listener->door.lost = on_lost;
    listener->door.data = listener;
}

/* Its PROXY header has been read: it is as if that client had connected. */
static void on_named(void *data, int fd, const struct sockaddr_storage *client, socklen_t length)
{
    deal(data, &(struct tls_newcomer){.fd = fd, .peer = *client, .length = length});
}

/* Until then it was a newcomer in its own right. */
static void on_naming_over(void *data)
{
    const struct http_listener *listener = data;
    if (listener->over)
        listener->over(listener->over_data);
}

static void on_accepted(void *data, int fd, const struct sockaddr_storage *peer, socklen_t length)
{
    struct http_listener *listener = data;
    const enum proxy_way way =
        listener->access ? access_proxy_way(listener->access, peer) : PROXY_NONE;
    if (way != PROXY_BY_PROTOCOL) {
        deal(listener,
             &(struct tls_newcomer){.fd = fd, .peer = *peer, .length = length, .way = way});
        return;
    }
    count_newcomer(listener, 1);
    proxy_reading_take(&listener->proxied, listener, fd, peer, length);
}

/* --- Starting and stopping */

static int report(const struct http_listener *listener, const char *reason)
{
    log_error("can't accept: out of memory, threads or descriptors",
              log_str("address", listener->socket.name), log_str("reason", reason));
    return -1;
}

int http_listener_start(struct http_listener *listener, uv_loop_t *loop, unsigned thread_count,
                        http_start_thread *start_thread, void *data)
{
    for (; listener->thread_count < thread_count; listener->thread_count++) {
        struct http_thread *thread = &listener->threads[listener->thread_count];
        thread->daemon = start_thread(data);
        if (!thread->daemon)
            return report(listener, "a thread can't be started");
    }
    if (listener->access)
        proxy_reading_open(&listener->proxied, loop, listener->handshake_ms, on_named,
                           on_naming_over);
    int error = listener_start(&listener->socket, loop, on_accepted, has_room, listener);
    return error ? report(listener, uv_strerror(error)) : 0;
}

bool http_listener_is_started(const struct http_listener *listener)
{
    return listener->thread_count > 0;
}

void http_listener_close(struct http_listener *listener)
{
    proxy_reading_close(&listener->proxied);
    for (unsigned i = 0; i < listener->thread_count; i++)
        MHD_stop_daemon(listener->threads[i].daemon);
    listener_close(&listener->socket);
}

void http_listener_finish(struct http_listener *listener)
{
    if (listener->is_tls)
        tls_port_finish(&listener->door.port);
    places_finish(&listener->places);
}
