/* How clients get their ids; see naming.h. */
#include "rooms/naming.h"

#include "base/random.h"

int naming_init(struct naming *naming)
{
    uint32_t key[PERMUTE_KEY_WORDS];

    if (random_bytes(key, sizeof key))
        return -1;
    permute_init(&naming->permute, key);
    return 0;
}

void naming_identify(struct naming *naming, uint64_t key, struct node_identity identity)
{
    lock_take(&naming->lock);
    client_ids_identify(&naming->ids, key, identity);
    lock_give(&naming->lock);
    atomic_store_explicit(&naming->is_in_cluster, true, memory_order_release);
}

/* @return 0: there is none. */
static toni_client_id next_in_cluster(struct naming *naming)
{
    if (!atomic_load_explicit(&naming->is_in_cluster, memory_order_acquire))
        return 0;
    lock_take(&naming->lock);
    const toni_client_id id = client_ids_next(&naming->ids);
    lock_give(&naming->lock);
    return id;
}

toni_client_id naming_next(struct naming *naming)
{
    toni_client_id id = next_in_cluster(naming);
    while (id == 0) /* which means nobody */
        id = permute_apply(&naming->permute, atomic_fetch_add(&naming->next, 1));
    return id;
}

struct client_origin naming_origin(struct naming *naming, toni_client_id id)
{
    if (!atomic_load_explicit(&naming->is_in_cluster, memory_order_acquire))
        return (struct client_origin){0};
    lock_take(&naming->lock);
    const struct client_origin origin = client_ids_origin(&naming->ids, id);
    lock_give(&naming->lock);
    return origin;
}
