/* How clients get their ids. A host that is alone counts under a random key; one in a cluster makes
 * ids that tell the other nodes where the client is: see cluster/client_id.h. Until it has an
 * identity there, and if it can't make such an id any more, it goes on as alone, with ids that
 * nobody else can ask for. */
#ifndef ROOMS_NAMING_H
#define ROOMS_NAMING_H

#include "base/lock.h"
#include "cluster/client_id.h"

#include <stdatomic.h>
#include <toni/types.h>

struct naming {
    struct permute permute; /* random; of ids that are known here alone */
    atomic_uint_fast64_t next;
    atomic_bool is_in_cluster;
    struct lock lock; /* of `ids` */
    struct client_ids ids;
};

/** Begins as alone. @return 0, or -1 without randomness. */
int naming_init(struct naming *naming);

/** Those who come from now on get ids of this identity. Without the calls the host is alone.
 * @thread Any. */
void naming_identify(struct naming *naming, uint64_t key, struct node_identity identity);

/** @return An id that nobody here has, had or will get; never 0. @thread Any. */
toni_client_id naming_next(struct naming *naming);

/** @return Which node an id that nobody here has may be of; slot 0: none. @thread Any. */
struct client_origin naming_origin(struct naming *naming, toni_client_id id);

#endif
