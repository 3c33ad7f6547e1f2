/* How many descriptors the process may have open, and who gets them. What is free is measured
 * when all but the clients is open, so that it covers what plugins have opened, too. */
#ifndef HOST_DESCRIPTORS_H
#define HOST_DESCRIPTORS_H

#include "rooms/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Who takes descriptors. */
struct descriptor_demand {
    const struct limits *limits;
    uint32_t workers;
    size_t http_addresses; /* `http_connections` holds for each */
    size_t admin_addresses;
    bool is_tls; /* one of these at least, so each is counted as one */
};

/** How many of each clients may have. */
struct descriptor_shares {
    uint64_t connections;
    uint64_t handshakes;       /* sockets beyond them */
    uint64_t http_connections; /* of each address */
};

/** Raises the soft limit to the hard one, or to what is needed.
 * @return 0, or -1 if it is too low even without a client, which is logged. */
int descriptors_raise(const struct descriptor_demand *demand);

/** Looks how many descriptors are left for clients, without those that health, figures, control and
 * reloads keep in reserve, and shares them out. If they are too few the log says so.
 * @param shares  Filled in.
 * @return Whether they are less than the limits say. */
bool descriptors_share(const struct descriptor_demand *demand, struct descriptor_shares *shares);

/** The same for a given number of descriptors, without a word. */
bool descriptors_share_out(uint64_t left, const struct descriptor_demand *demand,
                           struct descriptor_shares *shares);

#endif
