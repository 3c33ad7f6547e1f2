/* Broadcasts; see broadcast.h. */
#include "rooms/broadcast.h"

#include "rooms/direct.h"
#include "rooms/spare_commands.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <toni/history.h>

/* A room's batch has space for one message like the first and a bit, since most rooms are quiet. */
#define BATCH_SLACK 64

/* --- On the way to a lane */

/* Consecutive messages of a room's batch, for its members on one lane. */
struct delivery {
    struct command command;     /* first */
    struct audience *audience;  /* a target of the messages is in it */
    struct batch *batch;        /* one reference */
    uint32_t first;             /* message */
    uint32_t count;             /* messages */
    struct exception exception; /* the first; without a membership: there is none */
    struct exception *last_exception;
};

static_assert(sizeof(struct delivery) <= SPARE_COMMAND_SIZE, "a spare command has this size");
static_assert(sizeof(struct exception) <= SPARE_COMMAND_SIZE, "so has a further exception");

static void release(struct room *room, uint64_t bytes)
{
    pending_release(&room->space->connections->pending, bytes);
    pending_release(&room->pending, bytes);
}

static void seal(struct room *room)
{
    batch_unref(room->open);
    room->open = NULL;
}

/* No lane has anything of a batch to deliver, unless more was posted since: so it ends, and is
 * pending no more. */
static void close_delivered(struct room *room, struct batch *batch)
{
    lock_take(&room->lock);
    if (atomic_load(&batch->deliveries) == 0) {
        release(room, batch->charged);
        batch->charged = 0;
        if (room->open == batch)
            seal(room);
    }
    lock_give(&room->lock);
}

static void drop(struct command *command)
{
    struct delivery *delivery = (struct delivery *)command;
    for (struct exception *next, *e = delivery->exception.next; e; e = next) {
        next = e->next;
        spare_give(SPARE_COMMAND, e);
    }
    batch_unref(delivery->batch);
    spare_give(SPARE_COMMAND, delivery);
}

static void deliver(struct command *command, struct lane *lane)
{
    struct delivery *delivery = (struct delivery *)command;
    struct batch *batch = delivery->batch;
    (void)lane;
    atomic_store_explicit(&batch->is_taken, true, memory_order_relaxed);
    audience_deliver(delivery->audience, batch, delivery->first, delivery->count,
                     delivery->exception.membership ? &delivery->exception : NULL);
    if (atomic_fetch_sub(&batch->deliveries, 1) == 1)
        close_delivered(delivery->audience->room, batch);
    drop(command);
}

static const struct command_type delivery_type = {deliver, drop};

/* --- Memory: all is there before anything is changed */

/* What a broadcast uses, at most: one for each lane, and one for each who is left out but the
 * first. (An exception lies in the command; or, where the lane's last command was lengthened, in
 * what would have been the next.)
 * @return 0, or -1 on no memory. */
static int take_spares(const struct room *room, uint32_t excepted, struct command **spares)
{
    return spare_commands_take(room->audiences, excepted > 1 ? excepted - 1 : 0, spares);
}

/* --- The open batch */

/* @param variant  What the compressed variant takes of the message; 0: it needs none. */
static int open_batch(struct room *room, uint64_t encoded, uint64_t variant)
{
    uint64_t slack = encoded + BATCH_SLACK <= BATCH_MAX ? BATCH_SLACK : 0;
    room->open = batch_create_broadcast(&room->topic, encoded + slack);
    if (!room->open)
        return -1;
    if (variant == 0 || !batch_add_variant(room->open, variant + slack))
        return 0;
    seal(room);
    return -1;
}

static int append_to_open(struct room *room, const toni_message *message, uint64_t encoded,
                          const toni_message *deflated, uint64_t variant)
{
    if (room->open &&
        (!batch_has_room(room->open, encoded) || (room->open->deflated != NULL) != (variant > 0)))
        seal(room);
    if (!room->open && open_batch(room, encoded, variant))
        return -1;
    return batch_append_both(room->open, message, deflated);
}

/* --- Posting */

static struct delivery *make_delivery(const struct room *room, struct audience *audience,
                                      uint32_t message, struct command **spares)
{
    struct delivery *delivery = spare_commands_use(spares);
    atomic_fetch_add_explicit(&room->open->deliveries, 1, memory_order_relaxed);
    *delivery = (struct delivery){
        .command.type = &delivery_type,
        .audience = audience,
        .batch = batch_ref(room->open),
        .first = message,
        .count = 1,
    };
    return delivery;
}

