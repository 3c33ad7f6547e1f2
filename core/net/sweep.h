/* A sweep: something that is done for all connections of a gateway, by the workers that own them.
 * Not about what that is. */
#ifndef NET_SWEEP_H
#define NET_SWEEP_H

#include "net/server.h"

struct connection;

/** Calls @p visit for each connection of a gateway, on its worker, and waits until all workers have
 * done so.
 * @param visit     Must not end the connection at once.
 * @param until_ns  Of clock_now_ns(): how long to wait at most.
 * @return 0; -1 if a worker has not come to it by then (it still will), or there was no
 *         memory until then.
 * @thread Any but the workers', while they run. */
int sweep_gateway(struct server *server, const struct slot *gateway,
                  void (*visit)(struct connection *connection), uint64_t until_ns);

#endif
