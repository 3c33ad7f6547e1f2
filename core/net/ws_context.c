/* libwebsockets contexts; see ws_context.h. */
#include "net/ws_context.h"

#include "base/log.h"
#include "net/worker.h"
#include "net/ws_connection.h"
#include "net/ws_handshake.h"

#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

/* Every idle connection has such a buffer; smaller ones cost system calls where much comes from one
 * client. */
#define RECEIVE_BUFFER 640

/* lws adds LWS_PRE to what it reads at once. */
_Static_assert(RECEIVE_BUFFER + LWS_PRE <= WS_RECEIVE_MAX, "what a read takes is known");

/* The longest head of a request; lws ends a connection that sends a longer one. */
#define HEAD_MAX 16384

/* From 4.3 on each object of lws counts itself in a log context, without a lock: with the common
 * one, workers lose counts to each other, and lws aborts. */
#define HAS_LOG_CONTEXTS (LWS_LIBRARY_VERSION_NUMBER >= 4003000)

struct ws_context {
    struct worker *worker;
#if HAS_LOG_CONTEXTS
    lws_log_cx_t log;
#endif
    struct lws_context *lws;
    struct lws_vhost *vhost;
    struct ws_subprotocol subprotocol; /* of the handshake that is going on */
    struct ws_extension extension;     /* the same */
    struct lws_protocols protocols[2];
};

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t size);

/* An extension for lws that changes nothing: it lets compressed messages in, and out of its frames
 * comes what was in them. lws has one that inflates, too; but that keeps 40 KiB for each
 * connection, forgets its window when the client said server_no_context_takeover, not when it was
 * told client_no_context_takeover, and declines no terms that it doesn't meet. */
static int pass_through(struct lws_context *lws, const struct lws_extension *extension,
                        struct lws *wsi, enum lws_extension_callback_reasons reason, void *user,
                        void *in, size_t size)
{
    static const struct lws_ext_options no_options[] = {{NULL, 0}};
    (void)lws, (void)extension, (void)wsi, (void)user, (void)size;
    if (reason == LWS_EXT_CB_CONSTRUCT)
        *(const struct lws_ext_options **)in = no_options;
    return 0;
}

/* Only while contexts are made, on the main thread: lws formats its lines in one static buffer, so
 * workers must not log at the same time. What it would say then is about what clients did wrong. */
static void emit(int level, const char *line)
{
    (void)level;
    log_error("libwebsockets", log_strn("line", line, strcspn(line, "\n")));
}

static void set_log_level(struct ws_context *context, int level)
{
    lws_set_log_level(level, emit);
#if HAS_LOG_CONTEXTS
    context->log.u.emit = emit;
    context->log.lll_flags = (uint32_t)level;
#else
    (void)context;
#endif
}

struct ws_context *ws_context_create(struct worker *worker)
{
    /* lws pings by itself otherwise; all zero switches that off. */
    static const lws_retry_bo_t no_pings = {0};
    static const struct lws_extension extensions[] = {
        {DEFLATE_EXTENSION, pass_through, NULL},
        {NULL, NULL, NULL},
    };
    struct ws_context *context = calloc(1, sizeof *context);
    if (!context)
        return NULL;
    context->worker = worker;
    /* lws reads this name at each handshake; see ws_handshake.c. While the context is made it must
     * not be empty. */
    strcpy(context->subprotocol.name, "toni");
    context->protocols[0] = (struct lws_protocols){
        .name = context->subprotocol.name,
        .callback = on_event,
        .per_session_data_size = 1, /* without any, lws doesn't say when it drops a connection */
        .rx_buffer_size = RECEIVE_BUFFER,
        .tx_packet_size = FRAME_MAX,
    };
    void *loops[] = {&worker->loop};
    uint64_t handshake_s = worker->server->limits.handshake_ms / 1000 + 2; /* ours comes first */
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = context->protocols,
        .extensions = extensions,
        .pt_serv_buf_size = FRAME_MAX,
        .max_http_header_data2 = HEAD_MAX,
        .timeout_secs = (unsigned)handshake_s,
        .timeout_secs_ah_idle = (unsigned)handshake_s,
        .retry_and_idle_policy = &no_pings,
        .foreign_loops = loops,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
    };
    set_log_level(context, LLL_ERR);