static void add_exception(struct delivery *delivery, struct membership *membership,
                          uint32_t message, struct command **spares)
{
    struct exception *exception = &delivery->exception;
    if (exception->membership) {
        exception = spare_commands_use(spares);
        delivery->last_exception->next = exception;
    }
    *exception = (struct exception){.membership = membership, .message = message};
    delivery->last_exception = exception;
}

/* Lengthens the lane's last command if that is for the message before. */
static void post_to(const struct room *room, struct audience *audience, uint32_t targets,
                    const struct excepted *excepted, struct command **spares)
{
    const uint32_t message = room->open->count - 1;
    struct lane *lane = &room->space->connections->lanes[audience->lane];
    struct command *last = lane_begin_post(lane);
    struct delivery *delivery = (struct delivery *)last;
    const bool is_next = last && last->type == &delivery_type && delivery->batch == room->open &&
                         delivery->first + delivery->count == message &&
                         delivery->audience == audience;
    if (is_next)
        delivery->count++;
    else
        delivery = make_delivery(room, audience, message, spares);
    for (uint32_t i = 0; targets < audience->targets && i < excepted->count; i++) {
        if (excepted->members[i]->audience == audience)
            add_exception(delivery, excepted->members[i], message, spares);
    }
    counter_add(&lane->targeted, targets);
    lane_end_post(lane, is_next ? NULL : &delivery->command);
}

static uint32_t excepted_of(const struct excepted *excepted, const struct audience *audience)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < excepted->count; i++)
        found += excepted->members[i]->audience == audience;
    return found;
}

static void post(struct room *room, const struct excepted *excepted, struct command **spares)
{
    for (struct audience *audience = room->audiences; audience; audience = audience->next) {
        const uint32_t left_out = excepted ? excepted_of(excepted, audience) : 0;
        if (left_out < audience->targets)
            post_to(room, audience, audience->targets - left_out, excepted, spares);
    }
}

/* --- Sending */

static bool charge(struct room *room, uint64_t bytes)
{
    const struct limits *limits = &room->space->connections->limits;
    if (!pending_charge(&room->pending, bytes, limits->pending_bytes_per_room))
        return false;
    if (pending_charge(&room->space->connections->pending, bytes, limits->pending_bytes))
        return true;
    pending_release(&room->pending, bytes);
    return false;
}

/* What the batch's compressed variant will take of a message; 0: the batch needs none. */
static uint64_t variant_size(const struct room *room, uint64_t encoded,
                             const toni_message *deflated)
{
    if (deflated)
        return frame_message_size(deflated->body.size);
    bool stays_open = room->open && batch_has_room(room->open, encoded);
    return stays_open && room->open->deflated ? encoded : 0;
}

static int32_t send_locked(struct room *room, const toni_message *message,
                           const toni_message *deflated, const struct excepted *excepted,
                           const toni_position *at)
{
    if (at)
        room_advance(room, at);
    const uint32_t targets = room->targets - (excepted ? excepted->count : 0);
    if (targets == 0)
        return 0;
    /* A batch that a lane has delivered from may wait in many outboxes: it is not made larger. */
    if (room->open && atomic_load_explicit(&room->open->is_taken, memory_order_relaxed))
        seal(room);
    uint64_t encoded = frame_message_size(message->body.size);
    uint64_t variant = variant_size(room, encoded, deflated);
    while (!charge(room, encoded + variant)) {
        if (variant == 0) {
            counter_add_shared(&room->space->connections->refused_busy, 1);
            return TONI_ERR_BUSY;
        }
        variant = 0; /* there is no space for both: all get it as it is */
        deflated = NULL;
    }
    struct command *spares = NULL;
    if (take_spares(room, excepted ? excepted->count : 0, &spares) ||
        append_to_open(room, message, encoded, deflated, variant)) {
        spare_commands_give(spares);
        release(room, encoded + variant);
        return TONI_ERR_NO_MEMORY;
    }
    room->open->charged += (uint32_t)(encoded + variant);
    if (!at)
        room_advance(room, NULL);
    post(room, excepted, &spares);
    spare_commands_give(spares);
    return (int32_t)(targets <= INT32_MAX ? targets : INT32_MAX);
}

/* Not inlined: most rooms have no history. */
#define OFF_THE_WAY __attribute__((noinline))

