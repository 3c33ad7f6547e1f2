/* Who is revoked, told by a host and its successor to each other, with or without a folder for it:
 * each sends its whole table first, then every change, over a pair of sockets of its own, until
 * either process ends. So the successor knows all before it lets anybody in, and while both have
 * clients, whom either revokes is closed by both. A thread of its own at each end.
 *
 * Both ends send lines (rooms/revocations.h); an empty one says that the table is complete. */
#ifndef HOST_REVOCATION_LINK_H
#define HOST_REVOCATION_LINK_H

#include "base/buffer.h"

#include <toni/types.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct revocation_link {
    toni_connections *connections;
    bool is_open;
    int fd;
    pthread_t thread;
    atomic_bool is_ending;

    /* The thread's; before it begins, of who opens the link. */
    uint64_t told; /* number of the last change that was put into `out` */
    bool has_told; /* the whole table */
    bool has_heard;
    struct buffer out;
    size_t sent; /* of it */
    struct buffer in;
};

/** Makes the pair, and begins at one end. @param other  Set to the other end, for the successor: to
 * be closed once it has it. @return 0, or -1 with errno set: the link is not open. */
int revocation_link_begin(struct revocation_link *link, toni_connections *connections, int *other);

/** Begins at the other end, and waits until all has come that the other host knows, for
 * @p wait_ms at most. What can't be had is logged: the link may be closed then.
 * @param fd  Owned from now on; -1: there is none. */
void revocation_link_join(struct revocation_link *link, toni_connections *connections, int fd,
                          uint64_t wait_ms);

/** Sends what has changed, if the other end still reads, and ends. Zero is fine, and so is a link
 * that is closed. */
void revocation_link_close(struct revocation_link *link);

#endif
