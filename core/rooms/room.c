/* Rooms; see room.h. */
#include "rooms/room.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct room *room_create(struct space *space, uint64_t id, toni_str name)
{
    struct room *room = calloc(1, sizeof *room + name.size + 1);
    if (!room)
        return NULL;
    char *copy = (char *)(room + 1);
    if (name.size > 0)
        memcpy(copy, name.data, name.size);
    room->topic.refs = 1;
    room->space = space;
    room->refs = 1;
    room->deflate_above = DEFLATE_NEVER;
    room->id = id;
    if (!space->remote)
        room->at.epoch = id;
    room->topic.name = toni_str_make(copy, name.size);
    return room;
}

struct room *room_ref(struct room *room)
{
    atomic_fetch_add_explicit(&room->refs, 1, memory_order_relaxed);
    return room;
}

void room_unref(struct room *room)
{
    if (!room || atomic_fetch_sub_explicit(&room->refs, 1, memory_order_acq_rel) != 1)
        return;
    batch_unref(room->open);
    history_destroy(room->history);
    if (room->capacity > 0)
        free(room->list);
    topic_unref(&room->topic);
}

/* Under the room's lock: neither the lane nor the client has the membership any more.
 * @return The room, if the audience has ended with it, whose reference is the caller's then. */
static struct room *end_membership(struct membership *membership)
{
    struct audience *audience = membership->audience;
    struct room *room = audience->room;
    if (room != room->space->everyone)
        free(membership);
    if (--audience->memberships > 0)
        return NULL;
    free(audience);
    return room;
}

/* --- Commands for a lane */

/* A member comes, or its audience moves to another array, or both. Whether memory is needed is
 * known when this is posted, since an audience is by then what the commands before have made of it.
 */
struct arrival {
    struct command command; /* first */
    struct audience *audience;
    struct membership *membership; /* NULL: nobody comes */
    struct member *members;        /* NULL: it stays where it is */
};

static_assert(sizeof(struct arrival) <= SPARE_COMMAND_SIZE, "a spare command has this size");

static void arrive(struct command *command)
{
    struct arrival *arrival = (struct arrival *)command;
    if (arrival->members)
        audience_move(arrival->audience, arrival->members);
    if (arrival->membership)
        audience_add(arrival->membership);
    spare_give(SPARE_COMMAND, arrival);
}

static void deliver_arrival(struct command *command, struct lane *lane)
{
    (void)lane;
    arrive(command);
}

/* A lane that ends carries these out, too: each audience and membership has to end. */
static const struct command_type arrival_type = {deliver_arrival, arrive};

static void depart(struct command *command)
{
    struct membership *membership =
        (struct membership *)((char *)command - offsetof(struct membership, leave));
    struct room *room = membership_room(membership), *ended = NULL;
    audience_remove(membership);
    lock_take(&room->lock);
    membership->has_departed = true;
    if (membership->place == MEMBERSHIP_LEFT)
        ended = end_membership(membership);
    lock_give(&room->lock);
    room_unref(ended);
}

static void deliver_departure(struct command *command, struct lane *lane)
{
    (void)lane;
    depart(command);
}

static const struct command_type departure_type = {deliver_departure, depart};

static struct arrival *arrival_create(struct audience *audience, struct membership *membership)
{
    struct arrival *arrival = spare_take(SPARE_COMMAND, SPARE_COMMAND_SIZE);
    if (arrival)
        *arrival = (struct arrival){
            .command.type = &arrival_type, .audience = audience, .membership = membership};
    return arrival;
}

static void post(const struct room *room, uint32_t lane, struct command *command)
{
    lane_post(&room->space->connections->lanes[lane], command);
}

/* --- Audiences */

struct audience *room_audience(const struct room *room, uint32_t lane)
{
    struct audience *audience = room->audiences;
    while (audience && audience->lane != lane)
        audience = audience->next;
    return audience;
}

/* Takes an audience without targets out of the list. */
static void unlink_audience(struct room *room, const struct audience *audience)
{
    struct audience **link = &room->audiences;
    while (*link != audience)
        link = &(*link)->next;
    *link = audience->next;
}

/* @return 0, or -1 on no memory. */
static int reserve_place(struct arrival *arrival, struct audience *audience)
{
    if (audience->targets < audience_space(audience->step))
        return 0;
    arrival->members = audience_reserve(audience->step + 1);
    if (!arrival->members)
        return -1;
    audience->step++;
    return 0;
}

/* To half, where a quarter is enough. Without memory it stays larger than it need be. */
static void shrink_audience(const struct room *room, struct audience *audience)
{
    const uint32_t space = audience_space(audience->step);
    if (audience->targets > space / 4 || space < 16)
        return;
    struct arrival *arrival = arrival_create(audience, NULL);
    struct member *members = audience_reserve(audience->step - 4);
    if (!arrival || !members) {
        spare_give(SPARE_COMMAND, arrival);
        free(members);
        return;
    }
    arrival->members = members;
    audience->step -= 4;
    post(room, audience->lane, &arrival->command);
}

