/* Receivers; see receiver.h. */
#include "rooms/receiver.h"

#include "rooms/dropping.h"
#include "rooms/marks.h"
#include "rooms/pins.h"

#include <stddef.h>

/* Not inlined: a client that takes everything at once never comes there, and each of its flushes
 * would pay for the registers and the stack. */
#define OFF_THE_WAY __attribute__((noinline))

/* --- Counting */

static void count_dropped(struct receiver *receiver, enum drop_reason reason, uint64_t messages)
{
    counter_add(&receiver->lane->figures.dropped[reason], messages);
    counter_add(&receiver->dropped, messages);
    if (receiver->gateway_figures && messages > 0)
        counter_add_shared(&receiver->gateway_figures->dropped[reason], messages);
}

static void pace(struct receiver *receiver)
{
    const bool pauses = backlog_pauses(&receiver->outbox, receiver->limits, receiver->paused);
    if (pauses == receiver->paused || (pauses && (receiver->close_queued || receiver->write_shut)))
        return;
    receiver->paused = pauses;
    receiver->transport->pause(receiver->socket, pauses);
}

OFF_THE_WAY static void set_left(struct receiver *receiver)
{
    struct lane_figures *figures = &receiver->lane->figures;
    const uint64_t bytes = outbox_limited_bytes(&receiver->outbox);
    counter_add(&figures->outbox_messages, receiver->outbox.messages - receiver->backlog.messages);
    counter_add(&figures->outbox_bytes, bytes - receiver->left_bytes);
    atomic_store(&receiver->backlog.messages, (uint32_t)receiver->outbox.messages);
    atomic_store(&receiver->left_bytes, bytes);
    receiver->has_left = receiver->outbox.count > 0;
    missed_settle(&receiver->missed, &receiver->outbox);
    backlog_note(&receiver->backlog, receiver->lane, &receiver->outbox);
    pace(receiver);
    if (backlog_is_high(&receiver->outbox, receiver->limits))
        atomic_store(&receiver->is_high, true);
}

__attribute__((noinline)) static void look_whether_drained(struct receiver *receiver)
{
    if (receiver->close_queued || receiver->write_shut ||
        !backlog_is_low(&receiver->outbox, receiver->limits))
        return;
    atomic_store(&receiver->is_high, false);
    receiver->transport->drained(receiver->socket);
}

/* What was posted is now part of what is left, or gone. `left` is raised before `posted` is
 * lowered: a concurrent sender may count these bytes twice but must never miss them. After a
 * broadcast to a client that keeps up nothing is left and nothing was posted: no locked instruction
 * is needed. */
static void settle(struct receiver *receiver)
{
    if (receiver->outbox.count > 0 || receiver->has_left)
        set_left(receiver);
    if (receiver->delivered_messages > 0) {
        receiver_retract(receiver, receiver->delivered_messages, receiver->delivered_bytes);
        receiver->delivered_messages = receiver->delivered_bytes = 0;
    }
    if (atomic_load(&receiver->is_high))
        look_whether_drained(receiver);
}

/* The lane's list has a reference to a receiver that is finished; until then its connection keeps
 * it. */
static void touch(struct receiver *receiver)
{
    if (receiver->finished && !receiver->node.queued)
        receiver->owner->ref(receiver);
    lane_touch(receiver->lane, &receiver->node);
}

/* Counts what came in the turn that runs, however often that flushes. */
static void note_fresh(struct receiver *receiver, uint64_t messages, uint64_t bytes)
{
    if (receiver->fresh_turn != receiver->lane->turn) {
        receiver->fresh_turn = receiver->lane->turn;
        receiver->fresh_messages = 0;
        receiver->fresh_bytes = 0;
    }
    receiver->fresh_messages += (uint32_t)messages;
    receiver->fresh_bytes += bytes;
}

