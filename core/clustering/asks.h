/* What callers of this host ask of clients and rooms of other hosts, from the call to its answer.
 * Any thread puts a request into a list, which is bounded; a turn takes them all and gives each to
 * the table of cluster/control.h, which hands it back once it is done. See docs/architecture.md,
 * "Requests between nodes". The functions are in asking.c. */
#ifndef CLUSTERING_ASKS_H
#define CLUSTERING_ASKS_H

#include "base/lock.h"
#include "cluster/control.h"
#include "rooms/remote.h"

#include <stdbool.h>
#include <stdint.h>

struct clustering;

/* Requests that wait for a turn or for an answer, and their bytes. */
#define ASKS_MOST 8192
#define ASKS_BYTES_MOST (8u << 20)

struct ask;

struct asks {
    struct lock lock; /* a leaf; guards the rest */
    struct ask *first, **last;
    bool is_closed;
    uint32_t count; /* with those that wait for an answer */
    uint64_t bytes;
};

void asks_init(struct asks *asks);

/** Puts a request into the list; see struct remote for the rest. @thread Any. */
int32_t asks_put(struct clustering *clustering, struct space *space,
                 const toni_cluster_request *request, struct remote_call *call);

/* --- The cluster's thread */

/** Begins what was put. */
void asks_run(struct clustering *clustering);

/** One is done: whoever asked has its answer. */
void asks_tell(struct clustering *clustering, const struct control_ask *done);

/** Ends those that have not begun with TONI_ERR_CLOSING; what comes later is refused. Those that
 * have begun are ended by control_channel_close(). */
void asks_close(struct clustering *clustering);

#endif
