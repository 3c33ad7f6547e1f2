/* Other rules for histories; see history_change.h. */
#include "rooms/history_change.h"

#include "rooms/pages.h"
#include "rooms/room_history.h"
#include "rooms/room_table.h"

/* Under the room's lock. @return 0, or -1 on no memory. */
static int bind(struct room *room, const struct history_rule *rule)
{
    if (room->history) {
        room_history_bind(room, rule->messages > 0 ? rule : NULL);
        return 0;
    }
    if (rule->messages == 0 || room->ended)
        return 0;
    room->history =
        history_create(&room->space->connections->histories, room, room_table_epoch(room), rule);
    return room->history ? 0 : -1;
}

/* Much may be kept no more: it goes in steps, between which others have the room. */
static void drop_rest(struct room *room)
{
    bool has_rest = true;
    while (has_rest) {
        lock_take(&room->lock);
        has_rest = room->history && history_has_rest(room->history);
        if (has_rest)
            (void)history_trim(room->history);
        lock_give(&room->lock);
    }
}

static int change_room(struct room *room)
{
    const struct history_rule rule = room_table_rule(room->space, room->topic.name);
    lock_take(&room->lock);
    const int result = bind(room, &rule);
    const bool is_over = room->members == 0;
    lock_give(&room->lock);
    drop_rest(room);
    if (is_over)
        room_table_collect(room);
    return result;
}

int history_change(struct space *space, struct history_rules *rules)
{
    uint64_t cursor = 0;
    int result = 0;
    lock_take(&space->history_lock);
    struct history_rules *before = space->history;
    space->history = history_rules_ref(rules);
    atomic_store_explicit(&space->keeps_history, rules != NULL, memory_order_release);
    lock_give(&space->history_lock);
    history_rules_unref(before);
    if (!before && !rules)
        return 0;
    do {
        struct room *rooms[PAGES_TAKEN];
        const size_t count = pages_take_all_rooms(space, &cursor, rooms);
        for (size_t i = 0; i < count; i++) {
            result |= change_room(rooms[i]);
            room_unref(rooms[i]);
        }
    } while (cursor != 0);
    return result;
}
