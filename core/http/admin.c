/* Health and figures; see admin.h. libmicrohttpd's threads answer, one for each address; a
 * thread with a loop accepts for all of them, and runs what the main thread asks of it, which
 * waits for that. */
#include "http/admin.h"

#include "base/clock.h"
#include "base/log.h"
#include "http/deadlines.h"
#include "http/host.h"
#include "http/listener.h"
#include "net/loop.h"

#include <limits.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* Of one head, with all that libmicrohttpd keeps for it. */
#define HEAD_BYTES 8192

/* How long a connection may last, from its first byte to the last of the answer. */
#define CONNECTION_MS 10000

#define SWEEP_MS 1000

enum admin_state { ADMIN_STARTING, ADMIN_READY, ADMIN_DRAINING };

/* One address. */
struct admin_listener {
    struct http_listener http;
    bool is_local; /* only this machine can reach it */
};

struct http_admin {
    _Atomic enum admin_state state;
    int64_t started_ms; /* wall clock */
    struct access *access;
    struct admin_listener *listeners;
    size_t listener_count;
    struct http_deadlines deadlines;

    /* The thread that accepts, and looks for who is late. */
    bool has_loop, has_thread;
    uv_loop_t loop;
    uv_thread_t thread;
    uv_async_t asked;
    uv_sem_t done;
    int (*task)(struct http_admin *admin); /* that it is asked to run */
    int result;                            /* what came of it */

    /* Held while the sources are read, so that they can't be taken away meanwhile. A leaf. */
    pthread_mutex_t mutex;
    bool has_sources;
    struct metrics_sources sources;
};

/* --- Answers */

static enum MHD_Result send_response(struct MHD_Connection *connection, unsigned status,
                                     struct MHD_Response *response, const char *type)
{
    if (!response)
        return MHD_NO; /* no memory: the connection is closed */
    enum MHD_Result result = MHD_NO;
    if (MHD_add_response_header(response, "Content-Type", type) == MHD_YES &&
        MHD_add_response_header(response, "Cache-Control", "no-store") == MHD_YES &&
        MHD_add_response_header(response, "Connection", "close") == MHD_YES &&
        (status != 405 || MHD_add_response_header(response, "Allow", "GET, HEAD") == MHD_YES))
        result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* @param text  Constant. */
static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status,
                                 const char *text)
{
    /* libmicrohttpd takes a pointer that isn't const, but only reads persistent memory. */
    return send_response(connection, status,
                         MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
                                                         MHD_RESPMEM_PERSISTENT),
                         "text/plain; charset=utf-8");
}

static enum MHD_Result send_health(struct http_admin *admin, struct MHD_Connection *connection)
{
    (void)admin;
    return send_text(connection, 200, "ok\n");
}

static enum MHD_Result send_readiness(struct http_admin *admin, struct MHD_Connection *connection)
{
    switch (atomic_load(&admin->state)) {
    case ADMIN_READY:
        return send_text(connection, 200, "ready\n");
    case ADMIN_DRAINING:
        return send_text(connection, 503, "draining\n");
    case ADMIN_STARTING:
    default:
        return send_text(connection, 503, "starting\n");
    }
}

static void write_metrics(struct http_admin *admin, struct exposition *exposition)
{
    const struct metrics_process process = {
        .is_ready = atomic_load(&admin->state) == ADMIN_READY,
        .started_ms = admin->started_ms,
        .libmicrohttpd = MHD_get_version(),
    };
    metrics_write_process(exposition, &process);
    pthread_mutex_lock(&admin->mutex);
    if (admin->has_sources)
        metrics_write_host(exposition, &admin->sources);
    pthread_mutex_unlock(&admin->mutex);
}

static enum MHD_Result send_metrics(struct http_admin *admin, struct MHD_Connection *connection)
{
    struct exposition exposition;
    exposition_init(&exposition);
    write_metrics(admin, &exposition);
    if (exposition.failed) {
        exposition_finish(&exposition);
        return send_text(connection, 500, "out of memory\n");
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(
        exposition.text.length, exposition.text.bytes, MHD_RESPMEM_MUST_FREE);
    if (!response)
        exposition_finish(&exposition);
    return send_response(connection, 200, response, EXPOSITION_CONTENT_TYPE);
}

static const struct {
    const char *path;
    enum MHD_Result (*send)(struct http_admin *admin, struct MHD_Connection *connection);
    bool any_host; /* any Host will do: a stranger learns no more than a word */
} pages[] = {
    {"/healthz", send_health, true},
    {"/readyz", send_readiness, true},
    {"/metrics", send_metrics, false},
};

static bool may_ask(const struct http_admin *admin, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info && http_host_is_ours(admin->access, connection, info->connect_fd);
}

/* Once the head is whole; a body is never read, since each answer ends its connection.
 * NOLINTNEXTLINE(readability-function-size): as many parameters as libmicrohttpd has */
static enum MHD_Result on_access(void *data, struct MHD_Connection *connection, const char *path,
                                 const char *method, const char *version, const char *bytes,
                                 size_t *size, void **state)
{
    (void)version, (void)bytes, (void)size, (void)state;
    const bool is_read = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        if (strcmp(path, pages[i].path) != 0)
            continue;
        if (!pages[i].any_host && !may_ask(data, connection))
            return send_text(connection, 403, HTTP_HOST_REFUSAL);
        return is_read ? pages[i].send(data, connection)
                       : send_text(connection, 405, "Only GET and HEAD.\n");
    }
    return send_text(connection, 404, "There are /healthz, /readyz and /metrics.\n");
}

