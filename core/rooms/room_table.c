/* The table of rooms; see room_table.h. */
#include "rooms/room_table.h"

#include <stddef.h>

static struct room *room_of(const struct hash_node *node)
{
    return (struct room *)((char *)node - offsetof(struct room, node));
}

/* What a room is found by. */
struct wanted_room {
    const struct space *space;
    toni_str name;
};

static bool match(const struct hash_node *node, const void *of)
{
    const struct wanted_room *key = of;
    const struct room *room = room_of(node);
    return room->space == key->space && toni_str_equal(room->name, key->name);
}

static void ref(struct hash_node *node)
{
    (void)room_ref(room_of(node));
}

static uint64_t hash_of(const struct space *space, toni_str name)
{
    return hash_bytes(&space->connections->hash_key, name.data, name.size) ^ space->salt;
}

struct room *room_table_find(struct space *space, toni_str name)
{
    const struct wanted_room key = {space, name};
    struct hash_node *node =
        registry_find(&space->connections->room_table, hash_of(space, name), match, &key, ref);
    return node ? room_of(node) : NULL;
}

/* Under the stripe's lock. @return The room, with a reference for the table. */
static struct room *make(struct space *space, struct stripe *stripe, uint64_t hash, toni_str name)
{
    const uint64_t id = atomic_fetch_add(&space->connections->next_room, 1) + 1;
    struct room *room = room_create(space, id, name);
    if (room && hash_table_insert(&stripe->table, &room->node, hash)) {
        room_unref(room);
        return NULL;
    }
    return room;
}

struct room *room_table_get(struct space *space, toni_str name)
{
    const struct wanted_room key = {space, name};
    const uint64_t hash = hash_of(space, name);
    struct stripe *stripe = registry_lock(&space->connections->room_table, hash);
    const struct hash_node *node = hash_table_find(&stripe->table, hash, match, &key);
    struct room *room = node ? room_of(node) : make(space, stripe, hash, name);
    if (room)
        (void)room_ref(room);
    registry_unlock(stripe);
    return room;
}

void room_table_collect(struct room *room)
{
    struct stripe *stripe = registry_lock(&room->space->connections->room_table, room->node.hash);
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
