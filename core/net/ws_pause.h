/* A client that does not read its answers is not read from: the rooms say when (rooms/backlog.h),
 * this is how. It takes effect between two messages; what the client has sent meanwhile waits in
 * its socket, which is flow control as TCP means it. Its clocks stand still; that the peer is gone
 * is noticed all the same. All on the connection's worker. */
#ifndef NET_WS_PAUSE_H
#define NET_WS_PAUSE_H

#include <stdint.h>

struct ws_connection;

void ws_pause_begin(struct ws_connection *connection);

/** Goes on reading; its clocks go on from where they stood. Does nothing if it is not paused. */
void ws_pause_end(struct ws_connection *connection);

/** Ends the connection if its peer is gone without a word. Goes on reading if the peer has said all
 * it had to say: so that is heard, and then its end.
 * @return Milliseconds until the next look; 0: the connection is being ended. */
uint64_t ws_pause_look(struct ws_connection *connection);

#endif
