/* What ends a connection that does nothing wrong but wait: pings without an answer, no messages, a
 * message that never ends, an outbox that does not move, a token that ends. One timeout of the
 * connection serves all. All on the connection's worker. */
#ifndef NET_WATCHING_H
#define NET_WATCHING_H

#include <stdint.h>

struct connection;

/** Something came, or the socket took something: the peer lives. */
void watching_heard(struct connection *connection);

/** @return How many milliseconds are left of handshake_ms; 0: it is late. As with all limits here,
 * time in which a callback held the worker up, or the process stood still, does not count. */
uint64_t watching_left_to_open(const struct connection *connection);

/** Its client has an identity, or another one. */
void watching_identified(struct connection *connection);

/** Looks at an open connection, and sets its timeout to the next look. */
void watching_look(struct connection *connection);

#endif