enum outbox_answer receiver_enqueue(struct receiver *receiver, struct batch *batch, uint32_t first,
                                    uint32_t count)
{
    struct outbox *outbox = &receiver->outbox;
    const uint64_t before = outbox->bytes;
    enum outbox_answer answer = OUTBOX_TOOK;
    if (receiver->close_queued || receiver->write_shut || receiver->starved) {
        count_dropped(receiver, receiver->starved ? DROP_NO_MEMORY : DROP_CLOSING, count);
        return receiver->starved ? OUTBOX_NO_MEMORY : OUTBOX_CLOSED;
    }
    if (outbox_push(outbox, batch, first, count)) {
        count_dropped(receiver, DROP_NO_MEMORY, count);
        receiver->starved = true;
        answer = OUTBOX_NO_MEMORY;
    } else {
        counter_add(&receiver->lane->figures.queued, count);
    }
    note_fresh(receiver, count, outbox->bytes - before);
    touch(receiver);
    return answer;
}

void receiver_mark_gap(struct receiver *receiver, struct topic *topic, uint32_t count)
{
    if (!receiver->limits->gap_notice || receiver->close_queued || receiver->write_shut ||
        receiver->starved)
        return;
    if (outbox_append_mark(&receiver->outbox, topic, count))
        receiver->starved = true;
    touch(receiver);
}

void receiver_look(struct receiver *receiver)
{
    touch(receiver);
}

void receiver_deliver(struct receiver *receiver, struct batch *batch)
{
    (void)receiver_enqueue(receiver, batch, 0, batch->count);
    receiver->delivered_messages += batch->count;
    receiver->delivered_bytes += batch->size;
    touch(receiver);
}

/* All that waits for it was missed, or came before that. */
static void note_missed(struct receiver *receiver)
{
    missed_note(&receiver->missed, &receiver->outbox);
    receiver->has_left = true; /* so that it is looked at when all has gone out */
}

/* `left` is raised before what is coming is lowered, as in settle(). */
void receiver_deliver_missed(struct receiver *receiver, struct batch *batch)
{
    struct lane_figures *figures = &receiver->lane->figures;
    if (receiver_enqueue(receiver, batch, 0, batch->count) == OUTBOX_TOOK) {
        counter_add(&figures->outbox_messages, batch->count);
        counter_add(&figures->outbox_bytes, batch->size);
        atomic_fetch_add(&receiver->backlog.messages, batch->count);
        atomic_fetch_add(&receiver->left_bytes, batch->size);
        note_missed(receiver);
    }
    missed_retract(&receiver->missed, batch->count, batch->size);
    touch(receiver);
}

int receiver_send_control(struct receiver *receiver, enum frame_opcode opcode, const void *payload,
                          size_t size)
{
    lane_deliver(receiver->lane);
    if (receiver->close_queued || receiver->write_shut || receiver->starved)
        return -1;
    if (receiver_has_all_controls(receiver))
        outbox_drop_newest_control(&receiver->outbox);
    struct batch *batch = batch_create(2 + size);
    int result = batch ? batch_append_control(batch, opcode, payload, size) : -1;
    if (result == 0)
        result = outbox_push(&receiver->outbox, batch, 0, 1);
    batch_unref(batch);
    if (result == 0)
        touch(receiver);
    return result;
}

/* The close frame waits behind all else; it is no message. */
static bool close_is_in_outbox(const struct receiver *receiver)
{
    return receiver->close_queued && !receiver->close_is_bare && receiver->outbox.count > 0;
}

static void drop_outbox(struct receiver *receiver, enum drop_reason reason)
{
    bool close_waits = close_is_in_outbox(receiver);
    count_dropped(receiver, reason, outbox_clear(&receiver->outbox) - close_waits);
}

