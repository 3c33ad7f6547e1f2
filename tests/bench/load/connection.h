/* One connection to the server: its handshake, what is sent on it and what comes. Which connections
 * there are, and who of them reads when, is crowd.h's. */
#ifndef LOAD_CONNECTION_H
#define LOAD_CONNECTION_H

#include "frames.h"
#include "ledger.h"
#include "stream.h"

#include <stdbool.h>
#include <stdint.h>

struct connection {
    struct stream stream;
    bool sending;        /* a frame is half-way out: no other may begin */
    bool broken;         /* the server broke the protocol */
    uint16_t close_code; /* of the server's close frame; 0: none came */
    struct frame_reader reader;
    struct ledger ledger;
};

/** How many connections come from one address at most: a port for each, of those that Linux gives
 * out. */
#define CONNECTIONS_PER_SOURCE 20000U

/** Where the server is. */
struct target {
    uint16_t port; /* on 127.0.0.1 */
    SSL_CTX *tls;  /* NULL: plain */
};

/** Connects. The socket blocks until connection_unblock.
 * @param number  Of the connection: decides which loopback address it comes from.
 * @return 0, or -1 after a line on stderr that says why. */
int connection_dial(struct connection *connection, const struct target *target, uint32_t number);

/** Asks for an upgrade; over TLS the handshake goes before it.
 * @return 1; 0 if the handshake waits for the server, which only an unblocked socket tells; -1
 * after a line on stderr. */
int connection_ask(struct connection *connection, const struct target *target, const char *path);

/** Dials, asks, and waits for the answer. @return 0, or -1 after a line on stderr. */
int connection_open(struct connection *connection, const struct target *target, const char *path,
                    uint32_t number);

/** From now on the socket doesn't block. @return 0, or -1 with errno. */
int connection_unblock(struct connection *connection);

/** Reads what is there. @return 0, or -1 if the connection has ended, which closes it. */
int connection_receive(struct connection *connection);

/** Sends as much of whole frames as the socket takes.
 * @return How many bytes; 0 if it takes none now; -1 if the connection has ended. */
int64_t connection_send(const struct connection *connection, const uint8_t *bytes, size_t size);

/** Closes the socket. */
void connection_close(struct connection *connection);

#endif
