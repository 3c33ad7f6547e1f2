/* Where the server is, and how a client asks it for a WebSocket. */
#ifndef CLIENT_TARGET_H
#define CLIENT_TARGET_H

#include "client/url.h"

#include <openssl/types.h>
#include <stdint.h>
#include <sys/socket.h>

/** How many connections come from one address at most: a port for each, of those that Linux gives
 * out. */
#define CONNECTIONS_PER_SOURCE 20000U

/** The example key of RFC 6455, and what it is answered with: a load needs no secret. */
#define TARGET_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define TARGET_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#define TARGET_REQUEST_SIZE 16384U

struct target {
    struct sockaddr_storage address;
    socklen_t address_size;
    char host[300];          /* what the field Host says */
    const char *fields;      /* further fields, each with its line end; "" if there are none */
    const char *subprotocol; /* that is asked for; NULL: none */
    SSL_CTX *tls;            /* the caller's; NULL: plain */
    const char *tls_name;    /* what the certificate must have; NULL: anything */
    struct sockaddr_storage *sources; /* to connect from, in turn */
    uint32_t source_count;            /* 0: the system's choice; on 127.0.0.1, many of 127/8 */
};

/** 127.0.0.1. */
void target_init_local(struct target *target, uint16_t port);

/** Looks the host up. Of several addresses, the first that can be connected to is taken.
 * @param url  For as long as the target.
 * @return NULL, or what is wrong. */
const char *target_init(struct target *target, const struct url *url);

/** @param text  An address of this machine, such as 127.0.0.2. @return NULL, or what is wrong. */
const char *target_add_source(struct target *target, const char *text);

/** Frees what the functions above have made. */
void target_finish(struct target *target);

/** Connects.
 * @param number  Of the connection: decides which address it comes from.
 * @param flags   0: waits until it is connected; SOCK_NONBLOCK: the socket becomes writable then.
 * @return The socket, or -1 with errno. */
int target_connect(const struct target *target, uint32_t number, int flags);

/** Writes a request for an upgrade. @return Its size; 0: it is too long. */
size_t target_request(const struct target *target, const char *path,
                      char request[TARGET_REQUEST_SIZE]);

#endif
