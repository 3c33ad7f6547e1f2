/* A client that does not read its answers is not read from: the rooms say when (rooms/backlog.h),
 * this is how. It takes effect between two messages; what was received with them is kept, and what
 * the client has sent since waits in its socket, which is flow control as TCP means it. Its clocks
 * stand still; that the peer is gone is noticed all the same. All on the connection's worker. */
#ifndef NET_PAUSING_H
#define NET_PAUSING_H

struct connection;

void pausing_begin(struct connection *connection);

/** Goes on reading; its clocks go on from where they stood. Does nothing if it is not paused. */
void pausing_end(struct connection *connection);

/** The peer has ended its side, though not all of it was read: so that this is heard, and then its
 * end, it is read from again. */
void pausing_peer_ended(struct connection *connection);

#endif
