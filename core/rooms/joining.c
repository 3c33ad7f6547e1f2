/* Joining and leaving; see joining.h. */
#include "rooms/joining.h"

#include "base/log_limit.h"
#include "rooms/direct.h"
#include "rooms/metadata.h"
#include "rooms/remote.h"
#include "rooms/room_history.h"
#include "rooms/room_table.h"

#include <stdlib.h>

/* --- Joining */

int joining_enter_everyone(struct space *space, struct receiver *receiver,
                           struct membership *membership)
{
    lock_take(&space->everyone->lock);
    const int result = room_join(space->everyone, receiver, membership);
    lock_give(&space->everyone->lock);
    return result;
}

/* The door is told of a room's first member before that is one: if it refuses, nobody has come. */
static int32_t want(const struct room *room)
{
    struct remote *remote = room->space->remote;
    return remote && room->members == 0 ? remote->want(remote, room->space, room->topic.name)
                                        : TONI_OK;
}

static void unwant_if_empty(const struct room *room)
{
    struct remote *remote = room->space->remote;
    if (remote && room->members == 0)
        remote->unwant(remote, room->space, room->topic.name);
}

/* @return IS_RECOVERED: it gets all of them; or why it gets none. */
static enum not_recovered send_missed(struct receiver *receiver, const struct entries *entries)
{
    switch (entries && entries->count > 0 ? direct_send_all(receiver, entries) : TONI_OK) {
    case TONI_OK:
        return IS_RECOVERED;
    case TONI_ERR_FULL:
        return NOT_OUTBOX;
    default:
        return NOT_NO_MEMORY;
    }
}

/* What the room has kept. */
static void look_here(struct room *room, struct comeback *comeback, struct entries **entries)
{
    struct history *history = room->history;
    const bool is_on = history && history_is_on(history);
    comeback->why = is_on ? history_since(history, &comeback->since, entries) : NOT_NO_HISTORY;
    if (!is_on && comeback->since.position.epoch == 0 && comeback->since.last == 0)
        comeback->why = IS_RECOVERED;
    if (is_on)
        comeback->at = (toni_position){history->log.top.epoch, history->log.top.offset};
}

/* What the engine has kept. So a room that no message has reached yet knows where it is, too. */
static void look_there(struct room *room, struct comeback *comeback, struct entries **entries)
{
    const bool is_known = comeback->answer_at.epoch > 0;
    comeback->why = comeback->answer;
    *entries = comeback->missed;
    comeback->missed = NULL;
    if (is_known && room->at.epoch == 0)
        room->at = comeback->answer_at;
    comeback->at = is_known ? comeback->answer_at : room->at;
}

/* Under the lock of the room, whose member it is since: nothing is broadcast before what it missed
 * is on its way, so whether that is posted before or after its arrival is the same. */
static void come_back(struct room *room, struct receiver *receiver, struct comeback *comeback)
{
    struct entries *entries = NULL;
    const bool was_there = comeback->since.position.epoch > 0;
    if (comeback->is_answered)
        look_there(room, comeback, &entries);
    else
        look_here(room, comeback, &entries);
    if (comeback->why == IS_RECOVERED)
        comeback->why = send_missed(receiver, entries);
    comeback->is_recovered = comeback->why == IS_RECOVERED && was_there;
    comeback->messages = comeback->why == IS_RECOVERED && entries ? entries->count : 0;
    entries_destroy(entries);
}

static int32_t enter_locked(struct room *room, struct receiver *receiver,
                            struct membership *membership, struct comeback *comeback)
{
    const int32_t wanted = want(room);
    if (wanted != TONI_OK)
        return wanted;
    if (room_join(room, receiver, membership)) {
        unwant_if_empty(room);
        return TONI_ERR_NO_MEMORY;
    }
    if (room->members == 1) {
        atomic_fetch_add(&room->space->rooms, 1);
        atomic_store_explicit(&room->is_vacant, false, memory_order_relaxed);
        room_history_end_await(room);
    }
    if (comeback)
        come_back(room, receiver, comeback);
    return TONI_OK;
}

/* Enters a room, unless that ended just now. */
static int32_t enter(struct room *room, struct receiver *receiver, struct membership *membership,
                     struct comeback *comeback, bool *ended)
{
    lock_take(&room->lock);
    *ended = room->ended;
    const int32_t result = *ended ? TONI_OK : enter_locked(room, receiver, membership, comeback);
    const bool empty = room->members == 0;
    lock_give(&room->lock);
    if (empty)
        room_table_collect(room);
    return result;
}

static void stay(struct room *room, struct comeback *comeback)
{
    if (!comeback)
        return;
    comeback->why = NOT_MEMBER;
    comeback->at = room_history_position(room);
}

/* @param membership  To be that in this room if the result is TONI_OK and nothing ended; NULL: it
 * may be in no more rooms. */