/* --- Compression */

static void set_deflate_above(struct room *room, uint32_t size)
{
    atomic_store_explicit(&room->deflate_above, size, memory_order_relaxed);
}

void room_lower_threshold(struct room *room, uint32_t deflate_above)
{
    if (room->deflating > 0 && deflate_above < room->deflate_above)
        set_deflate_above(room, deflate_above);
}

static void begin_deflating(struct room *room, const struct receiver *receiver)
{
    room->deflating++;
    room_lower_threshold(room, receiver->limits->deflate_above);
}

static void end_deflating(struct room *room)
{
    if (--room->deflating == 0)
        set_deflate_above(room, DEFLATE_NEVER);
}

/* --- The list of members */

/* @return 0, or -1 on no memory. */
static int reserve_in_list(struct room *room)
{
    if (room->members == 0 || room->members < room->capacity)
        return 0;
    const uint32_t capacity = room->members + room->members / 8 + 1;
    struct membership **list =
        realloc(room->capacity > 0 ? room->list : NULL, capacity * sizeof(struct membership *));
    if (!list)
        return -1;
    if (room->capacity == 0)
        list[0] = room->only;
    room->list = list;
    room->capacity = capacity;
    return 0;
}

static void put_into_list(struct room *room, uint32_t place, struct membership *membership)
{
    if (room->capacity > 0)
        room->list[place] = membership;
    else
        room->only = membership;
    membership->place = place & MEMBERSHIP_LEFT; /* no list is that long */
}

static void shrink_list(struct room *room)
{
    if (room->members > room->capacity / 4 || room->capacity < 16)
        return;
    struct membership **list =
        realloc(room->list, room->capacity / 2 * sizeof(struct membership *));
    if (list) { /* if not, it stays larger than it need be */
        room->list = list;
        room->capacity /= 2;
    }
}

static void take_out_of_list(struct room *room, struct membership *membership)
{
    const uint32_t last = --room->members;
    if (membership->place != last)
        put_into_list(room, membership->place, room->list[last]);
    membership->place = MEMBERSHIP_LEFT;
    shrink_list(room);
}

/* --- Joining and leaving */

int room_join(struct room *room, struct receiver *receiver, struct membership *membership)
{
    const uint32_t lane = receiver->lane->index;
    struct audience *found = room_audience(room, lane);
    struct audience *audience = found ? found : audience_create(room, lane);
    struct arrival *arrival = audience ? arrival_create(audience, membership) : NULL;
    if (!arrival || reserve_in_list(room) || reserve_place(arrival, audience)) {
        spare_give(SPARE_COMMAND, arrival);
        if (!found)
            free(audience);
        return -1;
    }
    if (!found) {
        (void)room_ref(room);
        audience->next = room->audiences;
        room->audiences = audience;
    }
    membership->receiver = receiver;
    membership->audience = audience;
    put_into_list(room, room->members++, membership);
    room->targets++;
    audience->targets++;
    audience->memberships++;
    if (receiver->deflates)
        begin_deflating(room, receiver);
    post(room, lane, &arrival->command);
    return 0;
}

void room_untarget(struct room *room, struct membership *membership)
{
    if (!membership_is_target(membership))
        return;
    struct audience *audience = membership->audience;
    membership->leave.type = &departure_type;
    room->targets--;
    if (membership->receiver->deflates)
        end_deflating(room);
    post(room, audience->lane, &membership->leave);
    if (--audience->targets == 0)
        unlink_audience(room, audience);
    else
        shrink_audience(room, audience);
}

void room_leave(struct room *room, struct membership *membership)
{
    room_untarget(room, membership);
    take_out_of_list(room, membership);
    if (membership->has_departed)
        room_unref(end_membership(membership));
}

/* --- Questions */

int32_t room_info(struct room *room, toni_room_info **info)
{
    *info = NULL;
    toni_room_info *snapshot = malloc(sizeof *snapshot);
    if (!snapshot)
        return TONI_ERR_NO_MEMORY;
    lock_take(&room->lock);
    *snapshot = (toni_room_info){
        .host = room->space->host,
        .struct_size = sizeof *snapshot,
        .members = room->members,
        .targets = room->targets,
        .epoch = room->at.epoch,
        .sequence = room->at.offset,
        .pending_bytes = atomic_load_explicit(&room->pending, memory_order_relaxed),
        .dropped_slow_consumer = topic_dropped(&room->topic, DROP_SLOW_CONSUMER),
        .dropped_oldest = topic_dropped(&room->topic, DROP_OLDEST),
        .dropped_newest = topic_dropped(&room->topic, DROP_NEWEST),
        .dropped_not_latest = topic_dropped(&room->topic, DROP_NOT_LATEST),
    };
    lock_give(&room->lock);
    if (snapshot->members == 0) { /* it ends just now, or its first member is about to come in */
        free(snapshot);
        return TONI_ERR_NOT_FOUND;
    }
    *info = snapshot;
    return TONI_OK;
}
