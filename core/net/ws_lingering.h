/* After a close of the host's own: what the peer still sends is read and dropped, unparsed, until
 * it ends, or what came ends with its close frame. A socket that is closed while bytes wait in it
 * sends a reset, and then the peer may lose the close frame; and whoever floods costs next to
 * nothing so. All on the connection's worker. */
#ifndef NET_WS_LINGERING_H
#define NET_WS_LINGERING_H

struct ws_connection;

/** The host's close has begun: nothing that comes is of interest any more. It has `close_ms`. */
void ws_lingering_begin(struct ws_connection *connection);

/** To be called once the close frame is written, and whenever the socket has taken more: when it
 * has all, TCP is told that nothing follows. */
void ws_lingering_written(struct ws_connection *connection);

/** Its timeout: takes what has come, and ends the connection if the peer has, or if it is time. */
void ws_lingering_expired(struct ws_connection *connection);

#endif
