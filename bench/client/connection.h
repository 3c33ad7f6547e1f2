/* One connection to the server: what is sent on it and what comes. How it is opened without
 * blocking is opening.h's; which connections there are, and who of them reads when, is its owner's.
 */
#ifndef CLIENT_CONNECTION_H
#define CLIENT_CONNECTION_H

#include "client/frames.h"
#include "client/ledger.h"
#include "client/replies.h"
#include "client/stream.h"
#include "client/target.h"

#include <stdbool.h>
#include <stdint.h>

/* What close_code is of a close frame that has none (RFC 6455, section 7.1.5). */
#define CLOSE_WITHOUT_CODE 1005

struct connection {
    struct stream stream;
    bool sending;        /* a frame is half-way out: no other may begin */
    bool broken;         /* the server broke the protocol */
    uint16_t close_code; /* of the server's close frame; 0: none came */
    char *close_reason;  /* what it says; NULL: nothing */
    struct frame_reader reader;
    struct ledger ledger;    /* what comes, if it has marks */
    struct replies *replies; /* if it has none; else NULL */
    /* What the socket has not taken yet of the answer to a ping or a close: it goes out first. */
    uint8_t owed[FRAME_HEAD_MAX + CONTROL_MAX];
    uint8_t owed_size;
};

/** Connects. The socket blocks until connection_unblock.
 * @param number  Of the connection: decides which address it comes from.
 * @return 0, or -1 after a line on stderr that says why. */
int connection_dial(struct connection *connection, const struct target *target, uint32_t number);

/** Asks for an upgrade; over TLS the handshake goes before it.
 * @param request  Of target_request. @return 1; 0 if the handshake waits for the server, which only
 * an unblocked socket tells; -1 with errno. */
int connection_ask(struct connection *connection, const char *request, size_t size);

/** Dials, asks, and waits for the answer. @return 0, or -1 after a line on stderr. */
int connection_open(struct connection *connection, const struct target *target, const char *path,
                    uint32_t number);

/** From now on the socket doesn't block. @return 0, or -1 with errno. */
int connection_unblock(struct connection *connection);

/** Reads what is there. @return 0, or -1 if the connection has ended, which closes it. */
int connection_receive(struct connection *connection);

/** Reads at most so many bytes. @return As connection_receive. */
int connection_receive_at_most(struct connection *connection, size_t size);

/** Takes bytes that have been read, but not by the functions above. @return 0, or -1 from where on
 * the server breaks the protocol. */
int connection_take(struct connection *connection, const uint8_t *bytes, size_t size);

/** Sends as much of whole frames as the socket takes.
 * @return How many bytes; 0 if it takes none now; -1 if the connection has ended. */
int64_t connection_send(struct connection *connection, const uint8_t *bytes, size_t size);

/** Closes the socket. */
void connection_close(struct connection *connection);

/** Closes the socket, and frees what is kept of what came. */
void connection_finish(struct connection *connection);

#endif
