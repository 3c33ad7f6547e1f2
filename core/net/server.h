/* The server: listeners, workers, and what they share. The host makes one; everything in it but the
 * listeners runs on the workers' threads.
 *
 * In this order: server_create, server_bind, server_start, server_accept; then server_drain,
 * server_leave or server_stop_accepting, server_stop, server_destroy. All on the host's main
 * thread. */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include "config/listen_address.h"
#include "net/server_data.h"
#include "tls/set.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct inherited;

/** Makes the server and its workers, one for each lane of @p connections; binds nothing.
 * @param connections  Its lanes are initialised here.
 * @param slots    Outlive the server.
 * @param drained  A handle of the main loop.
 * @return NULL on an error, which is logged. */
struct server *server_create(toni_connections *connections, struct slots *slots,
                             const struct limits *limits, uv_async_t *drained);

/** Binds all addresses, or none; those that @p inherited has are taken from there.
 * @param tls  Of the addresses, in their order; it may go afterwards.
 * @return 0, or -1; then the log says which address it was, and why. */
int server_bind(struct server *server, const struct listen_address *addresses, size_t count,
                const struct tls_set *tls, struct inherited *inherited);

/** Has new clients of all addresses get other certificates and terms.
 * @param tls  Of the same addresses in their order; an address stays plain, or stays not. */
void server_change_tls(struct server *server, const struct tls_set *tls);

/** Lowers how many clients may be there, and sockets beside them: of those that are in their
 * handshake, or get a refusal. Before server_accept. */
void server_limit(struct server *server, uint64_t connections, uint64_t handshakes);

/** Starts the workers' threads. @return 0, or -1, which is logged. */
int server_start(struct server *server);

/** Begins to accept, on @p loop, which is the main thread's. @return 0, or -1, which is logged. */
int server_accept(struct server *server, uv_loop_t *loop);

/** Stops accepting, and tells all clients 1001; `drained` is sent once they are gone. */
void server_drain(struct server *server);

/** Ends those whose PROXY header is still waited for. Nobody may be accepted any more. */
void server_end_unnamed(struct server *server);

/** Stops accepting. Who has connected already is answered, and served until its turn comes:
 * server_drain_staggered must follow. */
void server_stop_accepting(struct server *server);

/** The same, and the listening sockets are left to a successor that has them too. */
void server_leave(struct server *server);

/** @return Whether a listening socket is a service manager's, who keeps it. */
bool server_sockets_stay(const struct server *server);

/** Tells the clients 1001, spread over most of @p drain_ms: the rest is for those that were told
 * last. `drained` is sent when nobody is left. */
void server_drain_staggered(struct server *server, uint64_t drain_ms);

/** @return Whether, while draining, nobody is left who is waited for. */
bool server_is_drained(const struct server *server);

/** Stops accepting, ends all connections at once, and joins the workers. Callbacks may run until it
 * returns.
 * @return 0; -1 if a callback still holds up a worker after `hook_ms`: it is named in the log, and
 * all gateways are abandoned, since that worker's clients may yet call any. */
int server_stop(struct server *server);

/** After server_stop, and once the main loop has turned. @param server  NULL is fine. */
void server_destroy(struct server *server);

#endif
