/* The closing handshake (RFC 6455, section 7), whoever begins it. What the client was sent before
 * goes out first, then the close frame; then TCP is told that nothing follows, and what the peer
 * still sends is read and dropped until it has said close, too, or ends: a socket that is closed
 * while bytes wait in it sends a reset, and then the peer may lose the close frame. The codec
 * follows its frames for that, and judges nothing. All of it has `close_ms`, and whoever floods
 * costs next to nothing. All on the connection's worker. */
#ifndef NET_CLOSING_H
#define NET_CLOSING_H

#include <stddef.h>
#include <stdint.h>

struct connection;

/** A close frame waits behind what the client was sent: nothing that comes is of interest any more.
 * The peer's close may have come before. */
void closing_begin(struct connection *connection);

/** All is written that the peer shall get: the close frame, or a refusal of its handshake. */
void closing_written(struct connection *connection);

/** The stream has sent more of what was written. */
void closing_sent(struct connection *connection);

/** Takes what is left of a read when the client is being closed: drops it, but for a close frame.
 * @param bytes  What the codec has not read. */
void closing_take(struct connection *connection, const uint8_t *bytes, size_t size);

/** There are bytes, or the peer's end, while the connection closes. */
void closing_readable(struct connection *connection);

#endif
