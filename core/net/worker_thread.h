/* The life of a worker's thread and loop, and how other threads reach it: through its lane's inbox.
 */
#ifndef NET_WORKER_THREAD_H
#define NET_WORKER_THREAD_H

#include "net/worker.h"

#include <sys/socket.h>

struct approach;

/** Makes the loop and the lane; starts no thread. @return 0, or -1. */
int worker_init(struct worker *worker, struct server *server, struct lane *lane, uint32_t index);

/** After worker_join, or instead of worker_start. */
void worker_finish(struct worker *worker);

/** Starts the thread. @return 0, or -1. */
int worker_start(struct worker *worker);

/** Ends all connections, then the thread; worker_join must follow. Once.
 * @thread Any. */
void worker_stop(struct worker *worker);

/** Waits for the thread's end, which `has_ended` says is near. */
void worker_join(struct worker *worker);

/** Hands over an accepted socket, which gets a place of the server's.
 * @param fd    The worker's from now on.
 * @param peer  Whose it is.
 * @param approach  How it begins; copied, but what it points to outlives the worker. @thread Any.
 */
void worker_adopt(struct worker *worker, int fd, const struct sockaddr_storage *peer,
                  const struct approach *approach);

/** Tells all clients 1001. Once. @thread Any. */
void worker_drain(struct worker *worker);

/** Tells them one after the other, see drain.h. Once. @thread Any. */
void worker_drain_staggered(struct worker *worker);

#endif
