/* Requests; see request.h. All of this runs on libmicrohttpd's threads; one connection stays
 * on one of them. */
#include "http/request.h"

#include "base/log_limit.h"
#include "http/cut.h"
#include "http/exchange.h"
#include "http/forwarding.h"
#include "http/framing.h"
#include "http/host.h"
#include "http/keeping.h"
#include "http/page.h"
#include "http/path.h"
#include "http/server.h"
#include "http/workbench.h"
#include "instance/instance.h"
#include "net/access.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <toni/error.h>

/* Of one head, with all that libmicrohttpd keeps for it. */
#define HEAD_BYTES 32768

/* Of that, for the head of the answer, without which libmicrohttpd closes the connection. */
#define ANSWER_BYTES 4096

/* What libmicrohttpd keeps for each field, parameter and cookie, beside its text. */
#define RECORD_BYTES 64

#define TOO_LARGE "The body is too large.\n"

#define METHODS "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

static bool method_is_known(const char *method)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(method, known[i]) == 0)
            return true;
    }
    return false;
}

/* --- The service */

/* The longest that fits: "/chat/admin" before "/chat". */
static size_t fit_below(toni_str base, void *data)
{
    toni_str rest;
    return http_path_below(((const toni_exchange *)data)->path, base, &rest) ? base.size : 0;
}

/* OPTIONS is answered from what the service says of every method that it doesn't have. */
static void answer_options(toni_exchange *exchange)
{
    if (exchange->answer.status == 405 && strcmp(exchange->method, "OPTIONS") == 0)
        exchange->answer.status = 204;
}

static void call_instance(struct instance *instance, toni_exchange *exchange)
{
    exchange->instance = instance;
    int32_t result = instance_on_request(instance, exchange);
    exchange->instance = NULL;
    if (result == TONI_OK && keeping_has(exchange))
        return;
    if (keeping_end(exchange, KEPT_WITHDRAWN) == KEPT_REFUSED)
        exchange->is_keep_refused = true;
    if (exchange->is_keep_refused && exchange->answer.status == 0) {
        http_exchange_refuse(exchange, 503, "Too many requests wait for an answer.\n",
                             "Retry-After", HTTP_RETRY_AFTER);
        return;
    }
    if (result != TONI_OK)
        instance_on_request_failed(instance, exchange, result);
    if (result == TONI_OK && exchange->answer.status == 0) {
        log_limited_by(&instance->figures->unanswered_lines, LOG_LEVEL_WARN,
                       "a request was left without an answer: it gets 500",
                       log_str("instance", instance->setup.name),
                       log_brief("method", exchange->method, strlen(exchange->method)),
                       log_brief("path", exchange->path.data, exchange->path.size),
                       log_str("address", exchange->address));
    }
    if (result != TONI_OK || exchange->answer.status == 0)
        http_exchange_refuse(exchange, 500, "The service failed to answer.\n", NULL, NULL);
}

static void refuse_at_the_end(toni_exchange *exchange)
{
    http_exchange_refuse(exchange, 503, "The server is shutting down.\n", "Retry-After",
                         HTTP_RETRY_AFTER);
}

/* The service may have been exchanged since it was found: then its successor answers, unless that
 * answers none any more. */
static void call_instance_of(struct slot *service, toni_exchange *exchange)
{
    struct instance *instance = slot_enter(service);
    if (instance && instance->descriptor->on_request &&
        http_path_below(exchange->path, instance->setup.path, &exchange->subpath))
        call_instance(instance, exchange);
    else
        http_exchange_refuse(exchange, 404, "No service answers on this path.\n", NULL, NULL);
    slot_exit(service);
}

/* Counted before it is asked whether services have ended: http_server_stop does it the other way
 * round, so it sees the call, or the call sees it. */
static void call_service(struct http_server *server, toni_exchange *exchange)
{
    struct slot *service = exchange->service;
    atomic_fetch_add(&service->requests, 1);
    if (atomic_load(&server->ended))
        refuse_at_the_end(exchange);
    else
        call_instance_of(service, exchange);
    atomic_fetch_sub(&service->requests, 1);
}

/* --- The steps of a request */

static void count_answer(struct http_server *server, const toni_exchange *exchange)
{
    struct counter *answers = exchange->service ? exchange->service->answers : server->answers;
    counter_add_shared(&answers[exchange->answer.status / 100 - 1], 1);
}

