/* How a connection ends: in one way, with a cause. All on the connection's worker. */
#ifndef NET_ENDING_H
#define NET_ENDING_H

#include "net/connection.h"

/* The first cause is the one that counts. */

/** Ends an open client: what it was sent before goes out, then the close frame. If it is being
 * closed by its gateway already, and @p cause is a fault, the code becomes this one.
 * @param code  0: a close frame without a code.
 * @param text  UTF-8, FRAME_REASON_MAX bytes at most. */
void connection_end(struct connection *connection, enum end_cause cause, uint16_t code,
                    toni_str text);

/** The same, but what waits for it is dropped: it does not read, or the memory is needed. */
void connection_end_now(struct connection *connection, enum end_cause cause, uint16_t code,
                        const char *text);

/** Ends the connection at once and without a word. Its gateway is told when the loop lets go.
 * @param cause  END_CAUSE_COUNT: what was noted before, or the gateway closed it. */
void connection_abort(struct connection *connection, enum end_cause cause);

/** A callback failed: ends the client. @param code  1011, or what its gateway chose. */
void connection_fault(struct connection *connection, uint16_t code);

/** The host drains: tells the client 1001. */
void connection_drain(struct connection *connection);

/** After a swap: gives the client to the instance of the moment, and the limits. */
void connection_adopt(struct connection *connection);

/** The worker stops: ends the connection as far as the gateway and the rooms are concerned. */
void connection_abandon(struct connection *connection);

/** The loop has let go of a connection: ends what is left of it, and frees it. */
void connection_destroy(struct connection *connection);

#endif