static void on_connection(void *data, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_admin *admin = data;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        http_deadlines_remove(&admin->deadlines, *state);
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
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
    http_deadlines_watch(&admin->deadlines, &admin->loop, SWEEP_MS);
    return 0;
}

static int start_thread(struct http_admin *admin)
{
    admin->has_thread = uv_thread_create(&admin->thread, run_loop, admin) == 0;
    return admin->has_thread ? 0 : -1;
}

/* Closes what keeps the loop from ending. */
static int let_go(struct http_admin *admin)
{
    for (size_t i = 0; i < admin->listener_count; i++)
        listener_close(&admin->listeners[i].http.socket);
    http_deadlines_unwatch(&admin->deadlines);
    uv_close((uv_handle_t *)&admin->asked, NULL);
    return 0;
}

static void close_loop(struct http_admin *admin)
{
    if (!admin->has_loop)
        return;
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
    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET,
                            0, NULL, NULL, on_access, data, MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)INT_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)HEAD_BYTES, MHD_OPTION_CONNECTION_TIMEOUT,
                            (unsigned)CONNECTION_MS / 1000, MHD_OPTION_NOTIFY_CONNECTION,
                            on_connection, data, MHD_OPTION_END);
}

static int bind_all(struct http_admin *admin, const struct address_list *addresses,
                    struct inherited *inherited)
{
    for (size_t i = 0; i < addresses->count; i++) {
        struct admin_listener *listener = &admin->listeners[i];
        if (http_listener_open(&listener->http, &addresses->addresses[i], "listen.admin", inherited,
                               HTTP_ADMIN_CONNECTIONS, &admin->deadlines))
            return -1;
        listener->is_local = listen_address_is_local(&addresses->addresses[i]);
        admin->listener_count = i + 1;
    }
    return 0;
}

static int start(struct http_admin *admin, struct admin_listener *listener)
{
    const char *name = listener->http.socket.name;
    if (http_listener_start(&listener->http, &admin->loop, 1, start_answering, admin))
        return -1;
    log_info("listening", log_str("protocol", "admin"), log_str("address", name));
    if (!listener->is_local) {
        log_warn("the network may read the host's figures: unless that is meant, choose a loopback "
                 "address in listen.admin",
                 log_str("address", name));
    }
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

static struct http_admin *allocate(const struct address_list *addresses)
{
    struct http_admin *admin = calloc(1, sizeof *admin);
    if (!admin)
        return NULL;
    admin->started_ms = clock_wall_ms();
    admin->listeners = calloc(addresses->count + 1, sizeof *admin->listeners);
    if (!admin->listeners || http_deadlines_init(&admin->deadlines, CONNECTION_MS, NULL, NULL))
        goto fail;
    if (pthread_mutex_init(&admin->mutex, NULL)) {
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
                                     struct inherited *inherited, struct access *access)
{
    struct http_admin *admin = allocate(addresses);
    if (!admin) {
        log_error("what answers on listen.admin could not be made: out of memory");
        return NULL;
    }
    admin->access = access;
    if (bind_all(admin, addresses, inherited))
        goto fail;
    if (open_loop(admin)) {
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

const struct http_listener *http_admin_http_listener(const struct http_admin *admin, size_t number)
{
    return number < admin->listener_count ? &admin->listeners[number].http : NULL;
}

/* --- The host's life */

void http_admin_ready(struct http_admin *admin, const struct metrics_sources *sources)
{
    pthread_mutex_lock(&admin->mutex);
    admin->sources = *sources;
    admin->has_sources = true;
    pthread_mutex_unlock(&admin->mutex);
    atomic_store(&admin->state, ADMIN_READY);
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
        atomic_store(&admin->state, ADMIN_DRAINING);
}

void http_admin_withdraw(struct http_admin *admin)
{
    if (!admin)
        return;
    http_admin_drain(admin);
    pthread_mutex_lock(&admin->mutex);
    admin->has_sources = false;
    pthread_mutex_unlock(&admin->mutex);
}

void http_admin_destroy(struct http_admin *admin)
{
    if (!admin)
        return;
    close_loop(admin);
    for (size_t i = 0; i < admin->listener_count; i++)
        http_listener_close(&admin->listeners[i].http);
    http_deadlines_finish(&admin->deadlines);
    for (size_t i = 0; i < admin->listener_count; i++)
        http_listener_finish(&admin->listeners[i].http);
    pthread_mutex_destroy(&admin->mutex);
    free(admin->listeners);
    free(admin);
}
