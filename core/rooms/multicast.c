/* Multicasts; see multicast.h. */
#include "rooms/multicast.h"

#include "rooms/broadcast.h"
#include "rooms/client.h"
#include "rooms/direct.h"

#include <stdlib.h>

static void multicast_unref(struct multicast *multicast);

/* --- From a target to a multicast */

/* The same message for those who take compressed ones. @return 0, or -1 on no memory. */
static int make_variant(struct multicast *multicast, const toni_message *message)
{
    toni_message *deflated = deflaters_shrink(&multicast->connections->deflaters, message);
    if (!deflated)
        return 0;
    int result = -1;
    if (!batch_add_variant(multicast->batch, frame_message_size(deflated->body.size)))
        result = batch_append(multicast->batch->deflated, deflated->kind, deflated->body.data,
                              deflated->body.size);
    free(deflated);
    return result;
}

static int make_batch(struct multicast *multicast, const toni_message *message)
{
    multicast->batch = batch_create_broadcast(addressees_topic(&multicast->to),
                                              frame_message_size(message->body.size));
    if (!multicast->batch ||
        batch_append(multicast->batch, message->kind, message->body.data, message->body.size))
        return -1;
    return addressees_deflate(&multicast->to, message->body.size) ? make_variant(multicast, message)
                                                                  : 0;
}

static struct multicast *multicast_create(const toni_target *target, const toni_message *message)
{
    struct multicast *multicast = calloc(1, sizeof *multicast);
    if (!multicast)
        return NULL;
    multicast->connections = target->space->connections;
    multicast->refs = 1;
    multicast->id = atomic_fetch_add(&multicast->connections->next_multicast, 1) + 1;
    if (!addressees_find(&multicast->to, target) && !make_batch(multicast, message))
        return multicast;
    multicast_unref(multicast);
    return NULL;
}

/* Whom no lane has delivered to is as good as closed: the host has ended. */
static void finish_receipt(struct multicast *multicast)
{
    struct receipt *receipt = multicast->receipt;
    multicast->receipt = NULL;
    if (!receipt)
        return;
    uint32_t counted = 0;
    for (unsigned i = 0; i < OUTBOX_ANSWERS; i++)
        counted += atomic_load(&receipt->answers[i]);
    atomic_fetch_add(&receipt->answers[OUTBOX_CLOSED], receipt->targeted - counted);
    receipt->finished(receipt);
}

static void multicast_unref(struct multicast *multicast)
{
    if (!multicast || atomic_fetch_sub(&multicast->refs, 1) != 1)
        return;
    finish_receipt(multicast);
    addressees_finish(&multicast->to);
    batch_unref(multicast->batch);
    free(multicast);
}

/* --- Posting */

static void release(struct multicast *multicast, uint32_t rooms)
{
    for (uint32_t i = 0; i < rooms; i++)
        pending_release(&multicast->to.rooms[i]->pending, batch_bytes(multicast->batch));
    pending_release(&multicast->connections->pending, batch_bytes(multicast->batch));
}

/* In the host once, and in each of its rooms. */
static bool charge_bytes(struct multicast *multicast)
{
    const struct limits *limits = &multicast->connections->limits;
    uint64_t bytes = batch_bytes(multicast->batch);
    if (!pending_charge(&multicast->connections->pending, bytes, limits->pending_bytes))
        return false;
    for (uint32_t i = 0; i < multicast->to.room_count; i++) {
        if (!pending_charge(&multicast->to.rooms[i]->pending, bytes,
                            limits->pending_bytes_per_room)) {
            release(multicast, i);
            return false;
        }
    }
    return true;
}

/* If there is no space for both, all get the message as it is. */
static bool charge(struct multicast *multicast)
{
    if (charge_bytes(multicast))
        return true;
    if (!multicast->batch->deflated)
        return false;
    batch_drop_variant(multicast->batch);
    return charge_bytes(multicast);
}

