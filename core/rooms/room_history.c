/* Rooms and their histories; see room_history.h. */
#include "rooms/room_history.h"

/* --- Keeping */

/* So it is looked at when its oldest message is too old, or nobody is awaited any more. */
static void note(struct room *room, uint64_t at_ms)
{
    struct history *history = room->history;
    if (history->is_noted || at_ms == UINT64_MAX)
        return;
    history->is_noted = true;
    (void)room_ref(room);
    histories_note(history->histories, &history->due, at_ms);
}

void room_history_append(struct room *room, struct payload *payload)
{
    struct history *history = room->history;
    if (!history)
        return;
    history_append(history, payload);
    if (!history->is_noted)
        note(room, history_trim(history));
}

void room_history_await(struct room *room)
{
    if (!room->history)
        return;
    history_await(room->history);
    note(room, history_trim(room->history));
}

void room_history_end_await(struct room *room)
{
    if (room->history)
        history_end_await(room->history);
}

void room_history_bind(struct room *room, const struct history_rule *rule)
{
    history_bind(room->history, rule);
    if (!history_unnote(room->history))
        return;
    note(room, history_trim(room->history));
    room_unref(room);
}

toni_position room_history_position(struct room *room)
{
    toni_position position = {0};
    const bool is_kept_out_there =
        room->space->remote && room_table_kept(room->space, room->topic.name).messages > 0;
    lock_take(&room->lock);
    if (is_kept_out_there)
        position = room->at;
    else if (room->history && history_is_on(room->history))
        position = (toni_position){room->history->log.top.epoch, room->history->log.top.offset};
    lock_give(&room->lock);
    return position;
}

/* --- Forgetting */

/* @param ends  All of it goes. */
static void forget(struct room *room, bool ends)
{
    lock_take(&room->lock);
    room->history->is_noted = false;
    if (ends)
        history_bind(room->history, NULL);
    note(room, history_trim(room->history));
    const bool is_over = room->members == 0 && !history_holds_room(room->history);
    lock_give(&room->lock);
    if (is_over)
        room_table_collect(room);
    room_unref(room);
}

bool room_history_sweep(toni_connections *connections, size_t most)
{
    for (size_t i = 0; i < most; i++) {
        struct history *due = (struct history *)histories_take_due(&connections->histories);
        if (!due)
            return false;
        forget(due->room, false);
    }
    return true;
}

void room_history_end(toni_connections *connections)
{
    struct history *first;
    while ((first = (struct history *)histories_take_any(&connections->histories)))
        forget(first->room, true);
}
