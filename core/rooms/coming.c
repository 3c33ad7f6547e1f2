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

/* Whoever added one for this client did so under the client's lock, which the caller has: so a
 * count that is read without the table's lock has that one. */
static bool is_empty(struct coming_table *table)
{
    return atomic_load_explicit(&table->count, memory_order_relaxed) == 0;
}

bool coming_has(struct coming_table *table, const toni_client *client, toni_str room)
{
    bool has = false;
    if (is_empty(table))
        return false;
    lock_take(&table->lock);
    for (const struct coming *coming = *bucket_of(table, client); coming && !has;
         coming = coming->next)
        has = coming->client == client && !coming->has_left && toni_str_equal(coming->room, room);
    lock_give(&table->lock);
    return has;
}

void coming_leave(struct coming_table *table, const toni_client *client, toni_str room)
{
    if (is_empty(table))
        return;
    lock_take(&table->lock);
    for (struct coming *coming = *bucket_of(table, client); coming; coming = coming->next) {
        if (coming->client == client && toni_str_equal(coming->room, room))
            coming->has_left = true;
    }
    lock_give(&table->lock);
}
