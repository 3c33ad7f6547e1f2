/* What happens to connections, handed on by the state that they are in. All on the worker. */
#ifndef NET_DISPATCH_H
#define NET_DISPATCH_H

#include "net/timeouts.h"

struct connection;
struct drain;
struct drain_node;
struct place;
struct approach;
struct worker;

/** Takes over an accepted socket.
 * @param fd     The worker's from now on, whatever is returned.
 * @param place  Its place of the server's, allocated; the connection's from now on, likewise.
 * @param approach  How it begins; borrowed for the call.
 * @return 0, or -1. */
int dispatch_adopt(struct worker *worker, int fd, const char *address, struct place *place,
                   const struct approach *approach);

/** Goes on with what was kept of connections that were paused or set aside, for no longer than
 * TURN_ASIDE_NS, and each once. In every turn. */
void dispatch_resume(struct worker *worker);

/** A timeout is due. */
void dispatch_expired(struct timeout *timeout);

/** The gateway is removed, or the host stops: tells the client 1001, or answers its handshake, if
 * that waits for a guard. */
void dispatch_dismiss(struct connection *connection);

/** After a swap: gives the client to the instance of the moment, and the limits; or answers its
 * handshake, if that waits for the guard of the former one. */
void dispatch_renew(struct connection *connection);

/** The worker stops: the same as dispatch_dismiss, and ends the connection at once. */
void dispatch_abandon(struct connection *connection);

/** Somebody's turn to be told that the host drains. */
void dispatch_drain(struct drain *drain, struct drain_node *node);

#endif
