/* Direct sends; see direct.h. */
#include "rooms/direct.h"

#include <assert.h>
#include <stdlib.h>

static bool admit(struct receiver *receiver, uint64_t messages, uint64_t bytes)
{
    const struct limits *limits = receiver->limits;
    const struct missed *missed = &receiver->missed;
    const uint64_t count = atomic_fetch_add(&receiver->posted_messages, messages) + messages;
    const uint64_t total = atomic_fetch_add(&receiver->posted_bytes, bytes) + bytes;
    if (count + atomic_load(&missed->behind_messages) <= limits->outbox_messages &&
        total + atomic_load(&missed->behind_bytes) <= limits->outbox_bytes)
        return true;
    receiver_retract(receiver, messages, bytes);
    return false;
}

/* What was missed has to find place beside all that waits. */
static bool admit_missed(struct receiver *receiver, uint64_t messages, uint64_t bytes)
{
    const struct limits *limits = receiver->limits;
    if (messages > limits->outbox_messages || bytes > limits->outbox_bytes)
        return false;
    const uint64_t count =
        missed_add_messages(&receiver->missed, messages) + atomic_load(&receiver->posted_messages);
    const uint64_t total =
        missed_add_bytes(&receiver->missed, bytes) + atomic_load(&receiver->posted_bytes);
    if (count + atomic_load(&receiver->backlog.messages) <= limits->outbox_messages &&
        total + atomic_load(&receiver->left_bytes) <= limits->outbox_bytes)
        return true;
    missed_retract(&receiver->missed, messages, bytes);
    return false;
}

/* Messages for one receiver on their way. */
struct direct {
    struct command command;    /* first */
    struct receiver *receiver; /* one reference */
    struct batch *batch;       /* one reference; NULL: the receiver is only to be looked at */
};

static_assert(sizeof(struct direct) <= SPARE_COMMAND_SIZE, "a spare command has this size");

static void drop(struct command *command)
{
    struct direct *direct = (struct direct *)command;
    direct->receiver->owner->unref(direct->receiver);
    batch_unref(direct->batch);
    spare_give(SPARE_COMMAND, direct);
}

static void deliver(struct command *command, struct lane *lane)
{
    const struct direct *direct = (const struct direct *)command;
    (void)lane;
    if (direct->batch)
        receiver_deliver(direct->receiver, direct->batch);
    else
        receiver_look(direct->receiver);
    drop(command);
}

static const struct command_type direct_type = {deliver, drop};

static void deliver_missed(struct command *command, struct lane *lane)
{
    const struct direct *direct = (const struct direct *)command;
    (void)lane;
    receiver_deliver_missed(direct->receiver, direct->batch);
    drop(command);
}

static const struct command_type missed_type = {deliver_missed, drop};

/* Several sends to one client in a row, such as an answer in parts, become one batch. */
static bool append_to_last(struct command *last, const struct command_type *type,
                           const struct receiver *receiver, const toni_message *message)
{
    const struct direct *direct = (const struct direct *)last;
    return last && last->type == type && direct->receiver == receiver && direct->batch &&
           batch_has_room(direct->batch, frame_message_size(message->body.size)) &&
           !batch_append(direct->batch, message->kind, message->body.data, message->body.size);
}

/* @param size  Of the messages that its batch will have, encoded: this one, and others if known. */
static struct direct *direct_create(struct receiver *receiver, const toni_message *message,
                                    uint64_t size)
{
    struct direct *direct = spare_take(SPARE_COMMAND, SPARE_COMMAND_SIZE);
    struct batch *batch = batch_create(size);
    if (!direct || !batch ||
        batch_append(batch, message->kind, message->body.data, message->body.size)) {
        batch_unref(batch);
        free(direct);
        return NULL;
    }
    receiver->owner->ref(receiver);
    *direct = (struct direct){.command.type = &direct_type, .receiver = receiver, .batch = batch};
    return direct;
}

/* @return 0, or -1 on no memory; then nothing was posted. */
static int post(struct receiver *receiver, const toni_message *message)
{
    struct lane *lane = receiver->lane;
    struct command *last = lane_begin_post(lane);
    struct direct *direct = NULL;
    if (!append_to_last(last, &direct_type, receiver, message)) {
        lane_end_post(lane, NULL);
        direct = direct_create(receiver, message, frame_message_size(message->body.size));
        if (!direct)
            return -1;
        (void)lane_begin_post(lane);
    }
    counter_add(&lane->targeted, 1);
    lane_end_post(lane, direct ? &direct->command : NULL);
    return 0;
}

/* A send was refused: its gateway hears when little is left. The worker looks at `is_high` after
 * each flush; but what filled the outbox may have been flushed just now, or given back by another
 * sender that was refused. So it is asked to flush once more, by who sets `is_high`: whoever finds
 * it set knows that the worker has not looked since. Without memory for that the next message to
 * the client has it looked at. */
static void note_refusal(struct receiver *receiver)
{
    if (atomic_exchange(&receiver->is_high, true))
        return;
    struct direct *direct = spare_take(SPARE_COMMAND, SPARE_COMMAND_SIZE);
    if (!direct)
        return;
    receiver->owner->ref(receiver);
    *direct = (struct direct){.command.type = &direct_type, .receiver = receiver};
    lane_post(receiver->lane, &direct->command);
}

int32_t direct_send(struct receiver *receiver, const toni_message *message)
{
    const uint64_t bytes = frame_message_size(message->body.size);
    if (!admit(receiver, 1, bytes)) {
        note_refusal(receiver);
        return TONI_ERR_FULL;
    }
    if (!post(receiver, message))
        return TONI_OK;
    receiver_retract(receiver, 1, bytes);
    return TONI_ERR_NO_MEMORY;
}

/* --- Several at once */

static void drop_all(struct command *first)
{
    for (struct command *next; first; first = next) {
        next = first->next;
        drop(first);
    }
}

/* @param bytes  That all have, encoded: so a batch need not grow.
 * @return The first of commands that bring all, in that order; NULL on no memory. */
static struct command *make_all(struct receiver *receiver, const struct entries *entries,
                                uint64_t bytes)
{
    struct command *first = NULL, *last = NULL;
    for (uint32_t i = 0; i < entries->count; i++) {
        const toni_message message = message_of_payload(entries->list[i].payload);
        const uint64_t encoded = frame_message_size(message.body.size);
        const uint64_t left = bytes < BATCH_MAX ? bytes : BATCH_MAX;
        bytes -= encoded;
        if (append_to_last(last, &missed_type, receiver, &message))
            continue;
        struct direct *direct = direct_create(receiver, &message, encoded > left ? encoded : left);
        if (!direct) {
            drop_all(first);
            return NULL;
        }
        direct->command.type = &missed_type;
        if (last)
            last->next = &direct->command;
        else
            first = &direct->command;
        last = &direct->command;
    }
    return first;
}

static void post_all(struct lane *lane, struct command *first)
{
    for (struct command *next; first; first = next) {
        next = first->next;
        lane_post(lane, first);
    }
}

int32_t direct_send_all(struct receiver *receiver, const struct entries *entries)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < entries->count; i++)
        bytes += frame_message_size(entries->list[i].payload->size);
    if (!admit_missed(receiver, entries->count, bytes)) {
        note_refusal(receiver);
        return TONI_ERR_FULL;
    }
    struct command *first = make_all(receiver, entries, bytes);
    if (!first) {
        missed_retract(&receiver->missed, entries->count, bytes);
        return TONI_ERR_NO_MEMORY;
    }
    counter_add_shared(&receiver->lane->targeted, entries->count);
    post_all(receiver->lane, first);
    return TONI_OK;
}