/* Takes out of the outbox what was written, and counts it. */
static void consume(struct receiver *receiver, size_t size)
{
    struct lane_figures *figures = &receiver->lane->figures;
    uint64_t before = receiver->outbox.messages;
    bool close_waits = close_is_in_outbox(receiver);
    const bool has_missed = missed_is_any(&receiver->missed);
    const uint64_t limited = has_missed ? outbox_limited_bytes(&receiver->outbox) : 0;
    outbox_consume(&receiver->outbox, size);
    bool close_went = close_waits && receiver->outbox.count == 0;
    if (has_missed)
        missed_take_off(&receiver->missed, before - receiver->outbox.messages,
                        limited - outbox_limited_bytes(&receiver->outbox));
    counter_add(&figures->sent, before - receiver->outbox.messages - close_went);
    counter_add(&figures->sent_bytes, size);
}

/* @return What of the bytes was taken; -1: nothing more can be written for now, or ever. */
static ssize_t write_bytes(struct receiver *receiver, const uint8_t *bytes, size_t size)
{
    ssize_t taken = receiver->transport->write(receiver->socket, bytes, size);
    if (taken < 0) {
        receiver->owner->closing(receiver, 0);
        receiver_discard(receiver);
    }
    return taken;
}

static bool is_busy(struct receiver *receiver)
{
    if (!receiver->transport->busy(receiver->socket))
        return false;
    receiver->transport->want_flush(receiver->socket);
    return true;
}

/* A socket takes these few bytes, or none. @return Whether they have gone out. */
OFF_THE_WAY static bool write_bare_close(struct receiver *receiver)
{
    uint8_t *frame = receiver->lane->scratch;
    const size_t size = frame_encode_close(frame, receiver->bare_code, NULL, 0);
    if (is_busy(receiver))
        return false;
    const ssize_t taken = write_bytes(receiver, frame, size);
    if (taken == 0)
        (void)is_busy(receiver);
    else if (taken > 0 && (size_t)taken < size)
        receiver_discard(receiver);
    receiver->close_is_bare = taken <= 0;
    return taken == (ssize_t)size;
}

/* Messages are missing before all that waits: the notice takes that place. Without memory for it
 * the client is closed, as without memory for a message; one that is being closed anyway is told no
 * more than that. @return Whether the mark is gone. */
OFF_THE_WAY static bool tell_gap(struct receiver *receiver)
{
    const int told = outbox_tell_mark(&receiver->outbox, receiver->limits->gap_notice);
    if (told > 0)
        counter_add(&receiver->lane->figures.gap_notices, 1);
    if (told >= 0)
        return true;
    if (receiver->close_queued)
        outbox_drop_first_mark(&receiver->outbox);
    else
        receiver->starved = true;
    return receiver->close_queued;
}

static void write_outbox(struct receiver *receiver)
{
    const struct transport *transport = receiver->transport;
    while (receiver->outbox.count > 0) {
        size_t size;
        if (is_busy(receiver))
            return;
        if (outbox_begins_with_mark(&receiver->outbox)) {
            if (!tell_gap(receiver))
                return;
            continue;
        }
        const uint8_t *bytes = outbox_peek(&receiver->outbox, receiver->lane->scratch, &size);
        ssize_t taken = write_bytes(receiver, bytes, size);
        if (taken < 0)
            return;
        consume(receiver, (size_t)taken);
    }
    if (receiver->close_is_bare && !write_bare_close(receiver))
        return;
    if (receiver->close_queued && !receiver->close_written) {
        receiver->close_written = true;
        transport->close_written(receiver->socket);
    }
}

/* --- Outboxes that are full */

static void close_now(struct receiver *receiver, uint16_t code, toni_str reason,
                      enum drop_reason drop);

/* What came this turn is not held against a client: a burst harms nobody who keeps up. What earlier
 * turns left is, once something is added to it.
 * @param messages, bytes  Set to what earlier turns left. @return Whether something was added. */
static bool see_what_is_old(const struct receiver *receiver, uint64_t *messages, uint64_t *bytes)
{
    const struct outbox *outbox = &receiver->outbox;
    if (receiver->fresh_turn != receiver->lane->turn || receiver->fresh_messages == 0 ||
        receiver->close_queued)
        return false;
    *messages = outbox->messages > receiver->fresh_messages
                    ? outbox->messages - receiver->fresh_messages
                    : 0;
    const uint64_t all = outbox_limited_bytes(outbox);
    *bytes = all > receiver->fresh_bytes ? all - receiver->fresh_bytes : 0;
    return true;
}

