/* Who answers on listen.admin; see admin.h. libmicrohttpd's threads answer, one for each address; a
 * thread with a loop accepts for all of them, and runs what the main thread asks of it, which waits
 * for that. */
#include "http/admin.h"

#include "base/log.h"
#include "http/admin_pages.h"
#include "http/deadlines.h"
#include "http/linger.h"
#include "http/listener.h"
#include "net/loop.h"
#include "tls/set.h"

#include <limits.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <uv.h>

/* Of one head, with all that libmicrohttpd keeps for it. */
#define HEAD_BYTES 8192

/* How long a connection may last, from its first byte to the last of the answer. */
#define CONNECTION_MS 10000

#define SWEEP_MS 1000

/* How long those that are slow have for the last answers, as the host ends. */
#define LAST_ANSWERS_MS 100

/* One address. */
struct admin_listener {
    struct http_listener http;
};

struct http_admin {
    struct admin_pages pages;
    struct admin_listener *listeners;
    size_t listener_count;
    struct http_deadlines deadlines;
    struct http_linger linger; /* who is answered before all was read */
    struct tls_front *front;   /* of the addresses that speak TLS; NULL: none does */
    struct tls_figures tls_figures;

    /* The thread that accepts, and looks for who is late. */
    bool has_loop, has_thread;
    uv_loop_t loop;
    uv_thread_t thread;
    uv_async_t asked;
    uv_sem_t done;
    int (*task)(struct http_admin *admin); /* that it is asked to run */
    int result;                            /* what came of it */
};

/* --- Connections */

static struct http_connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void *on_request_line(void *data, const char *target, struct MHD_Connection *mhd)
{
    struct http_connection *connection = connection_of(mhd);
    (void)data, (void)target;
    if (connection)
        connection->has_rest = true;
    return NULL;
}

static bool has_body(struct MHD_Connection *mhd)
{
    return MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "Content-Length") ||
           MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "Transfer-Encoding");
}

/* A body is never read, since each answer ends its connection.
 * NOLINTNEXTLINE(readability-function-size): as many parameters as libmicrohttpd has */
static enum MHD_Result on_access(void *data, struct MHD_Connection *mhd, const char *path,
                                 const char *method, const char *version, const char *bytes,
                                 size_t *size, void **state)
{
    struct http_admin *admin = data;
    struct http_connection *connection = connection_of(mhd);
    (void)version, (void)bytes, (void)size, (void)state;
    if (connection)
        connection->has_rest = has_body(mhd);
    return admin_pages_answer(&admin->pages, mhd, path, method);
}

static void on_connection(void *data, struct MHD_Connection *mhd, void **state,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_admin *admin = data;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        const struct http_connection *connection = *state;
        if (connection && connection->has_rest)
            http_linger_take(&admin->linger, connection->fd);
        http_deadlines_remove(&admin->deadlines, *state);
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    *state = info ? http_deadlines_start(&admin->deadlines, info->connect_fd) : NULL;
}

/* --- The thread that accepts */

/* On that thread, one at a time. */
static void on_asked(uv_async_t *async)
{
    struct http_admin *admin = async->data;
    admin->result = admin->task(admin);
    uv_sem_post(&admin->done);
}

/* Has the thread do something, and waits for it. */
static int run_on_thread(struct http_admin *admin, int (*task)(struct http_admin *admin))
{
    admin->task = task;
    uv_async_send(&admin->asked);
    uv_sem_wait(&admin->done);
    return admin->result;
}

static void run_loop(void *data)
{
    struct http_admin *admin = data;
    uv_run(&admin->loop, UV_RUN_DEFAULT);
}

