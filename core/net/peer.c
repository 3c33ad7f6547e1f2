/* Peers; see peer.h. */
#include "net/peer.h"

#include "base/log_limit.h"

bool peer_ip(const struct sockaddr_storage *peer, toni_ip *address)
{
    const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)peer;
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)peer;
    if (peer->ss_family == AF_INET)
        *address = toni_ip_make(false, (const uint8_t *)&ipv4->sin_addr);
    else if (peer->ss_family == AF_INET6)
        *address = toni_ip_make(true, ipv6->sin6_addr.s6_addr);
    return peer->ss_family == AF_INET || peer->ss_family == AF_INET6;
}

socklen_t peer_of_ip(struct sockaddr_storage *peer, const toni_ip *address, uint16_t port)
{
    *peer = (struct sockaddr_storage){0};
    if (address->is_ipv6) {
        struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)peer;
        ipv6->sin6_family = AF_INET6;
        ipv6->sin6_port = htons(port);
        memcpy(&ipv6->sin6_addr, address->bytes, sizeof ipv6->sin6_addr);
        return sizeof *ipv6;
    }
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)peer;
    ipv4->sin_family = AF_INET;
    ipv4->sin_port = htons(port);
    memcpy(&ipv4->sin_addr, address->bytes, sizeof ipv4->sin_addr);
    return sizeof *ipv4;
}

socklen_t peer_of_unix(struct sockaddr_storage *peer)
{
    *peer = (struct sockaddr_storage){.ss_family = AF_UNIX};
    return sizeof peer->ss_family;
}

void peer_text(const struct sockaddr_storage *peer, char text[INET6_ADDRSTRLEN])
{
    text[0] = '\0';
    if (peer->ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)peer)->sin_addr, text, INET6_ADDRSTRLEN);
    else if (peer->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)peer)->sin6_addr, text,
                  INET6_ADDRSTRLEN);
}

void peer_refused(const struct sockaddr_storage *peer)
{
    char address[INET6_ADDRSTRLEN];
    peer_text(peer, address);
    log_limited(LOG_LEVEL_ERROR, "connection refused: out of memory", log_str("address", address));
}
