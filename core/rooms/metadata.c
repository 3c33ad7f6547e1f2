/* Metadata of rooms; see metadata.h. */
#include "rooms/metadata.h"

#include "base/log_limit.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct metadata {
    struct hash_node node; /* of the table of metadata, by the hash of the room's name */
    const struct room *room;
    uint32_t size;
    char bytes[];
};

static_assert(sizeof(struct metadata) <= METADATA_COST, "a value is charged what it is kept in");

static bool match(const struct hash_node *node, const void *room)
{
    return ((const struct metadata *)node)->room == room;
}

/* Under the stripe's lock. @return NULL: the room has none. */
static struct metadata *find(const struct stripe *stripe, const struct room *room)
{
    return (struct metadata *)hash_table_find(&stripe->table, room->node.hash, match, room);
}

static struct metadata *metadata_create(const struct room *room, toni_str value)
{
    struct metadata *metadata = malloc(sizeof *metadata + value.size);
    if (!metadata)
        return NULL;
    metadata->room = room;
    metadata->size = (uint32_t)value.size;
    memcpy(metadata->bytes, value.data, value.size);
    return metadata;
}

static uint64_t cost(const struct metadata *metadata)
{
    return metadata ? METADATA_COST + metadata->size : 0;
}

/* One that replaces another is charged what it is larger by. @return Whether it was charged. */
static bool recharge(toni_connections *connections, uint64_t before, uint64_t now)
{
    if (now > before)
        return pending_charge(&connections->metadata_bytes, now - before,
                              connections->limits.room_metadata_bytes);
    pending_release(&connections->metadata_bytes, before - now);
    return true;
}

/* Puts a value in the place of another, each of which may be NULL. Under the room's lock.
 * @param old  Set to the one that is the caller's now.
 * @return TONI_OK; TONI_ERR_LIMIT, TONI_ERR_NO_MEMORY: nothing has changed. */
static int32_t exchange(struct room *room, struct metadata *fresh, struct metadata **old)
{
    toni_connections *connections = room->space->connections;
    struct stripe *stripe = registry_lock(&connections->metadata_table, room->node.hash);
    struct metadata *before = room->has_metadata ? find(stripe, room) : NULL;
    int32_t result = TONI_OK;
    *old = fresh;
    if (fresh && hash_table_insert(&stripe->table, &fresh->node, room->node.hash)) {
        result = TONI_ERR_NO_MEMORY;
    } else if (!recharge(connections, cost(before), cost(fresh))) {
        hash_table_remove(&stripe->table, &fresh->node);
        result = TONI_ERR_LIMIT;
    } else {
        if (before)
            hash_table_remove(&stripe->table, &before->node);
        room->has_metadata = fresh != NULL;
        *old = before;
    }
    registry_unlock(stripe);
    return result;
}

static void log_refused(const struct room *room)
{
    char text[ROOM_TITLE_SIZE];
    const toni_str title = room_title(room->space, room->topic.name, text);
    log_limited(
        LOG_LEVEL_WARN,
        "metadata of a room was refused: that of all rooms together is as large as it may "
        "be; raise limits.room_metadata_bytes, or keep less",
        log_brief("room", title.data, title.size),
        log_uint("room_metadata_bytes", room->space->connections->limits.room_metadata_bytes));
}

int32_t metadata_set(struct room *room, toni_str value)
{
    struct metadata *fresh = value.size > 0 ? metadata_create(room, value) : NULL, *old = fresh;
    if (value.size > 0 && !fresh)
        return TONI_ERR_NO_MEMORY;
    lock_take(&room->lock);
    const int32_t result = room->members > 0 ? exchange(room, fresh, &old) : TONI_ERR_NOT_FOUND;
    lock_give(&room->lock);
    free(old);
    if (result == TONI_ERR_LIMIT)
        log_refused(room);
    return result;
}

/* Under the room's lock. */
static int32_t copy(const struct room *room, void *buffer, size_t capacity, size_t *size)
{
    if (!room->has_metadata)
        return TONI_OK;
    struct stripe *stripe =
        registry_lock(&room->space->connections->metadata_table, room->node.hash);
    const struct metadata *metadata = find(stripe, room);
    const bool fits = metadata->size <= capacity;
    *size = metadata->size;
    if (fits)
        memcpy(buffer, metadata->bytes, metadata->size);
    registry_unlock(stripe);
    return fits ? TONI_OK : TONI_ERR_TOO_BIG;
}

int32_t metadata_get(struct room *room, void *buffer, size_t capacity, size_t *size)
{
    *size = 0;
    lock_take(&room->lock);
    const int32_t result =
        room->members > 0 ? copy(room, buffer, capacity, size) : TONI_ERR_NOT_FOUND;
    lock_give(&room->lock);
    return result;
}

void metadata_drop(struct room *room)
{
    struct metadata *old = NULL;
    if (room->has_metadata)
        (void)exchange(room, NULL, &old); /* what takes a value away can't fail */
    free(old);
}
