/* How the rooms reach a client's socket: the transport that is handed to client_create. All on the
 * connection's worker. */
#ifndef NET_OUTBOUND_H
#define NET_OUTBOUND_H

#include "rooms/transport.h"

struct connection;

/** Its sockets are connections. */
extern const struct transport outbound_transport;

/** The socket takes more. */
void outbound_writable(struct connection *connection);

#endif
