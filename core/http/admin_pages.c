/* Health and figures; see admin_pages.h. */
#include "http/admin_pages.h"

#include "base/clock.h"
#include "base/log_limit.h"
#include "clustering/clustering.h"
#include "http/deadlines.h"
#include "http/host.h"
#include "http/peer.h"

#include <string.h>

/* --- What is shown */

int admin_pages_init(struct admin_pages *pages, struct access *access)
{
    *pages = (struct admin_pages){.started_ms = clock_wall_ms(), .access = access};
    if (pthread_mutex_init(&pages->mutex, NULL))
        return -1;
    if (!pthread_mutex_init(&pages->token_mutex, NULL))
        return 0;
    pthread_mutex_destroy(&pages->mutex);
    return -1;
}

void admin_pages_finish(struct admin_pages *pages)
{
    pthread_mutex_destroy(&pages->token_mutex);
    pthread_mutex_destroy(&pages->mutex);
    explicit_bzero(&pages->token, sizeof pages->token);
}

void admin_pages_change_token(struct admin_pages *pages, const struct admin_token *token)
{
    pthread_mutex_lock(&pages->token_mutex);
    pages->token = *token;
    pthread_mutex_unlock(&pages->token_mutex);
}

void admin_pages_ready(struct admin_pages *pages, const struct metrics_sources *sources)
{
    pthread_mutex_lock(&pages->mutex);
    pages->sources = *sources;
    pages->has_sources = true;
    pthread_mutex_unlock(&pages->mutex);
    atomic_store(&pages->state, ADMIN_READY);
}

void admin_pages_drain(struct admin_pages *pages)
{
    atomic_store(&pages->state, ADMIN_DRAINING);
}

void admin_pages_withdraw(struct admin_pages *pages)
{
    admin_pages_drain(pages);
    pthread_mutex_lock(&pages->mutex);
    pages->has_sources = false;
    pthread_mutex_unlock(&pages->mutex);
}

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
        (status != 405 || MHD_add_response_header(response, "Allow", "GET, HEAD") == MHD_YES) &&
        (status != 401 ||
         MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"toni\"") == MHD_YES))
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

static enum MHD_Result send_health(struct admin_pages *pages, struct MHD_Connection *connection)
{
    (void)pages;
    return send_text(connection, 200, "ok\n");
}

/* `ready` of `cluster` in gateways.conf: the engine is a reason to send clients elsewhere. */
static bool lacks_engine(struct admin_pages *pages)
{
    pthread_mutex_lock(&pages->mutex);
    const struct metrics_sources *sources = &pages->sources;
    const bool lacks = pages->has_sources && sources->clustering && sources->is_ready_by_cluster &&
                       !clustering_is_up(sources->clustering);
    pthread_mutex_unlock(&pages->mutex);
    return lacks;
}

static enum MHD_Result send_readiness(struct admin_pages *pages, struct MHD_Connection *connection)
{
    switch (atomic_load(&pages->state)) {
    case ADMIN_READY:
        if (lacks_engine(pages))
            return send_text(connection, 503, "a server of the cluster's engine is away\n");
        return send_text(connection, 200, "ready\n");
    case ADMIN_DRAINING:
        return send_text(connection, 503, "draining\n");
    case ADMIN_STARTING:
    default:
        return send_text(connection, 503, "starting\n");
    }
}

static void write_metrics(struct admin_pages *pages, struct exposition *exposition)
{
    const struct metrics_process process = {
        .is_ready = atomic_load(&pages->state) == ADMIN_READY && !lacks_engine(pages),
        .started_ms = pages->started_ms,
        .libmicrohttpd = MHD_get_version(),
    };
    metrics_write_process(exposition, &process);
    pthread_mutex_lock(&pages->mutex);
    if (pages->has_sources)
        metrics_write_host(exposition, &pages->sources);
    pthread_mutex_unlock(&pages->mutex);
}

static enum MHD_Result send_metrics(struct admin_pages *pages, struct MHD_Connection *connection)
{
    struct exposition exposition;
    exposition_init(&exposition);
    write_metrics(pages, &exposition);
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
    enum MHD_Result (*send)(struct admin_pages *pages, struct MHD_Connection *connection);
    bool any_host; /* any Host will do: a stranger learns no more than a word */
} known[] = {
    {"/healthz", send_health, true},
    {"/readyz", send_readiness, true},
    {"/metrics", send_metrics, false},
};

/* A certificate that was shown is good: else its handshake would have failed. */
static bool is_known(struct admin_pages *pages, const struct http_connection *connection,
                     const char *authorization)
{
    if (connection->secure && connection->secure->certificate)
        return true;
    pthread_mutex_lock(&pages->token_mutex);
    const bool is_shown = admin_token_is_shown(&pages->token, authorization);
    pthread_mutex_unlock(&pages->token_mutex);
    return is_shown;
}

static bool may_ask(struct admin_pages *pages, struct MHD_Connection *mhd,
                    const struct http_connection *connection, const char *address)
{
    const char *authorization = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "Authorization");
    if (is_known(pages, connection, authorization))
        return true;
    log_limited(LOG_LEVEL_WARN,
                "a request on listen.admin was refused: it does not show the token of "
                "listen.admin_token",
                log_str("shown", authorization ? "another" : "none"), log_str("address", address));
    return false;
}

enum MHD_Result admin_pages_answer(struct admin_pages *pages, struct MHD_Connection *connection,
                                   const char *path, const char *method)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    const struct http_connection *ours = info ? info->socket_context : NULL;
    if (!ours)
        return MHD_NO;
    char address[INET6_ADDRSTRLEN];
    http_peer_text(connection, address);
    const bool is_read = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (!may_ask(pages, connection, ours, address))
        return send_text(connection, 401, "Show the token: Authorization: Bearer TOKEN\n");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(path, known[i].path) != 0)
            continue;
        if (!known[i].any_host && !http_host_is_ours(pages->access, connection, ours, address))
            return send_text(connection, 403, HTTP_HOST_REFUSAL);
        return is_read ? known[i].send(pages, connection)
                       : send_text(connection, 405, "Only GET and HEAD.\n");
    }
    return send_text(connection, 404, "There are /healthz, /readyz and /metrics.\n");
}