/* The head of the answer; what follows it, and until when, is streaming.h's. */
static enum MHD_Result send_stream(struct http_server *server, toni_exchange *exchange)
{
    /* Behind the head of an answer to HEAD libmicrohttpd sends the end of a chunked body. */
    exchange->is_last |= exchange->is_head || atomic_load(&server->draining);
    count_answer(server, exchange);
    return http_exchange_send(exchange) ? MHD_NO : MHD_YES;
}

static enum MHD_Result send_answer(struct http_server *server, toni_exchange *exchange)
{
    if (exchange->service)
        answer_options(exchange);
    exchange->is_last |= atomic_load(&server->draining);
    count_answer(server, exchange);
    http_deadlines_enter(&server->deadlines, exchange->connection, HTTP_SENDING);
    return http_exchange_send(exchange) ? MHD_NO : MHD_YES;
}

static bool announces_too_much(const toni_exchange *exchange)
{
    const char *length =
        MHD_lookup_connection_value(exchange->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    errno = 0;
    return length &&
           (strtoull(length, NULL, 10) > slot_limits(exchange->service)->http_body_bytes ||
            errno == ERANGE);
}

static const char *field(const toni_exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->mhd, MHD_HEADER_KIND, name);
}

static bool has_body(const toni_exchange *exchange)
{
    const char *length = field(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return (length && length[strspn(length, "0")] != '\0') ||
           field(exchange, MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

/* Answers a head that may be taken for two things; what follows it is not looked at. */
static bool judge_framing(toni_exchange *exchange, const char *version)
{
    uint32_t status;
    const char *problem = http_framing_problem(exchange->mhd, version, &status);
    if (!problem)
        return true;
    exchange->is_last = true;
    http_exchange_refuse(exchange, status, problem, NULL, NULL);
    return false;
}

/* Finds the service, or answers why there is none. */
static void judge_head(const struct http_server *server, toni_exchange *exchange,
                       const char *method)
{
    exchange->service =
        exchange->path_is_bad ? NULL : slots_find(server->slots, TONI_SERVICE, fit_below, exchange);
    if (atomic_load(&server->refusing)) {
        refuse_at_the_end(exchange);
    } else if (!http_host_is_ours(server->access, exchange->mhd, exchange->connection,
                                  exchange->address)) {
        http_exchange_refuse(exchange, 403, HTTP_HOST_REFUSAL, NULL, NULL);
    } else if (!method_is_known(method)) {
        http_exchange_refuse(exchange, 405, "Method not known here.\n", "Allow", METHODS);
    } else if (exchange->is_asterisk && strcmp(method, "OPTIONS") == 0) {
        http_exchange_refuse(exchange, 204, "", "Allow", METHODS);
    } else if (exchange->path_is_bad) {
        http_exchange_refuse(exchange, 400, "The request target is no valid path.\n", NULL, NULL);
    } else if (!exchange->service && !http_page_answer(server->page, exchange) &&
               !http_workbench_answer(server, exchange)) {
        http_exchange_refuse(exchange, 404, "No service answers on this path.\n", NULL, NULL);
    } else if (exchange->service && announces_too_much(exchange)) {
        http_exchange_refuse(exchange, 413, TOO_LARGE, NULL, NULL);
    }
}

/* The service has kept the exchange: its connection sleeps until there is an answer. */
static enum MHD_Result look_at_kept(struct http_server *server, toni_exchange *exchange)
{
    switch (keeping_look(exchange)) {
    case KEEPING_SLEEPS:
        http_deadlines_enter(&server->deadlines, exchange->connection, HTTP_KEPT);
        return MHD_YES;
    case KEEPING_STREAMS:
        return send_stream(server, exchange);
    case KEEPING_ENDS:
        exchange->is_answered = true;
        return MHD_NO;
    case KEEPING_ANSWERS:
        break;
    }
    return send_answer(server, exchange);
}

/* The request needs nothing more of the client. */
static enum MHD_Result answer(struct http_server *server, toni_exchange *exchange)
{
    if (exchange->answer.status == 0) {
        http_deadlines_enter(&server->deadlines, exchange->connection, HTTP_RUNNING);
        call_service(server, exchange);
    }
    if (keeping_has(exchange))
        return look_at_kept(server, exchange);
    return send_answer(server, exchange);
}

/* Where libmicrohttpd takes no answer: in the middle of a body, and after a head that leaves no
 * memory for one. @return What ends the connection. */
static enum MHD_Result cut(struct http_server *server, toni_exchange *exchange, uint32_t status,
                           const char *line, const char *fields, const char *text)
{
    exchange->answer.status = status;
    exchange->is_answered = true;
    count_answer(server, exchange);
    http_cut_answer(exchange->connection->fd, line, fields, text);
    return MHD_NO;
}

static bool head_takes_too_much(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    const int records = MHD_get_connection_values(
        mhd, MHD_HEADER_KIND | MHD_COOKIE_KIND | MHD_GET_ARGUMENT_KIND, NULL, NULL);
    return (info ? info->header_size : 0) + (size_t)records * RECORD_BYTES >
           HEAD_BYTES - ANSWER_BYTES;
}

/* The head is whole. A refusal goes out before the body is read, which ends the connection; where
 * there is no body it waits for the next call, which doesn't. But if the client asks whether it may
 * send a body, and then has none, libmicrohttpd may make that call while it takes no answer. */
static enum MHD_Result take_head(struct http_server *server, toni_exchange *exchange,
                                 const char *method, const char *version)
{
    exchange->is_head = strcmp(method, "HEAD") == 0; /* libmicrohttpd leaves its content out */
    exchange->method = exchange->is_head ? "GET" : method;
    exchange->is_old_http = strcmp(version, MHD_HTTP_VERSION_1_1) != 0;
    if (head_takes_too_much(exchange->mhd)) {
        return cut(server, exchange, 431, "431 Request Header Fields Too Large", "",
                   "The head of the request is too large.\n");
    }
    if (judge_framing(exchange, version) && http_forwarding_read(server->access, exchange))
        judge_head(server, exchange, method);
    if (has_body(exchange) ? exchange->answer.status == 0
                           : !field(exchange, MHD_HTTP_HEADER_EXPECT))
        return MHD_YES;
    exchange->is_last = true;
    return answer(server, exchange);
}

/* Counts what the body takes now. @return Whether all bodies together take no more than they may,
 * or a larger one gives way. */
static bool charge(struct http_server *server, toni_exchange *exchange)
{
    const uint64_t more = exchange->body.capacity - exchange->charged;
    if (more == 0)
        return true;
    exchange->charged += more;
    http_deadlines_note_body(&server->deadlines, exchange->connection, exchange->charged);
    return atomic_fetch_add(&server->body_bytes, more) + more <=
               server->limits.http_body_bytes_total ||
           http_deadlines_make_room(&server->deadlines, exchange->connection);
}

static enum MHD_Result take_body(struct http_server *server, toni_exchange *exchange,
                                 const char *bytes, size_t size)
{
    if (exchange->body.length + size > slot_limits(exchange->service)->http_body_bytes)
        return cut(server, exchange, 413, "413 Content Too Large", "", TOO_LARGE);
    if (buffer_reserve(&exchange->body, size) || !charge(server, exchange))
        return cut(server, exchange, 503, HTTP_NO_ROOM);
    return buffer_append(&exchange->body, bytes, size) ? MHD_NO : MHD_YES;
}

/* NOLINTNEXTLINE(readability-function-size): as many parameters as libmicrohttpd has */
static enum MHD_Result on_access(void *data, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *bytes,
                                 size_t *size, void **state)
{
    (void)mhd, (void)url;
    struct http_server *server = data;
    toni_exchange *exchange = *state;
    if (!exchange) /* no memory */
        return MHD_NO;
    if (!exchange->method)
        return take_head(server, exchange, method, version);
    if (keeping_has(exchange))
        return look_at_kept(server, exchange);
    if (*size > 0) {
        const size_t taken = *size;
        *size = 0;
        return take_body(server, exchange, bytes, taken);
    }
    exchange->connection->has_rest = false;
    return exchange->is_answered ? MHD_YES : answer(server, exchange);
}

/* --- The ends of a request and of a connection */

/* While draining, the end of the last request wakes the main loop. */
static void count_down(struct http_server *server, atomic_uint_fast64_t *count)
{
    if (atomic_fetch_sub(count, 1) == 1 && atomic_load(&server->draining))
        uv_async_send(server->drained);
}

void http_newcomer_over(void *data)
{
    struct http_server *server = data;
    count_down(server, &server->newcomers);
}

/* It is waited for until its first request has begun, or it is gone. */
static void end_newcomer(struct http_server *server, struct http_connection *connection)
{
    if (!connection->has_asked)
        count_down(server, &server->newcomers);
    connection->has_asked = true;
}

void http_request_lost(void *data, struct http_connection *connection)
{
    end_newcomer(data, connection);
}

static struct http_connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* The exchange belongs to its connection, and ends with it at the latest: of a request that it has
 * given up by itself libmicrohttpd may say nothing more. */
static void end_exchange(struct http_server *server, struct http_connection *connection)
{
    toni_exchange *exchange = connection->exchange;
    connection->exchange = NULL;
    if (!exchange)
        return;
    (void)keeping_end(exchange, KEPT_GONE);
    if (exchange->charged > 0)
        http_deadlines_note_body(&server->deadlines, connection, 0);
    atomic_fetch_sub(&server->body_bytes, exchange->charged);
    http_exchange_destroy(exchange);
    count_down(server, &server->requests);
}

/* libmicrohttpd keeps a record of each parameter beside the read buffer, which takes half of the
 * memory from the beginning. Where they don't fit it answers nothing, and goes on waiting; so what
 * may not fit is answered here, past it, and the socket shut down, which it notices. */
static bool refuse_target(struct http_server *server, struct http_connection *connection,
                          const char *target)
{
    const char *problem = http_target_problem(target);
    if (!problem)
        return false;
    counter_add_shared(&server->answers[414 / 100 - 1], 1);
    http_cut_answer(connection->fd, "414 URI Too Long", "", problem);
    shutdown(connection->fd, SHUT_RDWR);
    return true;
}

static toni_exchange *begin_exchange(struct http_server *server, struct http_connection *connection,
                                     const char *target, struct MHD_Connection *mhd)
{
    connection->has_rest = true;
    if (refuse_target(server, connection, target))
        return NULL;
    toni_exchange *exchange = http_exchange_create(server->host, mhd, connection, target);
    if (!exchange)
        return NULL;
    exchange->deadlines = &server->deadlines;
    connection->exchange = exchange;
    atomic_fetch_add(&server->requests, 1);
    http_deadlines_enter(&server->deadlines, connection, HTTP_READING);
    return exchange;
}

/* A newcomer counts as one until its request counts: a host that leaves ends once it has neither.
 */
static void *on_request_line(void *data, const char *target, struct MHD_Connection *mhd)
{
    struct http_server *server = data;
    struct http_connection *connection = connection_of(mhd);
    if (!connection)
        return NULL;
    end_exchange(server, connection);
    toni_exchange *exchange = begin_exchange(server, connection, target, mhd);
    end_newcomer(server, connection);
    return exchange;
}

static void on_completed(void *data, struct MHD_Connection *mhd, void **state,
                         enum MHD_RequestTerminationCode why)
{
    struct http_server *server = data;
    struct http_connection *connection = connection_of(mhd);
    *state = NULL;
    if (!connection)
        return;
    const enum http_phase before =
        http_deadlines_enter(&server->deadlines, connection, HTTP_WAITING);
    if (why != MHD_REQUEST_TERMINATED_COMPLETED_OK && before != HTTP_READING)
        http_secure_cut(connection->secure);
    end_exchange(server, connection);
}

static void end_connection(struct http_server *server, struct http_connection *connection)
{
    end_exchange(server, connection);
    end_newcomer(server, connection);
    if (connection->has_rest)
        http_linger_take(&server->linger, connection->fd);
}

static void on_connection(void *data, struct MHD_Connection *mhd, void **state,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_server *server = data;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*state)
            end_connection(server, *state);
        http_deadlines_remove(&server->deadlines, *state);
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    *state = info ? http_deadlines_start(&server->deadlines, info->connect_fd) : NULL;
}

/* --- libmicrohttpd */

__attribute__((format(printf, 2, 0))) static void on_log(void *data, const char *format,
                                                         va_list arguments)
{
    (void)data;
    char text[512];
    if (!log_enabled(LOG_LEVEL_DEBUG) || vsnprintf(text, sizeof text, format, arguments) < 0)
        return;
    text[strcspn(text, "\n")] = '\0';
    log_limited(LOG_LEVEL_DEBUG, "libmicrohttpd", log_str("text", text));
}

/* How many connections there may be is decided before they come here. */
struct MHD_Daemon *http_request_start(void *data)
{
    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG |
                                MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME,
                            0, NULL, NULL, on_access, data, MHD_OPTION_EXTERNAL_LOGGER, on_log,
                            NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)INT_MAX,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_BYTES,
                            MHD_OPTION_URI_LOG_CALLBACK, on_request_line, data,
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, data,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, data, MHD_OPTION_END);
}
