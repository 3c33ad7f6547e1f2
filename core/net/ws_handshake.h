/* The opening handshake (RFC 6455, section 4.2): who is let in, and what the others are answered.
 * What libwebsockets decides before it asks (docs/operations.md lists that) doesn't come here. */
#ifndef NET_WS_HANDSHAKE_H
#define NET_WS_HANDSHAKE_H

#include "net/ws_connection.h"
#include "ws/deflate_terms.h"

#include <stddef.h>

/* libwebsockets takes subprotocols of at most two bytes less. */
#define SUBPROTOCOL_SIZE 64

/* What the handshake says to libwebsockets about the subprotocol: its name for the one protocol
 * that we have. */
struct ws_subprotocol {
    char name[SUBPROTOCOL_SIZE];
    bool hidden; /* lws needs a name that the client offered, but none is agreed on */
};

/* What the handshake says to libwebsockets about permessage-deflate. lws knows whether it is in
 * use, since then frames may say that they are compressed; the terms are ours. */
struct ws_extension {
    struct deflate_terms terms;
    uint32_t offers; /* of the terms': that lws has not asked about yet */
};

/** A request for an upgrade has come: settles the subprotocol.
 * @param upgrade  What to upgrade to.
 * @return What the callback shall return. */
int ws_handshake_confirm(struct ws_connection *connection, const char *upgrade,
                         struct ws_subprotocol *subprotocol);

/** Decides whether the client is let in, and answers it if not.
 * @param extension  Set to what is agreed on if it is.
 * @return What the callback shall return. */
int ws_handshake_decide(struct ws_connection *connection, struct ws_subprotocol *subprotocol,
                        struct ws_extension *extension);

/** Answers libwebsockets whether an offer is accepted, in the header's order.
 * @return What the callback shall return. */
int ws_handshake_confirm_extension(struct ws_extension *extension);

/** Completes the headers of the answer.
 * @param p  Behind what lws has written; moved on. */
void ws_handshake_add_terms(struct ws_connection *connection, const struct ws_extension *extension,
                            char **p);

/** Answers a request that isn't for an upgrade. @return What the callback shall return. */
int ws_handshake_answer_plain(struct ws_connection *connection);

/** Answers what isn't a request that libwebsockets knows. @return What the callback shall return.
 */
int ws_handshake_answer_unknown(struct ws_connection *connection);

#endif
