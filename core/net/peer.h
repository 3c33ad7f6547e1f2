/* The addresses of peers, as the kernel has them and as rules and messages want them. */
#ifndef NET_PEER_H
#define NET_PEER_H

#include "config/proxies.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <toni/cidr.h>

struct tls_port;

/** How the connection of a peer begins. */
struct approach {
    struct tls_port *tls; /* of the listener; NULL: it is plain */
    enum proxy_way way;   /* how its head may name another address; PROXY_NONE: it can't */
};

/** @return Whether the peer has an IP address; one on a Unix socket has none. */
bool peer_ip(const struct sockaddr_storage *peer, toni_ip *address);

/** Makes the peer of an address. @return Its length. */
socklen_t peer_of_ip(struct sockaddr_storage *peer, const toni_ip *address, uint16_t port);

/** Makes one on a Unix socket. @return Its length. */
socklen_t peer_of_unix(struct sockaddr_storage *peer);

/** Writes the address without its port; nothing of a Unix socket. */
void peer_text(const struct sockaddr_storage *peer, char text[INET6_ADDRSTRLEN]);

/** Says in the log whose connection is refused for want of memory. */
void peer_refused(const struct sockaddr_storage *peer);

#endif
