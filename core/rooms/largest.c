/* See largest.h. Members are counted under each room's lock, which is not taken under a stripe's.
 */
#include "rooms/largest.h"

#include "rooms/pages.h"

#include <string.h>

static uint32_t count_members(struct room *room)
{
    lock_take(&room->lock);
    const uint32_t members = room->members;
    lock_give(&room->lock);
    return members;
}

static int compare_text(toni_str a, toni_str b)
{
    const int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* @return Whether a stands before b. */
static bool comes_before(const struct large_room *a, const struct large_room *b)
{
    if (a->members != b->members)
        return a->members > b->members;
    const int order = strcmp(a->room->space->name, b->room->space->name);
    return order != 0 ? order < 0 : compare_text(a->room->topic.name, b->room->topic.name) < 0;
}

/* Takes the reference over. */
static void offer(struct largest *largest, struct large_room offered)
{
    size_t at = largest->count;
    if (offered.members == 0) { /* it has ended meanwhile */
        room_unref(offered.room);
        return;
    }
    if (largest->count == LARGEST_MOST) {
        const struct large_room *last = &largest->rooms[--at];
        const bool is_larger = comes_before(&offered, last);
        room_unref(is_larger ? last->room : offered.room);
        if (!is_larger)
            return;
    } else {
        largest->count++;
    }
    for (; at > 0 && comes_before(&offered, &largest->rooms[at - 1]); at--)
        largest->rooms[at] = largest->rooms[at - 1];
    largest->rooms[at] = offered;
}

void largest_find(struct largest *largest, toni_connections *connections)
{
    uint64_t cursor = 0;
    largest->count = 0;
    do {
        struct room *rooms[PAGES_TAKEN];
        const size_t count = pages_take_rooms(connections, &cursor, rooms);
        for (size_t i = 0; i < count; i++)
            offer(largest,
                  (struct large_room){.room = rooms[i], .members = count_members(rooms[i])});
    } while (cursor != 0);
}

void largest_finish(struct largest *largest)
{
    for (size_t i = 0; i < largest->count; i++)
        room_unref(largest->rooms[i].room);
    largest->count = 0;
}
