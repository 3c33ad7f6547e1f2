/* How a thread sends: at a rate or as the answers come, and never waiting for a socket that takes
 * no more; see crew.h. */
#include "base/clock.h"
#include "command/crew.h"

#include <stdlib.h>
#include <string.h>

/* How many messages go out before what has come is read. */
#define BURST 32U

/* --- One frame */

/* @return Whether there is room for a frame of so many bytes, with its payload behind it. */
static bool make_room(struct crew *crew, size_t bound)
{
    const size_t size = 2 * bound + FRAME_HEAD_MAX;
    if (size <= crew->frame_size)
        return true;
    uint8_t *frame = realloc(crew->frame, size);
    if (!frame)
        return false;
    crew->frame = frame;
    crew->frame_size = size;
    return true;
}

/* Keeps what the socket does not take. @return 0, or -1 if the connection has ended. */
static int send_bytes(struct caller *caller, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        const int64_t sent = connection_send(&caller->connection, bytes, size);
        if (sent < 0)
            return -1;
        if (sent == 0)
            break;
        bytes += sent;
        size -= (size_t)sent;
    }
    if (size == 0)
        return 0;
    caller->rest = malloc(size);
    if (!caller->rest)
        return -1;
    memcpy(caller->rest, bytes, size);
    caller->rest_at = 0;
    caller->rest_size = size;
    caller->connection.sending = true;
    return 0;
}

/* The server may have said why: that is to be read before the end is noted. */
static void end(struct crew *crew, struct caller *caller)
{
    if (caller->connection.stream.fd >= 0)
        (void)connection_receive(&caller->connection);
    crew_ended(crew, caller);
}

int crew_send(struct crew *crew, struct caller *caller, const struct template *template,
              const struct template_values *values)
{
    const size_t bound = template_bound(template, values);
    if (!make_room(crew, bound))
        return -1;
    uint8_t *plain = crew->frame + FRAME_HEAD_MAX + bound;
    size_t size = template_write(plain, template, values);
    size = frame_write(crew->frame, crew->plan->binary ? BINARY : TEXT, plain, size);
    if (send_bytes(caller, crew->frame, size)) {
        end(crew, caller);
        return -1;
    }
    if (crew_is_blocked(caller))
        crew_watch(crew, caller);
    return 0;
}

/* --- One message */

static uint64_t sent_ns_of(const struct crew *crew, const struct caller *caller)
{
    return crew->plan->rate > 0
               ? schedule_due(&crew->schedule,
                              schedule_turn(&crew->schedule, caller->sender, caller->sent))
               : clock_now_ns();
}

/* Publishes the next message of a caller that is open and not blocked. @return 0, or -1: it can't
 * now. */
static int publish(struct crew *crew, struct caller *caller)
{
    char room[ROOM_NAME_SIZE];
    struct replies *replies = caller->connection.replies;
    const struct mark mark = {.sent_ns = sent_ns_of(crew, caller),
                              .room = caller->connection.ledger.room,
                              .publisher = caller->index,
                              .seq = caller->sent};
    if (replies && !pending_reserve(&replies->pending))
        return -1;
    plan_room_name(mark.room, room);
    mark_write(&mark, crew->message);
    const struct template_values values = {.room = room,
                                           .client = caller->number,
                                           .number = caller->sent,
                                           .message = crew->message,
                                           .size = crew->plan->size};
    if (replies)
        (void)pending_add(&replies->pending, mark.sent_ns);
    caller->sent++;
    caller->sent_ns = mark.sent_ns;
    crew->sent++;
    return crew_send(crew, caller, &crew->plan->message, &values);
}

/* --- At a rate */

/* Sends what has become due for a caller up to the turn that it is. */
static void publish_owed(struct crew *crew, struct caller *caller)
{
    while (caller->is_open && !crew_is_blocked(caller) &&
           schedule_turn(&crew->schedule, caller->sender, caller->sent) < crew->turn) {
        if (publish(crew, caller))
            break;
    }
}