struct shedding {
    struct receiver *receiver;
    enum drop_reason reason;
};

/* The topic alone: count_dropped counts for lane, client and gateway. */
static void count_in_topic(void *data, const struct batch *batch, uint32_t messages)
{
    const struct shedding *shedding = data;
    if (batch->topic)
        topic_count_dropped(batch->topic, shedding->reason, messages);
}

static void close_slow_consumer(struct receiver *receiver)
{
    struct shedding shedding = {receiver, DROP_SLOW_CONSUMER};
    receiver->owner->report(receiver, RECEIVER_IS_SLOW);
    receiver->slow = true;
    outbox_each(&receiver->outbox, count_in_topic, &shedding);
    close_now(receiver, 1008, toni_str_of("slow consumer"), DROP_SLOW_CONSUMER);
}

/* The host needs the memory that waits for this client. */
static void evict(struct receiver *receiver)
{
    receiver->owner->report(receiver, RECEIVER_IS_EVICTED);
    if (receiver->close_queued) {
        receiver_discard(receiver);
        return;
    }
    struct shedding shedding = {receiver, DROP_SLOW_CONSUMER};
    receiver->evicted = true;
    outbox_each(&receiver->outbox, count_in_topic, &shedding);
    close_now(receiver, 1008, toni_str_of("slow consumer"), DROP_SLOW_CONSUMER);
    settle(receiver);
}

static void count_shed(void *data, const struct batch *batch, uint32_t messages)
{
    const struct shedding *shedding = data;
    count_dropped(shedding->receiver, shedding->reason, messages);
    count_in_topic(data, batch, messages);
}

static bool tells_gaps(const struct receiver *receiver)
{
    return receiver->limits->gap_notice != NULL;
}

/* The old have to be within the limits; the fresh come on top of that, and what was missed. */
static void drop_oldest(struct receiver *receiver, uint64_t old_messages, uint64_t old_bytes)
{
    struct shedding shedding = {receiver, DROP_OLDEST};
    const struct outbox_dropping dropping = {count_shed, &shedding, tells_gaps(receiver)};
    struct outbox *outbox = &receiver->outbox;
    outbox_drop_oldest(outbox, outbox->messages - old_messages, outbox->bytes - old_bytes,
                       receiver->limits->outbox_messages + receiver->missed.messages,
                       receiver->limits->outbox_bytes + receiver->missed.bytes, &dropping);
}

/* None of the fresh ones is taken; they are not to be looked at again in this turn. */
static void drop_fresh(struct receiver *receiver)
{
    struct shedding shedding = {receiver, DROP_NEWEST};
    const struct outbox_dropping dropping = {count_shed, &shedding, tells_gaps(receiver)};
    outbox_drop_newest(&receiver->outbox, receiver->fresh_messages, &dropping);
    receiver->fresh_messages = 0;
    receiver->fresh_bytes = 0;
}

/* What a newer one takes the place of is not missed: that is what the policy is for. So it leaves
 * no marks. */
static void keep_latest(struct receiver *receiver)
{
    struct shedding shedding = {receiver, DROP_NOT_LATEST};
    uint64_t fresh = receiver->fresh_messages;
    if (receiver->close_queued)
        return;
    outbox_keep_latest(&receiver->outbox, receiver->lane->scratch, &fresh, &receiver->fresh_bytes,
                       count_shed, &shedding);
    receiver->fresh_messages = (uint32_t)fresh;
}

