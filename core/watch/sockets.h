/* The listening sockets of a host that is watched. The watch holds them, so that who connects while
 * no host runs waits instead of being refused, and a port that was free stays the host's. */
#ifndef WATCH_SOCKETS_H
#define WATCH_SOCKETS_H

#include "config/config.h"
#include "net/listener.h"

#include <stddef.h>

/* Zero is none. */
struct sockets {
    struct listener *listeners;
    int *descriptors; /* of these */
    char *names;      /* of these, as LISTEN_FDNAMES has them */
    size_t count;
};

/** Holds the sockets of `listen`, and no others. One that can't be bound is left to the host, which
 * says why it can't; so is one on a free port, which has another one at each start.
 * @return 0, or -1 on no memory; then none is held. */
int sockets_fit(struct sockets *sockets, const struct config *config);

/** Lets go of all; the files of Unix sockets are removed. */
void sockets_finish(struct sockets *sockets);

#endif