static int open_loop(struct http_admin *admin)
{
    if (loop_init(&admin->loop))
        return -1;
    if (uv_async_init(&admin->loop, &admin->asked, on_asked)) {
        uv_loop_close(&admin->loop);
        return -1;
    }
    if (uv_sem_init(&admin->done, 0)) {
        uv_close((uv_handle_t *)&admin->asked, NULL);
        uv_run(&admin->loop, UV_RUN_DEFAULT);
        uv_loop_close(&admin->loop);
        return -1;
    }
    admin->asked.data = admin;
    admin->has_loop = true;
    if (http_linger_open(&admin->linger, &admin->loop, HTTP_ADMIN_CONNECTIONS))
        return -1;
    http_deadlines_watch(&admin->deadlines, &admin->loop, SWEEP_MS);
    return 0;
}

static int start_thread(struct http_admin *admin)
{
    admin->has_thread = uv_thread_create(&admin->thread, run_loop, admin) == 0;
    return admin->has_thread ? 0 : -1;
}

static void close_listeners(struct http_admin *admin)
{
    tls_front_refuse(admin->front);
    for (size_t i = 0; i < admin->listener_count; i++)
        http_listener_close(&admin->listeners[i].http);
    tls_front_destroy(admin->front, LAST_ANSWERS_MS);
    admin->front = NULL;
}

/* Closes what keeps the loop from ending. */
static int let_go(struct http_admin *admin)
{
    close_listeners(admin);
    http_deadlines_unwatch(&admin->deadlines);
    http_linger_close(&admin->linger); /* after the threads that answer, which hand over to it */
    uv_close((uv_handle_t *)&admin->asked, NULL);
    return 0;
}

static void close_all(struct http_admin *admin)
{
    if (!admin->has_loop) {
        close_listeners(admin);
        return;
    }
    if (admin->has_thread) {
        (void)run_on_thread(admin, let_go);
        uv_thread_join(&admin->thread);
    } else {
        (void)let_go(admin);
        uv_run(&admin->loop, UV_RUN_DEFAULT);
    }
    uv_loop_close(&admin->loop);
    uv_sem_destroy(&admin->done);
}

/* --- Starting */

/* libmicrohttpd's own timeout counts idle time only; the deadlines end connections that send or
 * read a little now and then. */
static struct MHD_Daemon *start_answering(void *data)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
        on_access, data, MHD_OPTION_CONNECTION_LIMIT, (unsigned)INT_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_BYTES, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)CONNECTION_MS / 1000, MHD_OPTION_URI_LOG_CALLBACK, on_request_line, data,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, data, MHD_OPTION_END);
}

static int bind_all(struct http_admin *admin, const struct address_list *addresses,
                    const struct tls_set *tls, struct inherited *inherited)
{
    for (size_t i = 0; i < addresses->count; i++) {
        struct admin_listener *listener = &admin->listeners[i];
        if (http_listener_open(&listener->http, &addresses->addresses[i], "listen.admin",
                               tls->contexts[i], inherited, HTTP_ADMIN_CONNECTIONS,
                               &admin->deadlines))
            return -1;
        admin->listener_count = i + 1;
    }
    return 0;
}

/* One for all addresses. @return 0, or -1. */
static int open_front(struct http_admin *admin)
{
    bool is_needed = false;
    for (size_t i = 0; i < admin->listener_count; i++)
        is_needed = is_needed || admin->listeners[i].http.is_tls;
    if (!is_needed)
        return 0;
    admin->front = tls_front_create(CONNECTION_MS, &admin->tls_figures);
    for (size_t i = 0; i < admin->listener_count; i++)
        http_listener_set_front(&admin->listeners[i].http, admin->front);
    return admin->front ? 0 : -1;
}

static int start(struct http_admin *admin, struct admin_listener *listener)
{
    const char *name = listener->http.socket.name;
    if (http_listener_start(&listener->http, &admin->loop, 1, start_answering, admin))
        return -1;
    log_info("listening", log_str("protocol", "admin"), log_str("address", name),
             log_str("tls", listener->http.is_tls ? "on" : "off"));
    return 0;
}

static int start_unshared(struct http_admin *admin)
{
    for (size_t i = 0; i < admin->listener_count; i++) {
        if (!admin->listeners[i].http.socket.is_shared && start(admin, &admin->listeners[i]))
            return -1;
    }
    return 0;
}

