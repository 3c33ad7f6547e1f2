/* What an open connection sends: bytes are read into the worker's one buffer, and become messages
 * for the gateway, pongs, or the connection's end. All on the connection's worker. */
#ifndef NET_RECEIVING_H
#define NET_RECEIVING_H

#include <stddef.h>
#include <stdint.h>

struct connection;
struct worker;

/** Begins: it is open. */
void receiving_begin(struct connection *connection);

/** There are bytes, or the peer's end. */
void receiving_readable(struct connection *connection);

/** Takes bytes that came, what was kept before included.
 * @param bytes  Changed in place; what can't be read yet is kept. */
void receiving_take(struct connection *connection, uint8_t *bytes, size_t size);

/** Goes on with what was kept of one that was paused, or set aside since it had used its share of a
 * turn. The worker's share has begun. */
void receiving_go_on(struct connection *connection);

/** While the budget is passed: closes the connections of this worker that have to go. */
void receiving_relieve(struct worker *worker);

#endif
