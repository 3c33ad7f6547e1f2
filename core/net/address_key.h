/* What counts as one address where sockets are counted by it: an IPv4 address; the /64 of an IPv6
 * address, since that is what one customer gets, and may choose from; each peer on a Unix socket by
 * itself, since these have no address. */
#ifndef NET_ADDRESS_KEY_H
#define NET_ADDRESS_KEY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Enough for address_key_describe. */
#define ADDRESS_KEY_TEXT_SIZE 64

/** Without padding: equal keys are equal bytes. */
struct address_key {
    uint8_t kind; /* 4, 6, or 1: a Unix peer */
    uint8_t bytes[8];
};

/** @param serial  Of a Unix peer: tells it from all others. */
struct address_key address_key_of(const struct sockaddr_storage *peer, uint64_t serial);

/** The key of an address without a port. @return Whether @p text is one. */
bool address_key_read(const char *text, struct address_key *key);

/** Writes it for people: `192.0.2.7`, `2001:db8::/64`, `a Unix socket`. */
void address_key_describe(const struct address_key *key, char text[ADDRESS_KEY_TEXT_SIZE]);

#endif
