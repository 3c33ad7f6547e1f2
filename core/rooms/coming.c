/* Rooms that clients are about to be in; see coming.h. */
#include "rooms/coming.h"

#include <toni/str.h>

static struct coming **bucket_of(struct coming_table *table, const toni_client *client)
{
    /* Clients are some hundred bytes each: the low bits of their addresses say little. */
    return &table->buckets[((uintptr_t)client >> 8) % COMING_BUCKETS];
}

bool coming_add(struct coming_table *table, struct coming *coming)
{
    struct coming **bucket = bucket_of(table, coming->client);
    uint32_t count = 0;
    lock_take(&table->lock);
    for (const struct coming *other = *bucket; other; other = other->next)
        count += other->client == coming->client;
    const bool is_added = count < COMING_MOST;
    if (is_added) {
        coming->next = *bucket;
        *bucket = coming;
        atomic_fetch_add_explicit(&table->count, 1, memory_order_relaxed);
    }
    lock_give(&table->lock);
    return is_added;
}

void coming_remove(struct coming_table *table, struct coming *coming)
{
    struct coming **place = bucket_of(table, coming->client);
    lock_take(&table->lock);
    while (*place != coming)
        place = &(*place)->next;
    *place = coming->next;
    atomic_fetch_sub_explicit(&table->count, 1, memory_order_relaxed);
    lock_give(&table->lock);
}

void coming_leave(struct coming_table *table, const toni_client *client, toni_str room)
{
    /* Whoever added one for this client did so under the client's lock, which the caller has. */
    if (atomic_load_explicit(&table->count, memory_order_relaxed) == 0)
        return;
    lock_take(&table->lock);
    for (struct coming *coming = *bucket_of(table, client); coming; coming = coming->next) {
        if (coming->client == client && toni_str_equal(coming->room, room))
            coming->has_left = true;
    }
    lock_give(&table->lock);
}
