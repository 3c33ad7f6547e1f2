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
    return room->space == key->space && toni_str_equal(room->topic.name, key->name);
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

/* --- Histories */

struct history_rule room_table_kept(struct space *space, toni_str name)
{
    const struct history_rule none = {0};
    if (!atomic_load_explicit(&space->keeps_history, memory_order_acquire))
        return none;
    lock_take(&space->history_lock);
    struct history_rules *rules = history_rules_ref(space->history);
    lock_give(&space->history_lock);
    const struct history_rule *found = history_rules_find(rules, name);
    const struct history_rule rule = found ? *found : none;
    history_rules_unref(rules);
    return rule;
}

struct history_rule room_table_rule(struct space *space, toni_str name)
{
    const struct history_rule none = {0};
    return space->remote ? none : room_table_kept(space, name);
}

/* A client may bring a position from before a restart, or of an earlier room. */
uint64_t room_table_epoch(const struct room *room)
{
    const uint64_t epoch =
        hash_bytes(&room->space->connections->hash_key, &room->id, sizeof room->id);
    return epoch > 0 ? epoch : 1;
}

/* @return 0, or -1 on no memory. */
static int begin_history(struct room *room)
{
    const struct history_rule rule = room_table_rule(room->space, room->topic.name);
    if (rule.messages == 0)
        return 0;
    room->history =
        history_create(&room->space->connections->histories, room, room_table_epoch(room), &rule);
    return room->history ? 0 : -1;
}

/* --- Rooms */

/* Under the stripe's lock: so whoever has set other rules, and locks it then, finds the room.
 * @return The room, with a reference for the table. */
static struct room *make(struct space *space, struct stripe *stripe, uint64_t hash, toni_str name)
{
    const uint64_t id = atomic_fetch_add(&space->connections->next_room, 1) + 1;
    struct room *room = room_create(space, id, name);
    if (room)
        atomic_init(&room->is_vacant, true);
    if (room && (begin_history(room) || hash_table_insert(&stripe->table, &room->node, hash))) {
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

struct room *room_table_to_send(struct space *space, toni_str name)
{
    struct room *room = room_table_find(space, name);
    if (room || room_table_rule(space, name).messages == 0)
        return room;
    return room_table_get(space, name);
}

void room_table_collect(struct room *room)
{
    struct stripe *stripe = registry_lock(&room->space->connections->room_table, room->node.hash);
    lock_take(&room->lock);
    const bool ends =
        room->members == 0 && !room->ended && !(room->history && history_holds_room(room->history));
    /* What it has still goes by and by. */
    const bool was_noted =
        ends && room->history && !history_has_rest(room->history) && history_unnote(room->history);
    if (ends) {
        room->ended = true;
        hash_table_remove(&stripe->table, &room->node);
    }
    lock_give(&room->lock);
    registry_unlock(stripe);
    if (was_noted)
        room_unref(room);
    if (ends)
        room_unref(room);
}

void room_table_release(struct room *room)
{
    if (atomic_load_explicit(&room->is_vacant, memory_order_relaxed))
        room_table_collect(room);
    room_unref(room);
}
