/* Receiving; see receiving.h. */
#include "net/receiving.h"

#include "base/clock.h"
#include "base/log_limit.h"
#include "base/utf8.h"
#include "net/closing.h"
#include "net/ending.h"
#include "net/inbound.h"
#include "net/inflating.h"
#include "net/watching.h"
#include "rooms/pins.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* How much is read at once: what is handled within QUICK_NS may be twice as much the next time, and
 * what took more than a share of the turn half as much, since what is left of it has to be kept. A
 * read may hold thousands of messages, and nobody knows how long its gateway takes for each. */
#define FIRST_READ_SHIFT 4 /* 4 KiB */
#define LAST_READ_SHIFT 6  /* 1 KiB */
#define QUICK_NS (TURN_SHARE_NS / 2)

static bool is_read_from(const struct connection *connection)
{
    return connection->state == CONNECTION_OPEN && !connection->is_paused &&
           client_is_open(connection->served.client);
}

/* --- Messages */

static bool charge(struct connection *connection, size_t size)
{
    const char *too_much =
        rate_take(&connection->rate, connection->limits, size, connection_now_ms(connection));
    if (too_much)
        connection_end(connection, END_BY_LIMIT, 1008, toni_str_of(too_much));
    return !too_much;
}

static void deliver(struct connection *connection, uint8_t kind, const void *bytes, size_t size)
{
    struct worker *worker = connection->served.worker;
    const toni_str body = toni_str_make(bytes, size);
    const toni_message message = kind == FRAME_BINARY ? toni_binary(body) : toni_text(body);
    counter_add(&worker->figures.received, 1);
    counter_add(&worker->figures.received_bytes, size);
    connection->last_message_ms = connection_now_ms(connection);
    if (!charge(connection, size))
        return;
    const uint16_t code = gateway_on_message(&connection->served, &message);
    if (code > 0)
        connection_fault(connection, code);
    else if (client_may_pause(connection->served.client))
        lane_flush(worker->lane); /* what a write takes holds nobody up */
    worker_notice_received(worker, size);
}

static void deliver_inflated(struct connection *connection, const struct inflating *inflating,
                             enum inflated result)
{
    const struct buffer *message = &inflating->message;
    switch (result) {
    case INFLATED:
        if (inflating->kind == FRAME_TEXT && !utf8_valid(message->bytes, message->length)) {
            connection_end(connection, END_BY_PROTOCOL_ERROR, 1007,
                           toni_str_of("text is not UTF-8"));
        } else {
            deliver(connection, inflating->kind, message->length > 0 ? message->bytes : "",
                    message->length);
        }
        break;
    case INFLATED_INVALID:
        connection_end(connection, END_BY_PROTOCOL_ERROR, 1007,
                       toni_str_of("not compressed as agreed"));
        break;
    case INFLATED_TOO_BIG:
        connection_end(connection, END_BY_LIMIT, 1009, toni_str_of("message too big"));
        break;
    case INFLATED_MORE: /* but there is no memory to keep what there is */
    case INFLATED_NO_MEMORY:
        connection_end(connection, END_BY_FAULT, 1011, toni_str_of("out of memory"));
        break;
    }
}

/* @return What its result is; INFLATED_MORE: the share is used up. */
static enum inflated inflate_on(struct connection *connection, struct inflating *inflating)
{
    return inflating_go_on(inflating, &connection->served.worker->share,
                           connection->limits->message_bytes);
}

/* The whole message is there. It mostly is inflated at once, by the inflater that the worker has
 * for all; if not, what follows it waits as long. */
static void inflate_and_deliver(struct connection *connection, uint8_t kind, const void *bytes,
                                size_t size)
{
    struct inflater **spare = &connection->served.worker->inflater;
    struct inflating inflating;
    inflating_begin(&inflating, spare, kind, bytes, size);
    const enum inflated result = inflate_on(connection, &inflating);
    if (result == INFLATED_MORE) {
        struct inflating *aside = inflating_set_aside(&inflating);
        if (aside && !inbound_keep_inflating(connection, aside))
            return;
        free(aside);
    }
    deliver_inflated(connection, &inflating, result);
    inflating_finish(&inflating, spare);
}

static inline void deliver_whole(struct connection *connection, uint8_t kind, const void *bytes,
                                 size_t size)
{
    if (kind & FRAME_COMPRESSED)
        inflate_and_deliver(connection, (uint8_t)(kind & ~FRAME_COMPRESSED), bytes, size);
    else
        deliver(connection, kind, bytes, size);
}

/* An empty fragment that doesn't end its message costs as much as a message. */
static void take_part(struct connection *connection, const struct codec_event *event)
{
    if (event->size == 0 && !event->is_last && !charge(connection, 0))
        return;
    if (inbound_append(connection, event->bytes, event->size)) {
        connection_end(connection, END_BY_FAULT, 1011, toni_str_of("out of memory"));
        return;
    }
    if (!event->is_last)
        return;
    struct buffer message = inbound_take_message(connection);
    deliver_whole(connection, event->kind, message.length > 0 ? message.bytes : "", message.length);
    buffer_finish(&message);
}

