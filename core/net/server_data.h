/* What the server's listeners and workers share. Set up and ended by server.h; the workers' threads
 * read it, and change what is atomic or has a lock. */
#ifndef NET_SERVER_DATA_H
#define NET_SERVER_DATA_H

#include "instance/slot.h"
#include "net/admission.h"
#include "net/places.h"
#include "net/proxy_reading.h"
#include "net/secure.h"
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

struct server;
struct worker;

/* What a listener hands its clients on with. */
struct server_port {
    struct server *server;
    struct tls_port tls;
    bool is_tls;
};

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
    struct proxy_reading proxied; /* the same: sockets of proxies before their PROXY header */
    struct worker *workers;
    uint32_t worker_count;
    uint32_t started;         /* workers with a thread */
    pthread_mutex_t end_lock; /* a leaf: guards the workers' `has_ended` */
    pthread_cond_t one_ended;
    struct secure_totals secure; /* of all workers' TLS */
    struct listener *listeners;
    struct server_port *ports; /* of each of them */
    size_t listener_count;
};

#endif
