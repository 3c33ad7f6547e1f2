/* A registry: a table in which any thread finds what is counted by references. It is striped, so
 * that workers seldom wait for each other. It knows nothing of what it holds but the nodes. */
#ifndef ROOMS_REGISTRY_H
#define ROOMS_REGISTRY_H

#include "base/hash_table.h"
#include "base/lock.h"

#include <stdint.h>

#define STRIPES 64

struct stripe {
    struct lock lock;
    struct hash_table table;
    uint8_t padding[32]; /* to a cache line: threads in different stripes seldom share one */
};

struct registry {
    struct stripe stripes[STRIPES];
};

/** Takes a reference to what @p node lies in; called under its stripe's lock. */
typedef void registry_ref(struct hash_node *node);

void registry_init(struct registry *registry);

void registry_finish(struct registry *registry);

/** @return The node, with a new reference to what it lies in; NULL if there is none. @thread Any.
 */
struct hash_node *registry_find(struct registry *registry, uint64_t hash, hash_match *match,
                                const void *key, registry_ref *ref);

/** @return 0, or -1 on no memory. @thread Any. */
int registry_insert(struct registry *registry, struct hash_node *node, uint64_t hash);

/** @param node  In the registry. @thread Any. */
void registry_remove(struct registry *registry, struct hash_node *node);

/** For more than one step at a time. The low bits of a hash choose the bucket in the stripe.
 * @return The stripe of a hash, locked. @thread Any. */
struct stripe *registry_lock(struct registry *registry, uint64_t hash);

void registry_unlock(struct stripe *stripe);

#endif
