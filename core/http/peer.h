/* Peers of HTTP, for people. */
#ifndef HTTP_PEER_H
#define HTTP_PEER_H

#include <netinet/in.h>

struct MHD_Connection;

/** Writes the peer's address without its port; nothing of a Unix socket. Of a proxy it is the
 * proxy's. */
void http_peer_text(struct MHD_Connection *mhd, char text[INET6_ADDRSTRLEN]);

/** Says in the log whose connection is refused for want of memory. */
void http_peer_refused(const struct sockaddr_storage *peer);

#endif
