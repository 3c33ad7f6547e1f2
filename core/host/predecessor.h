/* The host before this one, if this one is its successor: what it has handed over, and what is
 * reported to it. Without one there may be sockets of a service manager. Not about how a successor
 * is started; restart.h is. Main thread. */
#ifndef HOST_PREDECESSOR_H
#define HOST_PREDECESSOR_H

#include "net/inherited.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct predecessor {
    int fd;                     /* this end of the pair, or -1: there is none */
    int revocations;            /* this end of its revocation_link; -1: none, or taken */
    struct inherited inherited; /* sockets from outside that nobody has taken yet */
};

/** Takes the sockets from outside. From here on errors in the log are sent to the predecessor as
 * well: it goes on then, and has to say why. Before other threads begin.
 * @return 0, or -1, which is logged; predecessor_keep() must follow then, or predecessor_relieve().
 */
int predecessor_meet(struct predecessor *predecessor);

static inline bool predecessor_is_there(const struct predecessor *predecessor)
{
    return predecessor->fd >= 0;
}

/** @return Its process; 0: there is none. */
pid_t predecessor_pid(const struct predecessor *predecessor);

/** Sends it the faults of the configuration. */
void predecessor_send_faults(const struct predecessor *predecessor, const char *text, size_t size);

/** Sends that this host serves, after which the predecessor leaves. Sockets that nobody took are
 * closed.
 */
void predecessor_relieve(struct predecessor *predecessor);

/** This host ends before it serves: the predecessor, whose sockets they are, goes on. It sees that
 * end by the pair, which therefore stays open. */
void predecessor_keep(struct predecessor *predecessor);

#endif