/* --- Control frames */

static void send_pong(struct connection *connection, const struct codec_event *ping)
{
    (void)client_send_control(connection->served.client, FRAME_PONG, ping->bytes, ping->size);
}

/* @param late  Set to the ping, if as many pongs wait as may: of those that follow one another only
 * the last is answered then, at the end of what was read. */
static void take_ping(struct connection *connection, const struct codec_event *ping,
                      struct codec_event *late)
{
    if (!charge(connection, 0))
        return;
    if (client_has_all_controls(connection->served.client))
        *late = *ping;
    else
        send_pong(connection, ping);
}

/* Before what comes behind it is taken. */
static void answer_late(struct connection *connection, struct codec_event *late)
{
    if (late->bytes && connection->served.client)
        send_pong(connection, late);
    late->bytes = NULL;
}

/* The answer to a ping of the host is no message that the client chose to send. */
static void take_pong(struct connection *connection)
{
    if (connection->awaits_pong)
        connection->awaits_pong = false;
    else
        (void)charge(connection, 0);
}

static void take_close(struct connection *connection, const struct codec_event *event)
{
    const toni_str text = toni_str_make((const char *)event->bytes, event->size);
    connection->peer_has_closed = true;
    connection->end_text = event->size > 0 ? malloc(event->size + 1) : NULL;
    if (connection->end_text) { /* if not, there is no text */
        memcpy(connection->end_text, event->bytes, event->size);
        connection->end_text[event->size] = '\0';
    }
    connection_end(connection, END_BY_CLIENT, event->code, text);
}

static void take_fault(struct connection *connection, const struct codec_event *event)
{
    connection->peer_has_closed = event->peer_closed;
    connection_end(connection, event->code == 1009 ? END_BY_LIMIT : END_BY_PROTOCOL_ERROR,
                   event->code, toni_str_of(event->text));
}

static void take_event(struct connection *connection, const struct codec_event *event,
                       enum codec_event_type type)
{
    switch (type) {
    case CODEC_MESSAGE:
        deliver_whole(connection, event->kind, event->bytes, event->size);
        break;
    case CODEC_PART:
        take_part(connection, event);
        break;
    case CODEC_PONG:
        take_pong(connection);
        break;
    case CODEC_CLOSE:
        take_close(connection, event);
        break;
    case CODEC_FAULT:
        take_fault(connection, event);
        break;
    case CODEC_PING:       /* see take_ping */
    case CODEC_NEEDS_MORE: /* is none */
        break;
    }
}

/* --- Reading */

static bool is_set_aside(const struct connection *connection)
{
    return inbound_is_resumed(connection->inbound);
}

static bool is_inflating(const struct connection *connection)
{
    return connection->inbound && connection->inbound->inflating;
}

/* It goes on in dispatch_resume, and nothing is read from it until then.
 * @return Whether it does: not if it is paused, and goes on behind that, or without memory; then
 * nothing is kept, so its socket tells. */
static bool send_behind_others(struct connection *connection)
{
    if (connection->is_paused || inbound_set_aside(connection))
        return false;
    stream_listen(&connection->stream, 0);
    return true;
}

/* It has used its share of the turn, and something is left of what it sent, here or in its
 * socket. */
static void set_aside(struct connection *connection)
{
    if (!send_behind_others(connection))
        return;
    counter_add(&connection->served.worker->figures.deferred, 1);
    connection->floods = true;
}

void receiving_take(struct connection *connection, uint8_t *bytes, size_t size)
{
    struct turn_share *share = &connection->served.worker->share;
    struct codec_input input = {
        .bytes = bytes, .size = size, .message_bytes = connection->limits->message_bytes};
    struct codec_event event, late_ping = {.bytes = NULL};
    bool is_over = false;
    connection->is_taking = true;
    while (input.size > 0 && !is_over && is_read_from(connection)) {
        const enum codec_event_type type = codec_next(&connection->codec, &input, &event);
        if (type == CODEC_NEEDS_MORE)
            break;
        if (type == CODEC_PING) {
            take_ping(connection, &event, &late_ping);
        } else {
            answer_late(connection, &late_ping);
            take_event(connection, &event, type);
        }
        is_over = is_inflating(connection) || (input.size > 0 && turn_share_is_used(share));
    }
    answer_late(connection, &late_ping);
    connection->is_taking = false;
    if (connection->state == CONNECTION_CLOSED)
        return;
    if (connection->state != CONNECTION_OPEN || !client_is_open(connection->served.client))
        closing_take(connection, input.bytes, input.size);
    else if (inbound_keep_rest(connection, input.bytes, input.size))
        connection_end(connection, END_BY_FAULT, 1011, toni_str_of("out of memory"));
    else if (is_over)
        set_aside(connection);
}

/* Puts what was kept in front of what was read.
 * @return Where that begins. */
static uint8_t *join_rest(struct connection *connection, uint8_t *read, size_t *size)
{
    size_t kept;
    if (!connection->inbound)
        return read;
    uint8_t *rest = inbound_take_rest(connection, &kept);
    if (rest)
        memcpy(read - kept, rest, kept);
    free(rest);
    *size += kept;
    return read - kept;
}

