/* Rooms; see room.h. */
#include "rooms/room.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct room *room_create(toni_connections *connections, uint64_t id, toni_str name)
{
    struct room *room = calloc(1, sizeof *room + name.size + 1);
    if (!room)
        return NULL;
    room->topic = topic_create();
    if (!room->topic) {
        free(room);
        return NULL;
    }
    char *copy = (char *)(room + 1);
    if (name.size > 0)
        memcpy(copy, name.data, name.size);
    room->connections = connections;
    room->refs = 1;
    room->shares = &room->first_share;
    room->deflate_above = DEFLATE_NEVER;
    room->id = id;
    room->name = toni_str_make(copy, name.size);
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
    for (struct command *next; room->spares; room->spares = next) {
        next = room->spares->next;
        free(room->spares);
    }
    if (room->shares != &room->first_share)
        free(room->shares);
    free(room->list);
    topic_unref(room->topic);
    free(room);
}

/* @return The membership's room, if nobody holds it any more; NULL: somebody does. */
static struct room *let_go(struct membership *membership)
{
    const bool is_last =
        atomic_fetch_sub_explicit(&membership->holders, 1, memory_order_acq_rel) == 1;
    return is_last ? membership->room : NULL;
}

void membership_release(struct membership *membership)
{
    struct room *room = let_go(membership);
    if (room)
        free(membership);
    room_unref(room);
}

void membership_release_embedded(struct membership *membership)
{
    room_unref(let_go(membership));
}

/* --- Commands for a lane */

/* A member comes, or its audience moves to other memory, or both. Whether memory is needed is known
 * when this is posted, since an audience is by then what the commands before have made of it. */
struct arrival {
    struct command command; /* first */
    struct audience *audience;
    struct membership *membership; /* NULL: nobody comes */
    struct member *members;        /* NULL: it stays where it is */
    uint32_t capacity;
};

static_assert(sizeof(struct arrival) <= SPARE_COMMAND_SIZE, "a spare command has this size");

static void arrive(struct command *command)
{
    struct arrival *arrival = (struct arrival *)command;
    if (arrival->members)
        audience_move(arrival->audience, arrival->members, arrival->capacity);
    if (arrival->membership)
        audience_add(arrival->audience, arrival->membership);
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
    audience_remove(membership);
    if (membership->is_embedded)
        membership_release_embedded(membership);
    else
        membership_release(membership);
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
    lane_post(&room->connections->lanes[lane], command);
}

/* --- Shares */

struct share *room_share(const struct room *room, uint32_t lane)
{
    for (uint32_t i = 0; i < room->share_count; i++) {
        if (room->shares[i].lane == lane)
            return &room->shares[i];
    }
    return NULL;
}

/* @return 0, or -1 on no memory. */
static int grow_shares(struct room *room)
{
    struct share *old = room->shares == &room->first_share ? NULL : room->shares;
    struct share *shares = realloc(old, (room->share_count + 1) * sizeof *shares);
    if (!shares)
        return -1;
    if (!old)
        *shares = room->first_share;
    room->shares = shares;
    return 0;
}

/* @return The share, without targets if it is new; NULL on no memory. */
static struct share *get_share(struct room *room, uint32_t lane)
{
    struct share *share = room_share(room, lane);
    if (share || (room->share_count > 0 && grow_shares(room)))
        return share;
    struct audience *audience = audience_create(room);
    if (!audience)
        return NULL;
    share = &room->shares[room->share_count++];
    *share = (struct share){.audience = audience, .lane = lane, .capacity = 1};
    return share;
}

static void drop_share(struct room *room, struct share *share)
{
    *share = room->shares[--room->share_count];
    if (room->shares != &room->first_share && room->share_count <= 1) {
        room->first_share = room->shares[0];
        free(room->shares);
        room->shares = &room->first_share;
    }
}

