/* Peers; see peer.h. */
#include "http/peer.h"

#include "base/log_limit.h"
#include "net/peer.h"

#include <arpa/inet.h>
#include <microhttpd.h>

const char *http_peer_text(struct MHD_Connection *mhd, char text[INET6_ADDRSTRLEN])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *peer = info ? info->client_addr : NULL;
    const void *address = NULL;
    text[0] = '\0';
    if (peer && peer->sa_family == AF_INET)
        address = &((const struct sockaddr_in *)(const void *)peer)->sin_addr;
    else if (peer && peer->sa_family == AF_INET6)
        address = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
    if (address)
        inet_ntop(peer->sa_family, address, text, INET6_ADDRSTRLEN);
    return text;
}

void http_peer_refused(const struct sockaddr_storage *peer)
{
    char address[INET6_ADDRSTRLEN];
    peer_text(peer, address);
    log_limited(LOG_LEVEL_ERROR, "an HTTP connection was refused: out of memory",
                log_str("address", address));
}
