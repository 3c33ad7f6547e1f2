/* What happens to connections, handed on by the state that they are in. All on the worker. */
#ifndef NET_DISPATCH_H
#define NET_DISPATCH_H

#include "net/timeouts.h"

struct drain;
struct drain_node;
struct place;
struct worker;

/** Takes over an accepted socket.
 * @param fd     The worker's from now on, whatever is returned.
 * @param place  Its place of the server's, allocated; the connection's from now on, likewise.
 * @return 0, or -1. */
int dispatch_adopt(struct worker *worker, int fd, const char *address, struct place *place);

/** A timeout is due. */
void dispatch_expired(struct timeout *timeout);

/** Somebody's turn to be told that the host drains. */
void dispatch_drain(struct drain *drain, struct drain_node *node);

#endif
