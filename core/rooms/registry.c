/* Registries; see registry.h. */
#include "rooms/registry.h"

void registry_init(struct registry *registry)
{
    for (uint32_t i = 0; i < STRIPES; i++) {
        registry->stripes[i].lock = (struct lock){0};
        hash_table_init(&registry->stripes[i].table);
    }
}

void registry_finish(struct registry *registry)
{
    for (uint32_t i = 0; i < STRIPES; i++)
        hash_table_finish(&registry->stripes[i].table, NULL, NULL);
}

struct stripe *registry_lock(struct registry *registry, uint64_t hash)
{
    struct stripe *stripe = &registry->stripes[(hash >> 32) % STRIPES];
    lock_take(&stripe->lock);
    return stripe;
}

void registry_unlock(struct stripe *stripe)
{
    lock_give(&stripe->lock);
}

struct hash_node *registry_find(struct registry *registry, uint64_t hash, hash_match *match,
                                const void *key, registry_ref *ref)
{
    struct stripe *stripe = registry_lock(registry, hash);
    struct hash_node *node = hash_table_find(&stripe->table, hash, match, key);
    if (node)
        ref(node);
    registry_unlock(stripe);
    return node;
}

int registry_insert(struct registry *registry, struct hash_node *node, uint64_t hash)
{
    struct stripe *stripe = registry_lock(registry, hash);
    const int result = hash_table_insert(&stripe->table, node, hash);
    registry_unlock(stripe);
    return result;
}

void registry_remove(struct registry *registry, struct hash_node *node)
{
    struct stripe *stripe = registry_lock(registry, node->hash);
    hash_table_remove(&stripe->table, node);
    registry_unlock(stripe);
}