/* A multicast on its way to one lane. */
struct multicast_command {
    struct command command;      /* first */
    struct multicast *multicast; /* one reference, once it is posted */
    uint32_t lane;
    uint32_t count;
    struct audience *audiences[]; /* of its rooms, those that have targets on this lane */
};

static void deliver(struct command *command, struct lane *lane);
static void drop(struct command *command);

static const struct command_type multicast_type = {deliver, drop};

static void free_commands(struct command *commands)
{
    for (struct command *next; commands; commands = next) {
        next = commands->next;
        free(commands);
    }
}

/* Marks the lanes that have somebody to reach. */
static void find_lanes(const struct multicast *multicast, bool *needed)
{
    for (uint32_t i = 0; i < multicast->to.room_count; i++) {
        const struct audience *audience = multicast->to.rooms[i]->audiences;
        for (; audience; audience = audience->next)
            needed[audience->lane] = true;
    }
    for (uint32_t i = 0; i < multicast->to.client_count; i++)
        needed[multicast->to.clients[i]->receiver.lane->index] = true;
}

static struct multicast_command *make_command(struct multicast *multicast, uint32_t lane)
{
    struct multicast_command *made =
        malloc(sizeof *made + multicast->to.room_count * sizeof(struct audience *));
    if (!made)
        return NULL;
    *made = (struct multicast_command){
        .command.type = &multicast_type, .multicast = multicast, .lane = lane};
    for (uint32_t i = 0; i < multicast->to.room_count; i++) {
        struct audience *audience = room_audience(multicast->to.rooms[i], lane);
        if (audience)
            made->audiences[made->count++] = audience;
    }
    return made;
}

/* @return 0, or -1 on no memory. */
static int make_commands(struct multicast *multicast, struct command **commands, uint32_t *count)
{
    bool needed[LANES_MAX] = {false};
    find_lanes(multicast, needed);
    for (uint32_t lane = 0; lane < multicast->connections->lane_count; lane++) {
        if (!needed[lane])
            continue;
        struct multicast_command *made = make_command(multicast, lane);
        if (!made)
            return -1;
        made->command.next = *commands;
        *commands = &made->command;
        ++*count;
    }
    return 0;
}

static void advance_rooms(const struct multicast *multicast)
{
    for (uint32_t i = 0; i < multicast->to.room_count; i++)
        room_advance(multicast->to.rooms[i], multicast->at);
}

static void post(struct multicast *multicast, struct command *commands, uint32_t count)
{
    atomic_store(&multicast->undelivered, count);
    atomic_fetch_add(&multicast->refs, count);
    if (!multicast->at)
        advance_rooms(multicast);
    for (struct command *next; commands; commands = next) {
        const uint32_t lane = ((struct multicast_command *)commands)->lane;
        next = commands->next;
        lane_post(&multicast->connections->lanes[lane], commands);
    }
}

/* Under the locks of its rooms. */
static int32_t send_locked(struct multicast *multicast)
{
    uint32_t targeted, count = 0;
    struct command *commands = NULL;
    if (multicast->at)
        advance_rooms(multicast);
    if (addressees_count(&multicast->to, &targeted))
        return TONI_ERR_NO_MEMORY;
    if (targeted == 0)
        return 0;
    if (!charge(multicast)) {
        counter_add_shared(&multicast->connections->refused_busy, 1);
        return TONI_ERR_BUSY;
    }
    if (make_commands(multicast, &commands, &count)) {
        free_commands(commands);
        release(multicast, multicast->to.room_count);
        return TONI_ERR_NO_MEMORY;
    }
    if (multicast->receipt)
        multicast->receipt->targeted = targeted;
    post(multicast, commands, count);
    counter_add_shared(&multicast->connections->multicast_targeted, targeted);
    return (int32_t)(targeted <= INT32_MAX ? targeted : INT32_MAX);
}

