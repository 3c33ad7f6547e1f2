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
    bool is_tls;     /* one of these at least, so each is counted as one */
    uint64_t engine; /* of the cluster's engine, whether or not it has them now; 0: no cluster */
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

enum descriptors_fit {
    DESCRIPTORS_FIT,
    DESCRIPTORS_LOWERED, /* the shares are less than the limits say, which is logged */
    DESCRIPTORS_TOO_FEW  /* for the engine and any client, which is logged */
};

/** Looks how many descriptors are left for clients, without those that the cluster's engine,
 * health, figures, control and reloads keep in reserve, and shares them out.
 * @param shares  Filled in, but if there are too few. */
enum descriptors_fit descriptors_share(const struct descriptor_demand *demand,
                                       struct descriptor_shares *shares);

/** @return Whether the engine can have its descriptors, if so many are left, and the least of each
 * kind of clients, too. */
bool descriptors_are_enough(uint64_t left, const struct descriptor_demand *demand);

/** The same as descriptors_share() for a given number of descriptors, of which none is kept in
 * reserve, without a word.
 * @return Whether they are less than the limits say. */
bool descriptors_share_out(uint64_t left, const struct descriptor_demand *demand,
                           struct descriptor_shares *shares);

#endif