static int start_all(struct http_admin *admin)
{
    for (size_t i = 0; i < admin->listener_count; i++) {
        struct admin_listener *listener = &admin->listeners[i];
        if (!http_listener_is_started(&listener->http) && start(admin, listener))
            return -1;
    }
    return 0;
}

int http_admin_start(struct http_admin *admin)
{
    return run_on_thread(admin, start_all);
}

struct listener *http_admin_listener(struct http_admin *admin, size_t number)
{
    return admin && number < admin->listener_count ? &admin->listeners[number].http.socket : NULL;
}

static struct http_admin *allocate(const struct address_list *addresses, struct access *access)
{
    struct http_admin *admin = calloc(1, sizeof *admin);
    if (!admin)
        return NULL;
    admin->listeners = calloc(addresses->count + 1, sizeof *admin->listeners);
    if (!admin->listeners || http_deadlines_init(&admin->deadlines, CONNECTION_MS, NULL, NULL))
        goto fail;
    if (admin_pages_init(&admin->pages, access)) {
        http_deadlines_finish(&admin->deadlines);
        goto fail;
    }
    return admin;

fail:
    free(admin->listeners);
    free(admin);
    return NULL;
}

struct http_admin *http_admin_create(const struct address_list *addresses,
                                     const struct tls_set *tls, struct inherited *inherited,
                                     struct access *access, const struct admin_token *token)
{
    struct http_admin *admin = allocate(addresses, access);
    if (!admin) {
        log_error("what answers on listen.admin could not be made: out of memory");
        return NULL;
    }
    http_admin_change_token(admin, token);
    if (bind_all(admin, addresses, tls, inherited))
        goto fail;
    if (open_loop(admin) || open_front(admin)) {
        log_error("what answers on listen.admin could not be made: out of memory or descriptors");
        goto fail;
    }
    if (start_unshared(admin))
        goto fail;
    if (start_thread(admin)) {
        log_error("what answers on listen.admin could not be made: out of threads");
        goto fail;
    }
    return admin;

fail:
    http_admin_destroy(admin);
    return NULL;
}

void http_admin_change_tls(struct http_admin *admin, const struct tls_set *tls)
{
    for (size_t i = 0; i < admin->listener_count; i++)
        http_listener_change_tls(&admin->listeners[i].http, tls->contexts[i]);
}

void http_admin_change_token(struct http_admin *admin, const struct admin_token *token)
{
    admin_pages_change_token(&admin->pages, token);
}

const struct http_listener *http_admin_http_listener(const struct http_admin *admin, size_t number)
{
    return number < admin->listener_count ? &admin->listeners[number].http : NULL;
}

const struct tls_figures *http_admin_tls_figures(const struct http_admin *admin)
{
    return &admin->tls_figures;
}

/* --- The host's life */

void http_admin_ready(struct http_admin *admin, const struct metrics_sources *sources)
{
    admin_pages_ready(&admin->pages, sources);
}

static int leave_all(struct http_admin *admin)
{
    for (size_t i = 0; i < admin->listener_count; i++)
        listener_leave(&admin->listeners[i].http.socket);
    return 0;
}

void http_admin_leave(struct http_admin *admin)
{
    (void)run_on_thread(admin, leave_all);
    http_admin_drain(admin);
}

void http_admin_drain(struct http_admin *admin)
{
    if (admin)
        admin_pages_drain(&admin->pages);
}

void http_admin_withdraw(struct http_admin *admin)
{
    if (admin)
        admin_pages_withdraw(&admin->pages);
}

void http_admin_destroy(struct http_admin *admin)
{
    if (!admin)
        return;
    close_all(admin);
    http_deadlines_finish(&admin->deadlines);
    for (size_t i = 0; i < admin->listener_count; i++)
        http_listener_finish(&admin->listeners[i].http);
    admin_pages_finish(&admin->pages);
    free(admin->listeners);
    free(admin);
}