/* As it is kept, with its position in it. */
static int32_t send_marked(struct multicast *multicast, const struct payload *payload)
{
    const toni_message message = message_of_payload(payload);
    batch_unref(multicast->batch);
    return make_batch(multicast, &message) ? TONI_ERR_NO_MEMORY : send_locked(multicast);
}

/* A message of one room that keeps it, or has a place for its position: as broadcast_locked(). */
static int32_t send_and_keep(struct multicast *multicast, const toni_message *message)
{
    struct room *room = multicast->to.rooms[0];
    struct kept_message kept;
    if (!broadcast_begin_keeping(room, message, multicast->at, &kept))
        return BROADCAST_ENDED;
    int32_t result = TONI_ERR_NO_MEMORY;
    if (!kept.is_marked)
        result = send_locked(multicast);
    else if (kept.payload)
        result = send_marked(multicast, kept.payload);
    broadcast_end_keeping(room, &kept, result);
    return result;
}

/* Under the locks of its rooms. */
static int32_t send(struct multicast *multicast, const toni_message *message)
{
    const struct addressees *to = &multicast->to;
    const bool is_of_room = to->is_of_room && to->room_count > 0;
    if (is_of_room && (to->rooms[0]->history || message_position_at(message) > 0))
        return send_and_keep(multicast, message);
    return send_locked(multicast);
}

static int32_t send_once(const toni_target *target, const toni_message *message,
                         struct receipt *receipt, const toni_position *at)
{
    struct multicast *multicast = multicast_create(target, message);
    if (!multicast)
        return TONI_ERR_NO_MEMORY;
    multicast->receipt = receipt;
    multicast->at = at;
    addressees_lock(&multicast->to);
    const int32_t result = send(multicast, message);
    addressees_unlock(&multicast->to);
    if (result < 0)
        multicast->receipt = NULL; /* the caller's again */
    multicast_unref(multicast);
    return result;
}

int32_t multicast_send(const toni_target *target, const toni_message *message,
                       struct receipt *receipt, const toni_position *at)
{
    int32_t result;
    do {
        result = send_once(target, message, receipt, at);
    } while (result == BROADCAST_ENDED);
    return result;
}

/* --- Delivery */

static void deliver_to(struct multicast *multicast, struct receiver *receiver)
{
    if (receiver->mark == multicast->id)
        return;
    receiver->mark = multicast->id;
    const enum outbox_answer answer =
        receiver_enqueue(receiver, receiver_batch(receiver, multicast->batch), 0, 1);
    if (multicast->receipt)
        atomic_fetch_add(&multicast->receipt->answers[answer], 1);
}

static void hand_out(struct multicast_command *command, const struct lane *lane)
{
    struct multicast *multicast = command->multicast;
    /* As if it had reached them: then nobody else has to be looked at. */
    for (uint32_t i = 0; i < multicast->to.except_count; i++) {
        if (multicast->to.except[i]->receiver.lane == lane)
            multicast->to.except[i]->receiver.mark = multicast->id;
    }
    for (uint32_t i = 0; i < command->count; i++) {
        const struct audience *audience = command->audiences[i];
        for (uint32_t m = 0; m < audience->count; m++)
            deliver_to(multicast, audience_receiver(audience, m));
    }
    for (uint32_t i = 0; i < multicast->to.client_count; i++) {
        if (multicast->to.clients[i]->receiver.lane == lane)
            deliver_to(multicast, &multicast->to.clients[i]->receiver);
    }
}

static void drop(struct command *command)
{
    multicast_unref(((struct multicast_command *)command)->multicast);
    free(command);
}

static void deliver(struct command *command, struct lane *lane)
{
    struct multicast_command *of = (struct multicast_command *)command;
    struct multicast *multicast = of->multicast;
    hand_out(of, lane);
    if (atomic_fetch_sub(&multicast->undelivered, 1) == 1) {
        release(multicast, multicast->to.room_count);
        finish_receipt(multicast);
    }
    drop(command);
}
