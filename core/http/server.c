/* The HTTP side; see server.h. */
#include "http/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "http/host_json.h"
#include "http/page.h"
#include "http/path.h"
#include "http/request.h"
#include "instance/instance.h"
#include "tls/set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How long those whose exchange is withdrawn as the host ends have for reading that. */
#define LAST_ANSWERS_MS 100

/* How late a deadline may be noticed. */
#define LONGEST_SWEEP_MS 250

/* What the page speaks with. */
#define PAGE_GATEWAY "/rooms"

static void sweep_kept(void *slots, uint64_t now_ms, uint64_t stood_ms)
{
    kept_sweep(&((struct slots *)slots)->kept, now_ms, stood_ms);
}

struct http_server *http_server_create(const toni_host *host, struct slots *slots,
                                       const struct limits *limits, uv_async_t *drained)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (!server || http_deadlines_init(&server->deadlines, limits->http_request_ms,
                                       http_request_lost, server)) {
        free(server);
        log_error("the HTTP server could not be made: out of memory");
        return NULL;
    }
    server->deadlines.swept = sweep_kept;
    server->deadlines.swept_data = slots;
    slots->kept.most = limits->http_kept;
    slots->kept.most_streams = limits->http_streams;
    server->host = host;
    server->slots = slots;
    server->limits = *limits;
    server->drained = drained;
    return server;
}

int http_server_bind(struct http_server *server, const struct address_list *addresses,
                     const struct tls_set *tls, struct inherited *inherited)
{
    server->listeners = calloc(addresses->count + 1, sizeof *server->listeners);
    if (!server->listeners) {
        log_error("out of memory while binding");
        return -1;
    }
    for (size_t i = 0; i < addresses->count; i++) {
        struct http_listener *listener = &server->listeners[i];
        if (http_listener_open(listener, &addresses->addresses[i], "listen.http", tls->contexts[i],
                               inherited, server->limits.http_connections, &server->deadlines))
            return -1;
        listener->newcomers = &server->newcomers;
        listener->access = server->access;
        listener->handshake_ms = server->limits.handshake_ms;
        listener->over = http_newcomer_over;
        listener->over_data = server;
        server->listener_count = i + 1;
    }
    return 0;
}

void http_server_change_tls(struct http_server *server, const struct tls_set *tls)
{
    for (size_t i = 0; i < server->listener_count; i++)
        http_listener_change_tls(&server->listeners[i], tls->contexts[i]);
}

/* --- Starting */

void http_server_limit(struct http_server *server, uint64_t connections)
{
    server->limits.http_connections = connections;
    for (size_t i = 0; i < server->listener_count; i++)
        server->listeners[i].places.capacity = connections;
}

static void warn_if_unreachable(const struct http_server *server)
{
    uint64_t services = 0;
    for (struct slot *slot = slots_first(server->slots); slot; slot = slot_next(slot)) {
        if ((slot->kind & TONI_SERVICE) != 0 && slot_has_path(slot))
            services++;
    }
    if (services > 0 && server->listener_count == 0)
        log_warn("services have HTTP paths, but nobody can reach them: set listen.http",
                 log_uint("services", services));
}

static void start_sweeping(struct http_server *server, uv_loop_t *loop)
{
    uint64_t every_ms = server->limits.http_request_ms / 10 + 1;
    if (every_ms > LONGEST_SWEEP_MS)
        every_ms = LONGEST_SWEEP_MS;
    http_deadlines_watch(&server->deadlines, loop, every_ms);
}

static bool speaks_tls(const struct http_server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        if (server->listeners[i].is_tls)
            return true;
    }
    return false;
}

/* One for all addresses. @return 0, or -1. */
static int open_front(struct http_server *server)
{
    if (!speaks_tls(server))
        return 0;
    server->front = tls_front_create(server->limits.http_request_ms, &server->tls_figures);
    for (size_t i = 0; i < server->listener_count; i++)
        http_listener_set_front(&server->listeners[i], server->front);
    return server->front ? 0 : -1;
}

int http_server_start(struct http_server *server, uv_loop_t *loop)
{
    warn_if_unreachable(server);
    if (server->listener_count > 0 &&
        http_linger_open(&server->linger, loop, server->limits.http_connections)) {
        log_error("the HTTP server can't start: out of memory or descriptors");
        return -1;
    }
    if (open_front(server)) {
        log_error("the HTTP server can't start: out of memory, descriptors or threads");
        return -1;
    }
    if (server->listener_count > 0)
        start_sweeping(server, loop);
    for (size_t i = 0; i < server->listener_count; i++) {
        struct http_listener *listener = &server->listeners[i];
        if (http_listener_start(listener, loop, HTTP_THREADS_MAX, http_request_start, server))
            return -1;
        log_info("listening", log_str("protocol", "http"),
                 log_str("address", listener->socket.name),
                 log_str("tls", listener->is_tls ? "on" : "off"));
    }
    return 0;
}

/* --- The page */

static char *describe(const struct http_server *server)
{
    return http_host_to_json(server->websocket, server->websocket_count, server->slots,
                             HOST_JSON_PUBLIC);
}

void http_server_offer_page(struct http_server *server, const char *folder,
                            const struct listener *websocket, size_t websocket_count)
{
    if (server->listener_count == 0)
        return;
    server->websocket = websocket;
    server->websocket_count = websocket_count;
    char *description = describe(server);
    server->page = http_page_create(folder, description);
    free(description);
}