static uint64_t send_at_rate(struct crew *crew)
{
    const uint64_t now = clock_now_ns(), end = crew->shared->end_ns;
    const uint64_t due = schedule_count(&crew->schedule, now < end ? now : end);
    for (uint32_t i = 0; crew->turn < due && i < BURST; i++) {
        struct caller *caller = crew->senders[crew->turn % crew->sender_count];
        const uint64_t due_ns = schedule_due(&crew->schedule, crew->turn++);
        if (caller->is_open && !crew_is_blocked(caller)) {
            percentiles_add(&crew->late, clock_now_ns() - due_ns);
            publish_owed(crew, caller);
        }
    }
    if (crew->turn < due)
        return 0;
    const uint64_t next = schedule_due(&crew->schedule, crew->turn), then = clock_now_ns();
    return next > then ? next - then : 0;
}

uint64_t crew_send_due(struct crew *crew)
{
    return crew->plan->rate > 0 && crew->sender_count > 0 ? send_at_rate(crew) : NS_PER_S;
}

void crew_count_unsent(struct crew *crew)
{
    const uint64_t end = crew->shared->end_ns;
    const uint64_t then = crew->to.at_ns < end ? crew->to.at_ns : end;
    const uint64_t due =
        crew->plan->rate > 0 && crew->sender_count > 0 ? schedule_count(&crew->schedule, then) : 0;
    for (uint32_t i = 0; i < crew->sender_count; i++) {
        const struct caller *caller = crew->senders[i];
        const uint64_t first = caller->sender;
        const uint64_t wanted = due > first ? (due - first - 1) / crew->sender_count + 1 : 0;
        if (!caller->is_open || wanted <= caller->sent)
            continue;
        if (crew_is_blocked(caller))
            crew->held_back += wanted - caller->sent;
        else
            crew->unsent += wanted - caller->sent;
    }
}

/* --- As the answers come */

static uint32_t unanswered(const struct caller *caller)
{
    const struct connection *connection = &caller->connection;
    if (connection->replies)
        return connection->replies->pending.waiting;
    const uint32_t next = connection->ledger.next[caller->index];
    return caller->sent - (next > caller->given_up ? next : caller->given_up);
}

void crew_refill(struct crew *crew, struct caller *caller)
{
    if (crew->plan->rate > 0 || !caller->publishes ||
        atomic_load_explicit(&crew->shared->phase, memory_order_relaxed) != PHASE_RUN ||
        crew->to.at_ns > 0)
        return;
    while (caller->is_open && !crew_is_blocked(caller) &&
           unanswered(caller) < crew->plan->outstanding) {
        if (publish(crew, caller))
            break;
    }
}

static void give_up(struct crew *crew, struct caller *caller)
{
    crew->timed_out += unanswered(caller);
    if (caller->connection.replies)
        pending_give_up(&caller->connection.replies->pending);
    caller->given_up = caller->sent;
    crew_refill(crew, caller);
}

/* --- Both */

void crew_flush(struct crew *crew, struct caller *caller)
{
    while (caller->rest_at < caller->rest_size) {
        const int64_t sent = connection_send(&caller->connection, caller->rest + caller->rest_at,
                                             caller->rest_size - caller->rest_at);
        if (sent < 0) {
            end(crew, caller);
            return;
        }
        if (sent == 0)
            return;
        caller->rest_at += (size_t)sent;
    }
    free(caller->rest);
    caller->rest = NULL;
    caller->connection.sending = false;
    crew_watch(crew, caller);
    if (atomic_load_explicit(&crew->shared->phase, memory_order_relaxed) != PHASE_RUN ||
        crew->to.at_ns > 0)
        return;
    if (crew->plan->rate > 0 && caller->publishes)
        publish_owed(crew, caller);
    else
        crew_refill(crew, caller);
}

static void tick_slow(struct crew *crew, struct caller *caller)
{
    if (crew->plan->slow_rate == 0)
        return;
    if (connection_receive_at_most(&caller->connection, crew->plan->slow_rate / 10))
        crew_ended(crew, caller);
    else
        crew_refill(crew, caller);
}

void crew_tick(struct crew *crew)
{
    const uint64_t now = clock_now_ns();
    if (atomic_load_explicit(&crew->shared->phase, memory_order_relaxed) != PHASE_RUN)
        return;
    for (uint32_t i = 0; i < crew->count; i++) {
        struct caller *caller = &crew->callers[i];
        if (!caller->is_open)
            continue;
        if (caller->is_slow)
            tick_slow(crew, caller);
        else if (crew->plan->rate == 0 && caller->publishes && unanswered(caller) > 0 &&
                 now - caller->sent_ns > crew->plan->timeout_ns)
            give_up(crew, caller);
    }
}