/* After a write was tried: what waits now has to be within the limits. */
OFF_THE_WAY static void apply_policy(struct receiver *receiver)
{
    const struct limits *limits = receiver->limits;
    const enum outbox_policy policy = limits->outbox_policy;
    const uint64_t most_messages = limits->outbox_messages + receiver->missed.messages;
    const uint64_t most_bytes = limits->outbox_bytes + receiver->missed.bytes;
    uint64_t messages, bytes;
    if (policy == OUTBOX_LATEST)
        keep_latest(receiver);
    if (!see_what_is_old(receiver, &messages, &bytes))
        return;
    if (policy == OUTBOX_DROP_NEWEST && (messages >= most_messages || bytes >= most_bytes)) {
        drop_fresh(receiver);
        return;
    }
    if (messages <= most_messages && bytes <= most_bytes)
        return;
    if (policy == OUTBOX_CLOSE)
        close_slow_consumer(receiver);
    else
        drop_oldest(receiver, messages, bytes);
}

OFF_THE_WAY static void close_starved(struct receiver *receiver)
{
    receiver->owner->report(receiver, RECEIVER_IS_STARVED);
    close_now(receiver, 1011, toni_str_of("out of memory"), DROP_NO_MEMORY);
}

void receiver_flush(struct receiver *receiver)
{
    if (!receiver->write_shut)
        write_outbox(receiver);
    if (receiver->starved && !receiver->close_queued && !receiver->write_shut)
        close_starved(receiver);
    else if (receiver->outbox.count > 0)
        apply_policy(receiver);
    settle(receiver);
}

/* --- In the lane's list */

static struct receiver *receiver_of(struct lane_node *node)
{
    return (struct receiver *)((char *)node - offsetof(struct receiver, node));
}

static void forget(struct lane_node *node)
{
    struct receiver *receiver = receiver_of(node);
    if (receiver->finished)
        receiver->owner->unref(receiver);
}

static void flush(struct lane_node *node)
{
    receiver_flush(receiver_of(node));
    forget(node);
}

/* The pin lies in a receiver. */
static void relieve(struct lane *lane)
{
    struct pin *pin;
    while ((pin = budget_victim(&lane->budgets[BUDGET_OUTBOX], lane))) {
        evict((struct receiver *)((char *)pin - offsetof(struct receiver, backlog.pin)));
        batch_refs_drop(&lane->refs); /* or what it held would count on */
    }
}

const struct lane_work receiver_work = {flush, forget, relieve};

/* --- Closing */

/* Without memory for the close frame, or for its place in the outbox, the client is told the code
 * alone. */
static void queue_close(struct receiver *receiver, uint16_t code, struct batch *batch)
{
    if (!batch || outbox_push(&receiver->outbox, batch, 0, 1)) {
        receiver->close_is_bare = true;
        receiver->bare_code = code;
    }
    receiver->close_queued = true;
    touch(receiver);
    receiver->transport->close_begun(receiver->socket);
}

void receiver_deliver_close(struct receiver *receiver, uint16_t code, struct batch *batch)
{
    if (!receiver->close_queued && !receiver->write_shut && !receiver->starved)
        queue_close(receiver, code, batch);
}

static void close_now(struct receiver *receiver, uint16_t code, toni_str reason,
                      enum drop_reason drop)
{
    receiver->owner->closing(receiver, code);
    if (receiver->close_queued || receiver->write_shut)
        return;
    count_dropped(receiver, drop, outbox_drop_waiting(&receiver->outbox));
    struct batch *batch = batch_create_close(code, reason);
    queue_close(receiver, code, batch);
    batch_unref(batch);
}

void receiver_close_now(struct receiver *receiver, uint16_t code, toni_str reason)
{
    close_now(receiver, code, reason, DROP_CLOSED);
}

void receiver_discard(struct receiver *receiver)
{
    drop_outbox(receiver, DROP_CLOSED);
    receiver->write_shut = true;
    settle(receiver);
}

void receiver_finish(struct receiver *receiver)
{
    receiver_discard(receiver);
    if (receiver->node.queued && !receiver->finished)
        receiver->owner->ref(receiver); /* the list's */
    receiver->finished = true;
}
