/* The table of rooms; see room_table.h. */
#include "rooms/room_table.h"

#include <stddef.h>

static struct room *room_of(const struct hash_node *node)
{
    return (struct room *)((char *)node - offsetof(struct room, node));
}

static bool match(const struct hash_node *node, const void *key)
{
    return toni_str_equal(room_of(node)->name, *(const toni_str *)key);
}

static void ref(struct hash_node *node)
{
    (void)room_ref(room_of(node));
}

static uint64_t hash_of(const toni_connections *connections, toni_str name)
{
    return hash_bytes(&connections->hash_key, name.data, name.size);
}

struct room *room_table_find(toni_connections *connections, toni_str name)
{
    struct hash_node *node =
        registry_find(&connections->room_table, hash_of(connections, name), match, &name, ref);
    return node ? room_of(node) : NULL;
}

/* Under the stripe's lock. @return The room, with a reference for the table. */
static struct room *make(toni_connections *connections, struct stripe *stripe, uint64_t hash,
                         toni_str name)
{
    const uint64_t id = atomic_fetch_add(&connections->next_room, 1) + 1;
    struct room *room = room_create(connections, id, name);
    if (room && hash_table_insert(&stripe->table, &room->node, hash)) {
        room_unref(room);
        return NULL;
    }
    return room;
}

struct room *room_table_get(toni_connections *connections, toni_str name)
{
    const uint64_t hash = hash_of(connections, name);
    struct stripe *stripe = registry_lock(&connections->room_table, hash);
    const struct hash_node *node = hash_table_find(&stripe->table, hash, match, &name);
    struct room *room = node ? room_of(node) : make(connections, stripe, hash, name);
    if (room)
        (void)room_ref(room);
    registry_unlock(stripe);
    return room;
}

void room_table_collect(struct room *room)
{
    struct stripe *stripe = registry_lock(&room->connections->room_table, room->node.hash);
    lock_take(&room->lock);
    const bool ends = room->members == 0 && !room->ended;
    if (ends) {
        room->ended = true;
        hash_table_remove(&stripe->table, &room->node);
    }
    lock_give(&room->lock);
    registry_unlock(stripe);
    if (ends)
        room_unref(room);
}
