/* Ids of clients: see client_id.h. */
#include "cluster/client_id.h"

#include "base/hash.h"

#include <stdlib.h>

/* What the key of the permutation is derived under. It is public: the secret is the cluster's key.
 */
static const char purpose[] = "toni: ids of clients";

/* 128 bits from 64, by a keyed hash: what a client sees of ids tells nothing of either. */
static void derive(struct permute *permute, uint64_t key)
{
    uint32_t words[PERMUTE_KEY_WORDS];

    for (uint64_t half = 0; half < PERMUTE_KEY_WORDS / 2; half++) {
        const struct hash_key secret = {{key, half}};
        const uint64_t word = hash_bytes(&secret, purpose, sizeof purpose - 1);
        words[2 * half] = (uint32_t)word;
        words[2 * half + 1] = (uint32_t)(word >> 32);
    }
    permute_init(permute, words);
}

void client_ids_identify(struct client_ids *ids, uint64_t key, struct node_identity identity)
{
    if (!ids->has_key || ids->key != key)
        derive(&ids->permute, key);
    ids->key = key;
    ids->has_key = true;
    if (!node_identity_equal(ids->identity, identity))
        ids->next = 0;
    ids->identity = identity;
}

uint64_t client_ids_next(struct client_ids *ids)
{
    const struct node_identity identity = ids->identity;
    const uint64_t boot = identity.boot & ((1u << CLIENT_ID_BOOT_BITS) - 1);
    const uint64_t origin = (uint64_t)identity.slot << CLIENT_ID_BOOT_BITS | boot;

    if (!ids->has_key || identity.slot == 0 || identity.slot > CLIENT_ID_SLOT_MOST)
        return 0;
    while (ids->next >> CLIENT_ID_COUNTER_BITS == 0) {
        const uint64_t id =
            permute_apply(&ids->permute, origin << CLIENT_ID_COUNTER_BITS | ids->next++);
        if (id != 0) /* which means nobody */
            return id;
    }
    return 0;
}

struct client_origin client_ids_origin(const struct client_ids *ids, uint64_t id)
{
    if (!ids->has_key || id == 0)
        return (struct client_origin){0};
    const uint64_t origin = permute_invert(&ids->permute, id) >> CLIENT_ID_COUNTER_BITS;
    return (struct client_origin){.slot = (uint32_t)(origin >> CLIENT_ID_BOOT_BITS),
                                  .boot = (uint32_t)origin & ((1u << CLIENT_ID_BOOT_BITS) - 1)};
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

void client_ids_sort(uint64_t *ids, size_t count)
{
    if (count > 0)
        qsort(ids, count, sizeof *ids, compare);
}