static int32_t join_found(struct memberships *set, struct room *room, struct receiver *receiver,
                          struct membership **membership, struct comeback *comeback, bool *ended)
{
    *ended = false;
    if (memberships_find(set, room)) {
        stay(room, comeback);
        return TONI_OK;
    }
    if (!*membership)
        return TONI_ERR_LIMIT;
    const int32_t result = enter(room, receiver, *membership, comeback, ended);
    if (result == TONI_OK && !*ended) {
        memberships_add(set, *membership);
        *membership = NULL;
    }
    return result;
}

/* @param is_full  It may be in no more rooms than it is in. */
static int32_t join(struct memberships *set, struct space *space, struct receiver *receiver,
                    toni_str name, struct comeback *comeback, bool is_full)
{
    struct membership *membership = NULL;
    if (!is_full && !memberships_reserve(set))
        membership = calloc(1, sizeof *membership);
    if (!is_full && !membership)
        return TONI_ERR_NO_MEMORY;
    bool ended = true;
    int32_t result = TONI_OK;
    while (ended) { /* the room is looked up first: whether the client is in it is then one step */
        struct room *room = is_full ? room_table_find(space, name) : room_table_get(space, name);
        if (!room) {
            result = is_full ? TONI_ERR_LIMIT : TONI_ERR_NO_MEMORY;
            break;
        }
        result = join_found(set, room, receiver, &membership, comeback, &ended);
        room_unref(room);
    }
    free(membership);
    return result;
}

/* Counts before it looks, so that joins of many threads at once never pass the limit together. */
static bool charge_membership(struct space *space, toni_str name)
{
    toni_connections *connections = space->connections;
    char text[ROOM_TITLE_SIZE];
    if (atomic_fetch_add(&connections->memberships, 1) < connections->limits.memberships)
        return true;
    atomic_fetch_sub(&connections->memberships, 1);
    const toni_str title = room_title(space, name, text);
    log_limited(LOG_LEVEL_WARN,
                "a join was refused: all clients together are in as many rooms as they may be; "
                "raise limits.memberships, or lower rooms_per_client where strangers join",
                log_brief("room", title.data, title.size),
                log_uint("memberships", connections->limits.memberships));
    return false;
}

int32_t joining_join(struct memberships *set, struct space *space, struct receiver *receiver,
                     toni_str name, struct comeback *comeback)
{
    const uint64_t before = set->count;
    const bool is_charged =
        before < receiver->limits->rooms_per_client && charge_membership(space, name);
    const int32_t result = join(set, space, receiver, name, comeback, !is_charged);
    if (is_charged && set->count == before)
        atomic_fetch_sub(&space->connections->memberships, 1);
    return result;
}

/* --- Leaving */

/* Out of a room, which ends with its last member. The membership is in the set no more. */
static void leave(struct membership *membership, void *data)
{
    struct room *room = room_ref(membership_room(membership));
    (void)data;
    lock_take(&room->lock);
    room_leave(room, membership);
    const bool empty = room->members == 0;
    if (empty) {
        unwant_if_empty(room);
        metadata_drop(room);
        atomic_fetch_sub(&room->space->rooms, 1);
        atomic_store_explicit(&room->is_vacant, true, memory_order_relaxed);
        room_history_await(room);
    }
    lock_give(&room->lock);
    atomic_fetch_sub(&room->space->connections->memberships, 1);
    if (empty)
        room_table_collect(room);
    room_unref(room);
}

bool joining_is_in(const struct memberships *set, struct space *space, toni_str name)
{
    struct room *room = room_table_find(space, name);
    const bool is_in = room && memberships_find(set, room);
    room_unref(room);
    return is_in;
}

bool joining_leave(struct memberships *set, struct space *space, toni_str name)
{
    struct room *room = room_table_find(space, name); /* it is there while it has a member */
    struct membership *membership = room ? memberships_find(set, room) : NULL;
    if (membership) {
        memberships_remove(set, membership);
        leave(membership, NULL);
    }
    room_unref(room);
    return membership != NULL;
}

void joining_leave_all(struct memberships *set, struct membership *everyone)
{
    struct room *room = membership_room(everyone);
    memberships_each(set, leave, NULL);
    memberships_finish(set);
    lock_take(&room->lock);
    room_leave(room, everyone);
    lock_give(&room->lock);
}

/* --- While it is in them */

static void untarget(struct membership *membership, void *data)
{
    struct room *room = membership_room(membership);
    (void)data;
    lock_take(&room->lock);
    room_untarget(room, membership);
    lock_give(&room->lock);
}

void joining_untarget(const struct memberships *set, struct membership *everyone)
{
    untarget(everyone, NULL);
    memberships_each(set, untarget, NULL);
}

static void lower_threshold(struct membership *membership, void *data)
{
    const uint32_t *deflate_above = data;
    struct room *room = membership_room(membership);
    lock_take(&room->lock);
    room_lower_threshold(room, *deflate_above);
    lock_give(&room->lock);
}

void joining_lower_threshold(const struct memberships *set, struct membership *everyone,
                             uint32_t deflate_above)
{
    lower_threshold(everyone, &deflate_above);
    memberships_each(set, lower_threshold, &deflate_above);
}
