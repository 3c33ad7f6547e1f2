/* The HTTP side of the host: requests on `listen.http`, answered by services. It has threads of its
 * own, so that a service may take its time without holding up a WebSocket client.
 *
 * In this order: http_server_create, http_server_bind, http_server_start; then http_server_drain,
 * http_server_leave or http_server_stop_accepting, http_server_stop, http_server_destroy. All on
 * the host's main thread. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/counter.h"
#include "config/config.h"
#include "http/deadlines.h"
#include "http/linger.h"
#include "http/listener.h"
#include "instance/slot.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

struct access;
struct http_page;
struct tls_set;

struct http_server {
    const toni_host *host; /* borrowed */
    struct slots *slots;   /* borrowed; say which service answers on a path */
    struct limits limits;
    struct access *access; /* borrowed; set before http_server_start */
    uv_async_t *drained;   /* sent while draining, when http_server_idle may have changed */
    atomic_bool draining;  /* nobody is accepted any more, and answers end their connection */
    atomic_bool refusing;  /* and new requests get 503 */
    atomic_bool ended;     /* services are not called any more: they are about to be destroyed */
    atomic_uint_fast64_t requests;        /* begun, and not answered to the end yet */
    atomic_uint_fast64_t body_bytes;      /* that the bodies of requests take */
    atomic_uint_fast64_t newcomers;       /* connections whose first request has not begun */
    struct counter answers[HTTP_CLASSES]; /* to requests for no service */
    struct http_listener *listeners;
    size_t listener_count;
    struct http_page *page;           /* NULL: none */
    const struct listener *websocket; /* borrowed; where it finds the gateways */
    size_t websocket_count;
    struct http_deadlines deadlines;
    struct http_linger linger;
    struct tls_front *front; /* of the addresses that speak TLS; NULL: none does */
    struct tls_figures tls_figures;
};

/** Makes the server; binds nothing.
 * @param drained  A handle of the main loop.
 * @return NULL on an error, which is logged. */
struct http_server *http_server_create(const toni_host *host, struct slots *slots,
                                       const struct limits *limits, uv_async_t *drained);

/** Binds all addresses, or none; those that @p inherited has are taken from there.
 * @param tls  What each of them speaks.
 * @return 0, or -1; then the log says which address it was, and why. */
int http_server_bind(struct http_server *server, const struct address_list *addresses,
                     const struct tls_set *tls, struct inherited *inherited);

/** Has new clients get other certificates. @param tls  Of the same addresses. */
void http_server_change_tls(struct http_server *server, const struct tls_set *tls);

/** Offers the first page for people, where no service has its paths; before http_server_start. If
 * it can't be read the log says so, and the server does without.
 * @param folder     Of its files.
 * @param websocket  Bound: where the page finds the gateways. They stay until the server is
 * destroyed. */
void http_server_offer_page(struct http_server *server, const char *folder,
                            const struct listener *websocket, size_t websocket_count);

/** Gives the page, if there is one, the gateways of the moment. @thread Any one. */
void http_server_describe_again(struct http_server *server);

/** Says in the log where the page is, if a browser can reach it; after http_server_start. */
void http_server_report_page(const struct http_server *server);

/** Lowers how many connections each address may have. Before http_server_start. */
void http_server_limit(struct http_server *server, uint64_t connections);

/** Starts the threads, and accepts on @p loop, which is the main thread's.
 * @return 0, or -1, which is logged. */
int http_server_start(struct http_server *server, uv_loop_t *loop);

/** Stops accepting; new requests on connections that there are get 503. `drained` is sent when the
 * last request is over. */
void http_server_drain(struct http_server *server);

/** Stops accepting. Requests on connections that there are go on being answered; each answer ends
 * its connection. */
void http_server_stop_accepting(struct http_server *server);

/** The same, and the listening sockets are left to a successor that has them too. */
void http_server_leave(struct http_server *server);

/** @return Whether a listening socket is a service manager's, who keeps it. */
bool http_server_sockets_stay(const struct http_server *server);

/** @return Whether no request is under way; unless new ones are refused, nor the first one of a
 * connection awaited. @thread Any. */
bool http_server_idle(const struct http_server *server);

/** Closes all connections and joins the threads.
 * @return 0, or -1 if a service still has a request: its thread can't be ended. The log names the
 * service, which is abandoned. */
int http_server_stop(struct http_server *server);

/** After http_server_stop returned 0, and once the main loop has turned. @param server  NULL is
 * fine. */
void http_server_destroy(struct http_server *server);

#endif
