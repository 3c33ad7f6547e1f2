/* The TLS of `listen.http` and `listen.admin`: libmicrohttpd speaks HTTP, and nothing of TLS. A
 * thread with a loop of its own does the handshakes. Once one is done, it hands on one end of a
 * pair of sockets in the client's place, and from then on carries bytes between the client and that
 * pair. Not about what they say.
 *
 * Nothing grows: what one side does not take is not read of the other. So a connection has at most
 * a piece of FRONT_PIECE bytes on its way in, the records of one on their way out, what OpenSSL
 * needs, and what the kernel keeps for the pair, FRONT_PAIR_BYTES each way.
 *
 * Ends go through: a client that has ended its side is still answered, and one that ends without
 * close_notify is cut off. An answer that was given up in its middle ends without close_notify. */
#ifndef HTTP_TLS_FRONT_H
#define HTTP_TLS_FRONT_H

#include "config/proxies.h"
#include "http/secure.h"
#include "net/places.h"
#include "tls/context.h"
#include "tls/figures.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/socket.h>

/* What is read at a time: one record. */
#define FRONT_PIECE 16384

/* What the kernel is asked to keep for each end of a pair. It takes twice as much, with what it
 * needs itself. */
#define FRONT_PAIR_BYTES 65536

struct tls_front;

/* A client that was just accepted. */
struct tls_newcomer {
    int fd;
    struct sockaddr_storage peer; /* whose it is */
    socklen_t length;
    enum proxy_way way; /* how its heads may name other addresses; PROXY_NONE: they can't */
};

/* One listening address of TLS. */
struct tls_door {
    struct tls_port port;    /* whose context is for the next client */
    struct places *places;   /* of the address; borrowed. A client that is in no service has one */
    struct tls_front *front; /* borrowed */

    /* A client has shaken hands: what it sends comes out of the descriptor, in plain. That and the
     * reference of `secure` are the callee's. @thread The front's. */
    void (*ready)(void *data, const struct tls_newcomer *client, struct http_secure *secure);

    /* One that was taken has gone before it was ready. @thread The front's. */
    void (*lost)(void *data);
    void *data;

    atomic_uint_fast64_t open; /* sockets of clients, until they are closed */
};

/** Makes a front, and starts its thread.
 * @param figures   It counts there; outlives it.
 * @param limit_ms  For a handshake, and for the reading of what is left when its answers have
 * ended.
 * @return NULL without memory, descriptors or threads. */
struct tls_front *tls_front_create(uint64_t limit_ms, struct tls_figures *figures);

/** Takes a client that was just accepted. If there is no memory it is closed, and lost.
 * @param door  Outlives the front. @thread Any, one at a time. */
void tls_front_take(struct tls_door *door, const struct tls_newcomer *client);

/** Hands on no client from now on: those that they are handed to are about to end. @thread Any.
 * @param front  NULL is fine. */
void tls_front_refuse(struct tls_front *front);

/** Ends all clients once they have got what there is for them, and the thread; after
 * tls_front_refuse. Those that the other
 * ends of the pairs were handed to must have closed them, and nobody may take any more.
 * @param limit_ms  For the slow ones. @param front  Freed; NULL is fine. */
void tls_front_destroy(struct tls_front *front, uint64_t limit_ms);

#endif
