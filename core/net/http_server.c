/* The HTTP side; see http_server.h. */
#include "net/http_server.h"

#include "base/log.h"
#include "net/http_request.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

/* How late a deadline may be noticed. */
#define LONGEST_SWEEP_MS 250

struct http_server *http_server_create(const toni_host *host, struct graph *graph,
                                       const struct limits *limits, uv_async_t *drained)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (!server || http_deadlines_init(&server->deadlines, limits->http_request_ms)) {
        free(server);
        log_error("the HTTP server could not be made: out of memory");
        return NULL;
    }
    server->host = host;
    server->graph = graph;
    server->limits = *limits;
    server->drained = drained;
    return server;
}

int http_server_bind(struct http_server *server, const struct address_list *addresses)
{
    server->listeners = calloc(addresses->count + 1, sizeof *server->listeners);
    if (!server->listeners) {
        log_error("out of memory while binding");
        return -1;
    }
    for (size_t i = 0; i < addresses->count; i++) {
        if (listener_open(&server->listeners[i].socket, &addresses->addresses[i])) {
            log_error("can't listen: choose another address in listen.http, or stop who has it",
                      log_str("address", listen_address_text(&addresses->addresses[i])),
                      log_str("error", strerror(errno)));
            while (i-- > 0)
                listener_close(&server->listeners[i].socket);
            server->listener_count = 0;
            return -1;
        }
        server->listener_count = i + 1;
    }
    return 0;
}

/* --- Starting */

static bool answers_http(const struct instance *instance)
{
    return instance->descriptor->kind == TONI_SERVICE && instance->descriptor->on_request &&
           instance->setup.path.size > 0;
}

static int find_services(struct http_server *server)
{
    const struct graph *graph = server->graph;
    server->services = calloc(graph->instance_count + 1, sizeof *server->services);
    if (!server->services) {
        log_error("the HTTP server could not be started: out of memory");
        return -1;
    }
    for (size_t i = 0; i < graph->instance_count; i++) {
        if (answers_http(graph->instances[i]))
            server->services[server->service_count++].instance = graph->instances[i];
    }
    if (server->service_count > 0 && server->listener_count == 0)
        log_warn("services have HTTP paths, but nobody can reach them: set listen.http",
                 log_uint("services", server->service_count));
    return 0;
}

static void on_sweep(uv_timer_t *timer)
{
    struct http_server *server = timer->data;
    http_deadlines_sweep(&server->deadlines);
}

static void start_sweeping(struct http_server *server, uv_loop_t *loop)
{
    uint64_t every_ms = server->limits.http_request_ms / 10 + 1;
    if (every_ms > LONGEST_SWEEP_MS)
        every_ms = LONGEST_SWEEP_MS;
    uv_timer_init(loop, &server->sweep);
    server->sweep.data = server;
    server->sweeping = true;
    uv_timer_start(&server->sweep, on_sweep, every_ms, every_ms);
    uv_unref((uv_handle_t *)&server->sweep); /* it keeps nobody from stopping */
}

int http_server_start(struct http_server *server, uv_loop_t *loop)
{
    if (find_services(server))
        return -1;
    if (server->listener_count > 0)
        start_sweeping(server, loop);
    for (size_t i = 0; i < server->listener_count; i++) {
        struct http_listener *listener = &server->listeners[i];
        listener->daemon = http_request_listen(server, listener->socket.fd);
        if (!listener->daemon) {
            log_error("can't accept: out of memory, threads or descriptors",
                      log_str("address", listener->socket.name));
            return -1;
        }
        log_info("listening", log_str("protocol", "http"),
                 log_str("address", listener->socket.name));
    }
    return 0;
}

/* --- Stopping */

/* libmicrohttpd's threads let go of the socket when they come to it, so it stays open. */
static void close_off(struct http_listener *listener)
{
    if (listener->daemon)
        MHD_quiesce_daemon(listener->daemon);
    listener_refuse(&listener->socket);
}

void http_server_drain(struct http_server *server)
{
    if (atomic_exchange(&server->draining, true))
        return;
    for (size_t i = 0; i < server->listener_count; i++)
        close_off(&server->listeners[i]);
}

bool http_server_idle(const struct http_server *server)
{
    return atomic_load(&server->requests) == 0;
}

static int report_running(struct http_server *server)
{
    int result = 0;
    for (size_t i = 0; i < server->service_count; i++) {
        uint64_t running = atomic_load(&server->services[i].running);
        if (running == 0)
            continue;
        log_error("a service still has requests after drain_ms: the host ends without it",
                  log_str("instance", server->services[i].instance->setup.name),
                  log_uint("requests", running));
        graph_leave(server->graph, server->services[i].instance);
        result = -1;
    }
    return result;
}

int http_server_stop(struct http_server *server)
{
    http_server_drain(server);
    if (report_running(server))
        return -1;
    for (size_t i = 0; i < server->listener_count; i++) {
        if (server->listeners[i].daemon)
            MHD_stop_daemon(server->listeners[i].daemon);
        server->listeners[i].daemon = NULL;
        listener_close(&server->listeners[i].socket);
    }
    if (server->sweeping)
        uv_close((uv_handle_t *)&server->sweep, NULL);
    server->sweeping = false;
    return 0;
}

void http_server_destroy(struct http_server *server)
{
    if (!server)
        return;
    http_deadlines_finish(&server->deadlines);
    free(server->services);
    free(server->listeners);
    free(server);
}
