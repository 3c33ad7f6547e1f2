/* Receiving; see receiving.h. */
#include "net/receiving.h"

#include "base/clock.h"
#include "base/log_limit.h"
#include "base/utf8.h"
#include "net/closing.h"
#include "net/ending.h"
#include "net/inbound.h"
#include "net/watching.h"
#include "rooms/pins.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* So often at most one socket is read from before others have their turn. */
#define READS_AT_ONCE 4

/* How much is read at once: what is handled within QUICK_NS may be twice as much the next time, and
 * what took more than LONG_NS half as much. A read may hold thousands of messages, and nobody knows
 * how long its gateway takes for each; others wait meanwhile. */
#define FIRST_READ_SHIFT 4 /* 4 KiB */
#define LAST_READ_SHIFT 6  /* 1 KiB */
#define QUICK_NS 250000u
#define LONG_NS 1000000u

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

/* The whole message is there: so one inflater serves all connections, and stops at the limit. */
static void inflate_and_deliver(struct connection *connection, uint8_t kind, const void *bytes,
                                size_t size)
{
    struct worker *worker = connection->served.worker;
    struct buffer message;
    buffer_init(&message);
    enum inflated result = INFLATED_NO_MEMORY;
    if (!worker->inflater)
        worker->inflater = inflater_create();
    if (worker->inflater)
        result = inflater_inflate(worker->inflater, bytes, size, connection->limits->message_bytes,
                                  &message);
    switch (result) {
    case INFLATED:
        if (kind == FRAME_TEXT && !utf8_valid(message.bytes, message.length)) {
            connection_end(connection, END_BY_PROTOCOL_ERROR, 1007,
                           toni_str_of("text is not UTF-8"));
        } else {
            deliver(connection, kind, message.length > 0 ? message.bytes : "", message.length);
        }
        break;
    case INFLATED_INVALID:
        connection_end(connection, END_BY_PROTOCOL_ERROR, 1007,
                       toni_str_of("not compressed as agreed"));
        break;
    case INFLATED_TOO_BIG:
        connection_end(connection, END_BY_LIMIT, 1009, toni_str_of("message too big"));
        break;
    case INFLATED_NO_MEMORY:
        connection_end(connection, END_BY_FAULT, 1011, toni_str_of("out of memory"));
        break;
    }
    buffer_finish(&message);
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

static void answer_ping(struct connection *connection, const struct codec_event *event)
{
    if (charge(connection, 0))
        (void)client_send_control(connection->served.client, FRAME_PONG, event->bytes, event->size);
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
    case CODEC_PING:
        answer_ping(connection, event);
        break;
    case CODEC_PONG:
        (void)charge(connection, 0);
        break;
    case CODEC_CLOSE:
        take_close(connection, event);
        break;
    case CODEC_FAULT:
        take_fault(connection, event);
        break;
    case CODEC_NEEDS_MORE:
        break;
    }
}

/* --- Reading */

void receiving_take(struct connection *connection, uint8_t *bytes, size_t size)
{
    struct codec_input input = {
        .bytes = bytes, .size = size, .message_bytes = connection->limits->message_bytes};
    struct codec_event event;
    enum codec_event_type type = CODEC_MESSAGE;
    while (is_read_from(connection) && type != CODEC_NEEDS_MORE) {
        type = codec_next(&connection->codec, &input, &event);
        take_event(connection, &event, type);
    }
    if (connection->state == CONNECTION_CLOSED)
        return;
    if (connection->state != CONNECTION_OPEN || !client_is_open(connection->served.client))
        closing_drop(connection, input.bytes, input.size);
    else if (inbound_keep_rest(connection, input.bytes, input.size))
        connection_end(connection, END_BY_FAULT, 1011, toni_str_of("out of memory"));
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
}

/* @return Whether a read that filled its buffer was handled quickly. */
static bool adapt(struct connection *connection, uint64_t took_ns)
{
    if (took_ns > LONG_NS && connection->read_shift < LAST_READ_SHIFT)
        connection->read_shift++;
    else if (took_ns < QUICK_NS && connection->read_shift > 0)
        connection->read_shift--;
    return took_ns < QUICK_NS;
}

/* @return Whether there may be more to read at once. */
static bool read_once(struct connection *connection)
{
    uint8_t *read = connection->served.worker->received + CODEC_TAIL_MAX;
    const size_t most = WORKER_READ_MAX >> connection->read_shift;
    ssize_t taken = stream_read(&connection->stream, read, most);
    if (taken < 0)
        connection_abort(connection, END_BY_LOSS);
    if (taken <= 0)
        return false;
    size_t size = (size_t)taken;
    const bool was_full = size == most; /* else the clock need not be asked */
    const uint64_t began_ns = was_full ? clock_now_ns() : 0;
    watching_heard(connection);
    read = join_rest(connection, read, &size);
    receiving_take(connection, read, size);
    return was_full && adapt(connection, clock_now_ns() - began_ns) && is_read_from(connection);
}

void receiving_readable(struct connection *connection)
{
    struct worker *worker = connection->served.worker;
    /* What is kept of a pause comes first: see receiving_resume. */
    if (inbound_is_resumed(connection->inbound))
        return;
    for (int reads = 1; read_once(connection) && reads < READS_AT_ONCE; reads++)
        ;
    worker_flush_few(worker);
}

void receiving_resume(struct worker *worker)
{
    struct connection *connection;
    /* Each once: some may be paused and resumed again meanwhile. */
    for (size_t count = inbound_count_resumed(worker);
         count > 0 && (connection = inbound_next_resumed(worker)); count--) {
        size_t size;
        uint8_t *rest = inbound_take_rest(connection, &size);
        receiving_take(connection, rest, size);
        free(rest);
    }
}

/* --- Too much for the host */

static struct connection *connection_of(struct pin *pin)
{
    return ((struct inbound *)((char *)pin - offsetof(struct inbound, pin)))->connection;
}

void receiving_relieve(struct worker *worker)
{
    struct budget *budget = &worker->lane->budgets[BUDGET_INBOUND];
    struct pin *pin;
    while ((pin = budget_victim(budget, worker->lane))) {
        struct connection *connection = connection_of(pin);
        const toni_client *client = connection->served.client;
        log_limited(LOG_LEVEL_WARN,
                    "client closed: unfinished messages together are above inbound_bytes",
                    log_str("client", client ? client->name : ""), log_uint("bytes", pin->bytes));
        connection_end_now(connection, END_BY_INBOUND_MEMORY, 1013, "too much is under way");
    }
}