static toni_message *deflate(struct room *room, const toni_message *message)
{
    return room_deflates(room, message->body.size)
               ? deflaters_shrink(&room->space->connections->deflaters, message)
               : NULL;
}

/* --- Rooms with a history, and messages with a position */

/* @param position  Set to what is written into a message that has a place for it.
 * @return Whether there is one. */
static bool position_of(const struct room *room, const toni_position *at, toni_position *position)
{
    if (at) {
        *position = *at;
        return true;
    }
    if (!room->history || !history_is_on(room->history))
        return false;
    const struct position next = history_next(room->history);
    *position = (toni_position){next.epoch, next.offset};
    return true;
}

struct payload *broadcast_payload(const toni_message *message, const toni_position *position)
{
    struct payload *payload = payload_create(message->body.data, message->body.size, message->kind);
    if (payload && position) {
        char text[TONI_POSITION_TEXT + 1];
        toni_position_text(*position, text);
        memcpy(payload->bytes + message_position_at(message), text, TONI_POSITION_TEXT);
    }
    return payload;
}

bool broadcast_begin_keeping(const struct room *room, const toni_message *message,
                             const toni_position *at, struct kept_message *kept)
{
    toni_position position;
    kept->is_kept = !at && room->history;
    if (kept->is_kept && room->ended)
        return false;
    kept->is_marked = message_position_at(message) > 0 && position_of(room, at, &position);
    kept->payload = kept->is_kept || kept->is_marked
                        ? broadcast_payload(message, kept->is_marked ? &position : NULL)
                        : NULL;
    return true;
}

void broadcast_end_keeping(struct room *room, const struct kept_message *kept, int32_t result)
{
    if (kept->is_kept && result >= 0)
        room_history_append(room, kept->payload);
    payload_unref(kept->payload);
}

/* What is compressed only now, with the room locked. */
static int32_t send_late(struct room *room, const toni_message *message,
                         const struct excepted *excepted, const toni_position *at)
{
    toni_message *deflated = room->targets > 0 ? deflate(room, message) : NULL;
    const int32_t result = send_locked(room, message, deflated, excepted, at);
    free(deflated);
    return result;
}

/* For want of memory a message is not kept; only one that needs its position is not sent either. */
OFF_THE_WAY static int32_t send_and_keep(struct room *room, const toni_message *message,
                                         const toni_message *deflated,
                                         const struct excepted *excepted, const toni_position *at)
{
    struct kept_message kept;
    if (!broadcast_begin_keeping(room, message, at, &kept))
        return BROADCAST_ENDED;
    int32_t result;
    if (kept.is_marked && kept.payload) {
        const toni_message marked = message_of_payload(kept.payload);
        result = send_late(room, &marked, excepted, at);
    } else if (kept.is_marked) {
        if (at)
            room_advance(room, at);
        result = TONI_ERR_NO_MEMORY;
    } else {
        result = message_position_at(message) > 0
                     ? send_late(room, message, excepted, at)
                     : send_locked(room, message, deflated, excepted, at);
    }
    broadcast_end_keeping(room, &kept, result);
    return result;
}

int32_t broadcast_locked(struct room *room, const toni_message *message,
                         const toni_message *deflated, const struct excepted *excepted,
                         const toni_position *at)
{
    if (room->history || message_position_at(message) > 0)
        return send_and_keep(room, message, deflated, excepted, at);
    return send_locked(room, message, deflated, excepted, at);
}

/* --- To a room */

toni_message *broadcast_deflate(struct room *room, const toni_message *message)
{
    return room_deflates(room, message->body.size) && message_position_at(message) == 0
               ? deflate(room, message)
               : NULL;
}

int32_t broadcast_send(struct room *room, const toni_message *message, const toni_position *at)
{
    toni_message *deflated = broadcast_deflate(room, message);
    lock_take(&room->lock);
    const int32_t result = broadcast_locked(room, message, deflated, NULL, at);
    lock_give(&room->lock);
    free(deflated);
    return result;
}

int32_t broadcast_to_kept(struct space *space, toni_str name, const toni_message *message)
{
    int32_t result = 0;
    if (!atomic_load_explicit(&space->keeps_history, memory_order_relaxed))
        return 0;
    do {
        struct room *room = room_table_to_send(space, name);
        if (!room)
            return 0;
        result = broadcast_send(room, message, NULL);
        room_table_release(room);
    } while (result == BROADCAST_ENDED);
    return result;
}