void http_server_describe_again(struct http_server *server)
{
    if (!server->page)
        return;
    char *description = describe(server);
    if (http_page_describe_again(server->page, description))
        log_warn("the page does not know of changed gateways: out of memory");
    free(description);
}

static size_t fit_root(toni_str path, void *data)
{
    toni_str rest;
    (void)data;
    return http_path_below(toni_str_of("/"), path, &rest) ? 1 : 0;
}

static bool page_is_covered(const struct http_server *server)
{
    return slots_find(server->slots, TONI_SERVICE, fit_root, NULL);
}

/* What listens on all addresses is reached on that of this machine. */
static const char *reachable_host(const char *name)
{
    if (strncmp(name, "0.0.0.0:", strlen("0.0.0.0:")) == 0)
        return "127.0.0.1";
    return strncmp(name, "[::]:", strlen("[::]:")) == 0 ? "[::1]" : NULL;
}

/* The page brings no token, so its gateway may let nobody in who comes with it. */
static bool page_is_guarded(const struct http_server *server)
{
    struct slot *slot = slots_find_gateway(server->slots, toni_str_of(PAGE_GATEWAY));
    if (!slot)
        return false;
    const struct instance *instance = slot_enter(slot);
    const bool is_guarded =
        instance && (instance->setup.guard_count > 0 || instance->descriptor->guard);
    slot_exit(slot);
    return is_guarded;
}

void http_server_report_page(const struct http_server *server)
{
    if (!server->page || page_is_covered(server))
        return;
    for (size_t i = 0; i < server->listener_count; i++) {
        const struct listener *listener = &server->listeners[i].socket;
        const char *host = reachable_host(listener->name);
        const char *rest = host ? strrchr(listener->name, ':') : listener->name;
        char url[sizeof "https://127.0.0.1/" + LISTENER_NAME_SIZE];
        if (listener->is_unix)
            continue;
        (void)snprintf(url, sizeof url, "%s://%s%s/",
                       server->listeners[i].is_tls ? "https" : "http", host ? host : "", rest);
        log_info(page_is_guarded(server)
                     ? "the page is there, but brings no token: the guards of its gateway may "
                       "let nobody in who opens it"
                     : "open the page in a browser",
                 log_str("url", url));
        return;
    }
}

/* --- Stopping */

void http_server_stop_accepting(struct http_server *server)
{
    if (atomic_exchange(&server->draining, true))
        return;
    kept_end_streams(&server->slots->kept);
    for (size_t i = 0; i < server->listener_count; i++)
        listener_close(&server->listeners[i].socket);
}

void http_server_drain(struct http_server *server)
{
    atomic_store(&server->refusing, true);
    http_server_stop_accepting(server);
    for (size_t i = 0; i < server->listener_count; i++)
        proxy_reading_close(&server->listeners[i].proxied);
}

void http_server_leave(struct http_server *server)
{
    for (size_t i = 0; i < server->listener_count; i++)
        listener_leave(&server->listeners[i].socket);
    http_server_stop_accepting(server);
}

bool http_server_sockets_stay(const struct http_server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        if (!server->listeners[i].socket.is_ours)
            return true;
    }
    return false;
}

bool http_server_idle(const struct http_server *server)
{
    return atomic_load(&server->requests) == 0 &&
           (atomic_load(&server->refusing) || atomic_load(&server->newcomers) == 0);
}

static int report_running(struct http_server *server)
{
    int result = 0;
    for (struct slot *slot = slots_first(server->slots); slot; slot = slot_next(slot)) {
        uint64_t requests = atomic_load(&slot->requests);
        if (requests == 0)
            continue;
        log_error("a service still has requests after drain_ms: the host ends without it",
                  log_str("instance", slot->name), log_uint("requests", requests));
        slot_abandon(slot);
        result = -1;
    }
    return result;
}

/* What is kept can't wait any longer: libmicrohttpd must not be ended while a connection sleeps. */
static void withdraw_kept(struct http_server *server)
{
    const struct timespec moment = {.tv_nsec = 2 * (long)NS_PER_MS};
    const uint64_t until = clock_now_ms() + LAST_ANSWERS_MS;
    const bool has_any = counter_read(&server->slots->kept.waiting) > 0;
    kept_close(&server->slots->kept);
    while (has_any && atomic_load(&server->requests) > 0 && clock_now_ms() < until)
        nanosleep(&moment, NULL);
}

int http_server_stop(struct http_server *server)
{
    http_server_drain(server);
    atomic_store(&server->ended, true); /* first: whoever still begins is seen by what follows */
    if (report_running(server))
        return -1;
    withdraw_kept(server);
    tls_front_refuse(server->front);
    for (size_t i = 0; i < server->listener_count; i++)
        http_listener_close(&server->listeners[i]);
    tls_front_destroy(server->front, server->limits.close_ms);
    server->front = NULL;
    http_deadlines_unwatch(&server->deadlines);
    http_linger_close(&server->linger);
    return 0;
}

void http_server_destroy(struct http_server *server)
{
    if (!server)
        return;
    http_deadlines_finish(&server->deadlines);
    for (size_t i = 0; i < server->listener_count; i++)
        http_listener_finish(&server->listeners[i]);
    http_page_destroy(server->page);
    free(server->listeners);
    free(server);
}
