/* Keys of addresses; see address_key.h. */
#include "net/address_key.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define KIND_UNIX 1
#define KIND_IPV4 4
#define KIND_IPV6 6

#define MAPPED_PREFIX_SIZE 12 /* of ::ffff:192.0.2.7, which is an IPv4 address */

static struct address_key make(uint8_t kind, const void *bytes, size_t size)
{
    struct address_key key = {.kind = kind};
    memcpy(key.bytes, bytes, size);
    return key;
}

static struct address_key of_ipv6(const struct in6_addr *address)
{
    if (IN6_IS_ADDR_V4MAPPED(address))
        return make(KIND_IPV4, address->s6_addr + MAPPED_PREFIX_SIZE, sizeof(struct in_addr));
    return make(KIND_IPV6, address->s6_addr, 64 / 8);
}

struct address_key address_key_of(const struct sockaddr_storage *peer, uint64_t serial)
{
    switch (peer->ss_family) {
    case AF_INET:
        return make(KIND_IPV4, &((const struct sockaddr_in *)peer)->sin_addr,
                    sizeof(struct in_addr));
    case AF_INET6:
        return of_ipv6(&((const struct sockaddr_in6 *)peer)->sin6_addr);
    default:
        return make(KIND_UNIX, &serial, sizeof serial);
    }
}

bool address_key_read(const char *text, struct address_key *key)
{
    struct in_addr ipv4;
    struct in6_addr ipv6;
    if (inet_pton(AF_INET, text, &ipv4) == 1)
        *key = make(KIND_IPV4, &ipv4, sizeof ipv4);
    else if (inet_pton(AF_INET6, text, &ipv6) == 1)
        *key = of_ipv6(&ipv6);
    else
        return false;
    return true;
}

void address_key_describe(const struct address_key *key, char text[ADDRESS_KEY_TEXT_SIZE])
{
    char number[INET6_ADDRSTRLEN] = "?";
    struct in6_addr ipv6 = {0};
    switch (key->kind) {
    case KIND_IPV4:
        inet_ntop(AF_INET, key->bytes, number, sizeof number);
        (void)snprintf(text, ADDRESS_KEY_TEXT_SIZE, "%s", number);
        break;
    case KIND_IPV6:
        memcpy(&ipv6, key->bytes, sizeof key->bytes);
        inet_ntop(AF_INET6, &ipv6, number, sizeof number);
        (void)snprintf(text, ADDRESS_KEY_TEXT_SIZE, "%s/64", number);
        break;
    default:
        (void)snprintf(text, ADDRESS_KEY_TEXT_SIZE, "a Unix socket");
        break;
    }
}
