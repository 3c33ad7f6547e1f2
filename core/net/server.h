/* The server: listeners, workers, and what they share. The host makes one; everything in it but the
 * listeners runs on the workers' threads.
 *
 * In this order: server_create, server_bind, server_start, server_accept; then server_drain or
 * server_leave, server_stop, server_destroy. All on the host's main thread. */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include "config/listen_address.h"
#include "instance/slot.h"
#include "net/admission.h"
#include "net/places.h"
#include "net/trim.h"
#include "rooms/connections.h"
#include "rooms/limits.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

struct access;
struct guard_tickets;
/** Sockets beyond limits.connections: of those that are in their handshake, or get a refusal. */
#define SERVER_HANDSHAKES_MAX 1024

struct inherited;
struct listener;
struct worker;

struct server {
    toni_connections *connections; /* borrowed */
    struct slots *slots;           /* borrowed; say which gateway answers on a path */
    struct limits limits;          /* of the host */
    struct access *access;         /* borrowed; set before the first client comes */
    struct admission admission;
    struct guard_tickets *guard_tickets; /* of all gateways' guards that wait */
    struct places places; /* of all listeners together: who has not finished the handshake waits */
    atomic_bool draining; /* nobody is accepted any more */
    atomic_bool refusing; /* and who is still in the handshake gets 503 */
    atomic_uint_fast64_t clients; /* that `on_disconnect` is still owed to */
    uint64_t staggered_ms;        /* that the workers take to tell their clients; see drain.h */
    uv_async_t *drained;          /* sent while draining, when server_is_drained may have changed */
    struct trim trim;             /* of the main loop */
    struct worker *workers;
    uint32_t worker_count;
    uint32_t started;         /* workers with a thread */
    pthread_mutex_t end_lock; /* a leaf: guards the workers' `has_ended` */
    pthread_cond_t one_ended;
    struct listener *listeners;
    size_t listener_count;
};

/** Makes the server and its workers, one for each lane of @p connections; binds nothing.
 * @param connections  Its lanes are initialised here.
 * @param slots    Outlive the server.
 * @param drained  A handle of the main loop.
 * @return NULL on an error, which is logged. */
struct server *server_create(toni_connections *connections, struct slots *slots,
                             const struct limits *limits, uv_async_t *drained);

/** Binds all addresses, or none; those that @p inherited has are taken from there.
 * @return 0, or -1; then the log says which address it was, and why. */
int server_bind(struct server *server, const struct listen_address *addresses, size_t count,
                struct inherited *inherited);

/** Lowers how many clients may be there, and sockets beside them: of those that are in their
 * handshake, or get a refusal. Before server_accept. */
void server_limit(struct server *server, uint64_t connections, uint64_t handshakes);

/** Starts the workers' threads. @return 0, or -1, which is logged. */
int server_start(struct server *server);

/** Begins to accept, on @p loop, which is the main thread's. @return 0, or -1, which is logged. */
int server_accept(struct server *server, uv_loop_t *loop);

/** Stops accepting, and tells all clients 1001; `drained` is sent once they are gone. */
void server_drain(struct server *server);

/** Leaves the listening sockets to a successor that has them too. Who has connected already is
 * answered, and served until its turn comes: server_drain_staggered must follow. */
void server_leave(struct server *server);

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

/** A worker's loop has ended. @thread The worker's, as the last it does. */
void server_worker_ended(struct server *server, struct worker *worker);

/** After server_stop, and once the main loop has turned. @param server  NULL is fine. */
void server_destroy(struct server *server);

#endif