/* @return 0, or -1 on no memory. */
static int reserve_place(struct arrival *arrival, struct share *share)
{
    if (share->targets < share->capacity)
        return 0;
    arrival->capacity = share->capacity + share->capacity / 4 + 1;
    arrival->members = audience_reserve(arrival->capacity);
    if (!arrival->members)
        return -1;
    share->capacity = arrival->capacity;
    return 0;
}

/* Without memory an audience stays larger than it need be. */
static void shrink_audience(const struct room *room, struct share *share)
{
    if (share->targets > share->capacity / 4 || share->capacity < 16)
        return;
    struct arrival *arrival = arrival_create(share->audience, NULL);
    struct member *members = audience_reserve(share->capacity / 2);
    if (!arrival || !members) {
        spare_give(SPARE_COMMAND, arrival);
        free(members);
        return;
    }
    arrival->members = members;
    arrival->capacity = share->capacity /= 2;
    post(room, share->lane, &arrival->command);
}

/* --- Members */

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

/* @return 0, or -1 on no memory. */
static int reserve_in_list(struct room *room)
{
    if (room->members < room->capacity)
        return 0;
    const uint32_t capacity = room->capacity + room->capacity / 4 + 1;
    struct membership **list = realloc(room->list, capacity * sizeof(struct membership *));
    if (!list)
        return -1;
    room->list = list;
    room->capacity = capacity;
    return 0;
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

int room_join(struct room *room, struct receiver *receiver, struct membership *membership)
{
    const uint32_t lane = receiver->lane->index;
    struct share *share = reserve_in_list(room) ? NULL : get_share(room, lane);
    struct arrival *arrival = share ? arrival_create(share->audience, membership) : NULL;
    if (!arrival || reserve_place(arrival, share)) {
        spare_give(SPARE_COMMAND, arrival);
        if (share && share->targets == 0) {
            free(share->audience);
            drop_share(room, share);
        }
        return -1;
    }
    membership->leave.type = &departure_type;
    membership->room = room_ref(room);
    membership->receiver = receiver;
    membership->audience = share->audience;
    membership->place = room->members;
    membership->is_target = true;
    membership->holders = 2;
    room->list[room->members++] = membership;
    room->targets++;
    share->targets++;
    if (receiver->deflates)
        begin_deflating(room, receiver);
    post(room, lane, &arrival->command);
    return 0;
}

void room_untarget(struct room *room, struct membership *membership)
{
    if (!membership->is_target)
        return;
    struct share *share = room_share(room, membership->receiver->lane->index);
    membership->is_target = false;
    room->targets--;
    if (membership->receiver->deflates)
        end_deflating(room);
    post(room, share->lane, &membership->leave);
    if (--share->targets == 0)
        drop_share(room, share);
    else
        shrink_audience(room, share);
}

void room_leave(struct room *room, struct membership *membership)
{
    room_untarget(room, membership);
    struct membership *last = room->list[--room->members];
    room->list[membership->place] = last;
    last->place = membership->place;
    shrink_list(room);
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
        .host = room->connections->host,
        .struct_size = sizeof *snapshot,
        .members = room->members,
        .targets = room->targets,
        .epoch = room->id,
        .sequence = room->seq,
        .pending_bytes = atomic_load_explicit(&room->pending, memory_order_relaxed),
        .dropped_slow_consumer = topic_dropped(room->topic, DROP_SLOW_CONSUMER),
        .dropped_oldest = topic_dropped(room->topic, DROP_OLDEST),
        .dropped_newest = topic_dropped(room->topic, DROP_NEWEST),
        .dropped_not_latest = topic_dropped(room->topic, DROP_NOT_LATEST),
    };
    lock_give(&room->lock);
    if (snapshot->members == 0) { /* it ends just now, or its first member is about to come in */
        free(snapshot);
        return TONI_ERR_NOT_FOUND;
    }
    *info = snapshot;
    return TONI_OK;
}