void receiving_begin(struct connection *connection)
{
    connection->read_shift = FIRST_READ_SHIFT;
    /* Frames may have come with the handshake. */
    turn_share_begin(&connection->served.worker->share);
}

/* After a read that filled its buffer. */
static void adapt(struct connection *connection, uint64_t took_ns)
{
    if (took_ns > TURN_SHARE_NS && connection->read_shift < LAST_READ_SHIFT)
        connection->read_shift++;
    else if (took_ns < QUICK_NS && connection->read_shift > 0)
        connection->read_shift--;
}

/* Where to read to, and how much: the rest of a long message goes where it belongs, all else to the
 * worker's buffer. */
static uint8_t *choose_space(struct connection *connection, size_t *most)
{
    uint8_t *space = NULL;
    if (codec_left(&connection->codec) > 0)
        space = inbound_space(connection, codec_left(&connection->codec), most);
    if (space)
        return space;
    *most = WORKER_READ_MAX >> connection->read_shift;
    return connection->served.worker->received + CODEC_TAIL_MAX;
}

/* @return Whether there may be more to read. */
static bool read_once(struct connection *connection)
{
    struct turn_share *share = &connection->served.worker->share;
    size_t most;
    uint8_t *read = choose_space(connection, &most);
    ssize_t taken = stream_read(&connection->stream, read, most);
    if (taken < 0)
        connection_abort(connection, END_BY_LOSS);
    if (taken <= 0)
        return false;
    size_t size = (size_t)taken;
    const bool was_full = size == most; /* else the clock need not be asked */
    const uint64_t began_ns = was_full ? clock_now_ns() : 0;
    if (was_full && share->until_ns == 0)
        turn_share_begin_at(share, began_ns, UINT64_MAX);
    watching_heard(connection);
    read = join_rest(connection, read, &size);
    receiving_take(connection, read, size);
    if (was_full)
        adapt(connection, clock_now_ns() - began_ns);
    return was_full && is_read_from(connection) && !is_set_aside(connection);
}

/* Until nothing is left, or the share is used up. */
static void read_on(struct connection *connection)
{
    while (read_once(connection)) {
        if (turn_share_look(&connection->served.worker->share)) {
            set_aside(connection);
            return;
        }
    }
}

void receiving_readable(struct connection *connection)
{
    struct worker *worker = connection->served.worker;
    /* What is kept comes first: see dispatch_resume. */
    if (is_set_aside(connection))
        return;
    /* Nor does one that needed much the last time take its share in front of those who don't. */
    if (connection->floods) {
        connection->floods = false;
        if (send_behind_others(connection))
            return;
    }
    turn_share_begin(&worker->share);
    read_on(connection);
    worker_flush_few(worker);
}

/* Goes on with a message that was set aside while it was inflated.
 * @return Whether it has come to its end. */
static bool end_inflating(struct connection *connection)
{
    struct inflater **spare = &connection->served.worker->inflater;
    struct inflating *inflating = inbound_take_inflating(connection);
    if (!inflating)
        return true;
    const enum inflated result = inflate_on(connection, inflating);
    if (result == INFLATED_MORE && !inbound_keep_inflating(connection, inflating))
        return false;
    deliver_inflated(connection, inflating, result);
    inflating_free(inflating, spare);
    return true;
}

void receiving_go_on(struct connection *connection)
{
    if (connection->is_paused) /* again: it goes on behind that */
        return;
    if (!is_read_from(connection))
        inbound_forget_message(connection);
    if (!end_inflating(connection)) {
        set_aside(connection);
        return;
    }
    size_t size;
    uint8_t *rest = inbound_take_rest(connection, &size);
    receiving_take(connection, rest, size);
    free(rest);
    if (is_read_from(connection) && !is_set_aside(connection))
        read_on(connection);
    if (connection->state == CONNECTION_OPEN && !connection->is_paused && !is_set_aside(connection))
        stream_listen(&connection->stream, STREAM_READ);
}

/* --- Too much for the host */

static struct connection *connection_of(struct pin *pin)
{
    return ((struct inbound *)((char *)pin - offsetof(struct inbound, pin)))->connection;
}

/* @param client  NULL: its gateway has let go of it. */
static void report(toni_client *client, uint64_t bytes)
{
    char subject[IDENTITY_SUBJECT_MAX];
    if (!client)
        return;
    log_limited(LOG_LEVEL_WARN,
                "client closed: unfinished messages together are above inbound_bytes",
                LOG_CLIENT(client, subject), log_uint("bytes", bytes));
}

void receiving_relieve(struct worker *worker)
{
    struct budget *budget = &worker->lane->budgets[BUDGET_INBOUND];
    struct pin *pin;
    while ((pin = budget_victim(budget, worker->lane))) {
        struct connection *connection = connection_of(pin);
        report(connection->served.client, pin->bytes);
        connection_end_now(connection, END_BY_INBOUND_MEMORY, 1013, "too much is under way");
    }
}