#if HAS_LOG_CONTEXTS
    info.log_cx = &context->log;
#endif
    context->lws = lws_create_context(&info);
    context->vhost = context->lws ? lws_get_vhost_by_name(context->lws, "default") : NULL;
    set_log_level(context, 0);
    if (!context->vhost) {
        if (context->lws)
            lws_context_destroy(context->lws);
        free(context);
        return NULL;
    }
    context->subprotocol.name[0] = '\0';
    return context;
}

void ws_context_close(struct ws_context *context)
{
    lws_context_destroy(context->lws);
}

void ws_context_destroy(struct ws_context *context)
{
    if (!context)
        return;
    lws_context_destroy(context->lws); /* the first time closed, the second frees */
    free(context);
}

int ws_context_adopt(struct ws_context *context, int fd, const char *address, struct place *place)
{
    struct places *places = &context->worker->server->places;
    struct ws_connection *connection = ws_connection_create(context->worker, fd, address);
    if (!connection) {
        places_give_back(places, place);
        free(place);
        close(fd);
        return -1;
    }
    connection->place = place;
    lws_sock_file_fd_type descriptor = {.sockfd = fd};
    /* On failure lws closes the descriptor. */
    connection->wsi = lws_adopt_descriptor_vhost(context->vhost, LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP,
                                                 descriptor, NULL, NULL);
    if (!connection->wsi) {
        ws_connection_unlink(connection);
        ws_connection_destroy(connection);
        return -1;
    }
    lws_set_opaque_user_data(connection->wsi, connection);
    places_arrive(places, place);
    return 0;
}

const char *ws_context_library_version(void)
{
    return lws_get_library_version();
}

void ws_context_service(struct ws_context *context)
{
    /* lws may hold bytes that it has read and not handled: then its loop has to turn again. And
     * timeouts that were set outside of its own events are seen only then. */
    if (context->worker->kills || !lws_service_adjust_timeout(context->lws, 1, 0))
        lws_cancel_service(context->lws);
    context->worker->kills = false;
}

static void destroy(struct lws *wsi, struct ws_connection *connection)
{
    lws_set_opaque_user_data(wsi, NULL);
    struct worker *worker = connection->worker;
    ws_connection_unlink(connection);
    ws_connection_destroy(connection);
    worker_release(worker);
}

/* The order of a connection's events, in every path: (…), WS_SERVER_DROP_PROTOCOL if it was
 * established, CLOSED or CLOSED_HTTP, WSI_DESTROY. Events that come while lws makes the wsi find no
 * connection yet. */
static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t size)
{
    (void)user;
    struct ws_connection *connection = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    if (!connection)
        return 0;
    struct worker *worker = connection->worker;
    worker_notice_turn(worker);
    switch (reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return ws_handshake_confirm(connection, in, &connection->worker->ws->subprotocol);
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return ws_handshake_decide(connection, &connection->worker->ws->subprotocol,
                                   &connection->worker->ws->extension);
    case LWS_CALLBACK_CONFIRM_EXTENSION_OKAY:
        return ws_handshake_confirm_extension(&connection->worker->ws->extension);
    case LWS_CALLBACK_ADD_HEADERS:
        ws_handshake_add_terms(connection, &connection->worker->ws->extension,
                               &((struct lws_process_html_args *)in)->p);
        return 0;
    case LWS_CALLBACK_HTTP:
        return ws_handshake_answer_plain(connection);
    case LWS_CALLBACK_RAW_RX:
        return ws_handshake_answer_unknown(connection);
    case LWS_CALLBACK_ESTABLISHED:
        return ws_connection_established(connection);
    case LWS_CALLBACK_RECEIVE:
        ws_connection_receive(connection, in, size);
        worker_notice_received(worker);
        return 0;
    case LWS_CALLBACK_RECEIVE_PONG:
        ws_connection_heard(connection);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return ws_connection_writable(connection);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        return ws_connection_peer_close(connection, in, size);
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
        ws_connection_dropped(connection);
        return 0;
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_CLOSED_HTTP:
        ws_connection_unlink(connection);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        destroy(wsi, connection);
        return 0;
    default:
        return 0;
    }
}
