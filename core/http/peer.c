/* Peers; see peer.h. */
#include "http/peer.h"

#include "base/log_limit.h"
#include "net/peer.h"

#include <microhttpd.h>

void http_peer_text(struct MHD_Connection *mhd, char text[INET6_ADDRSTRLEN])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    text[0] = '\0';
    if (info && info->client_addr) /* no more of it is looked at than its family has */
        peer_text((const struct sockaddr_storage *)(const void *)info->client_addr, text);
}

void http_peer_refused(const struct sockaddr_storage *peer)
{
    char address[INET6_ADDRSTRLEN];
    peer_text(peer, address);
    log_limited(LOG_LEVEL_ERROR, "an HTTP connection was refused: out of memory",
                log_str("address", address));
}
