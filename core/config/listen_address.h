/* An address to listen on, as gateways.conf writes it: `127.0.0.1:9000`, `[::1]:9000`,
 * `unix:/path`, the last with mode and group of its file. Not about sockets. */
#ifndef CONFIG_LISTEN_ADDRESS_H
#define CONFIG_LISTEN_ADDRESS_H

#include "config/fault.h"
#include "config/socket_file.h"

#include <stdbool.h>
#include <sys/socket.h>

struct listen_address {
    const struct value *at; /* the setting: its string, file and line; borrowed from the tree */
    struct sockaddr_storage address;
    socklen_t length;
    struct socket_file file; /* of a Unix socket */
    const struct value *tls; /* the group; NULL: it is plain. Borrowed; see tls/settings.h */
};

/** Reads an address.
 * @param at       A string, or a group with `address` and what belongs to it; borrowed by @p
 * address.
 * @param address  Filled in.
 * @param faults   Gets why it is none.
 * @return Whether it is one. */
bool listen_address_parse(const struct value *at, struct listen_address *address,
                          struct fault_list *faults);

/** @return The address as it was written. */
const char *listen_address_text(const struct listen_address *address);

/** Tells whether only this machine can reach it: a loopback address, or a Unix socket. */
bool listen_address_is_local(const struct listen_address *address);

/** Adds a fault if this process could not give its Unix socket the group that it shall have: it is
 * in none such, and is not root. To be called as the user that the host is. */
void listen_address_check_group(const struct listen_address *address, struct fault_list *faults);

/** Tells whether the files of both shall have the same mode and group. */
bool listen_address_same_file(const struct listen_address *a, const struct listen_address *b);

/** Tells whether both can't be listened on at once. Port 0 is a free port, another one each time.
 */
bool listen_address_equal(const struct listen_address *a, const struct listen_address *b);

#endif
