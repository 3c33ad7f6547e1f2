/* WebSocket connections; see ws_connection.h. */
#include "net/ws_connection.h"

#include "base/log_limit.h"
#include "base/utf8.h"
#include "net/ws_gateway.h"
#include "net/ws_inbound.h"
#include "net/ws_lingering.h"
#include "net/ws_pause.h"
#include "net/ws_request.h"
#include "rooms/backlog.h"
#include "ws/frame.h"

#include <errno.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static uint64_t now_ms(const struct ws_connection *connection)
{
    return ws_connection_now_ms(connection);
}

static void set_timeout(struct ws_connection *connection, uint64_t delay_ms)
{
    timeout_set(&connection->worker->timeouts, &connection->timeout, delay_ms);
}

void ws_connection_set_timeout(struct ws_connection *connection, uint64_t delay_ms)
{
    set_timeout(connection, delay_ms);
}

void ws_connection_look_within(struct ws_connection *connection, uint64_t delay_ms)
{
    const struct timeout *timeout = &connection->timeout;
    if (!timeout->link || timeout->due_ms > now_ms(connection) + delay_ms)
        set_timeout(connection, delay_ms);
}

/* The first reason is the one that counts. */
static void end_because(struct ws_connection *connection, uint32_t reason, uint16_t code)
{
    if (connection->end_reason != 0)
        return;
    connection->end_reason = reason;
    connection->end_code = code;
}

static void give_up(struct ws_connection *connection, uint32_t reason)
{
    if (connection->state == WS_DEAD)
        return;
    end_because(connection, reason, 0);
    connection->state = WS_DEAD;
    if (connection->client)
        client_discard(connection->client);
    timeout_clear(&connection->worker->timeouts, &connection->timeout);
    lws_set_timeout(connection->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    connection->worker->kills = true;
}

void ws_connection_give_up(struct ws_connection *connection, uint32_t reason)
{
    give_up(connection, reason);
}

/* --- The transport: how the rooms reach the socket */

/* A client that is behind is so until libwebsockets says that the socket takes more: it says that
 * after its own pongs, which would wait for ever if a rest that it has sent were followed by more
 * at once. */
static bool busy(void *socket)
{
    const struct ws_connection *connection = socket;
    return connection->behind || connection->state == WS_DEAD ||
           lws_partial_buffered(connection->wsi);
}

/* Once is enough, and each time is a system call. */
static void want_flush(void *socket)
{
    struct ws_connection *connection = socket;
    if (connection->state == WS_DEAD || connection->flush_asked)
        return;
    connection->flush_asked = true;
    lws_callback_on_writable(connection->wsi);
    if (connection->state == WS_OPEN) /* what waits has so long to move */
        ws_connection_look_within(connection, connection->limits->stalled_ms);
}

static void pause_reading(void *socket, bool pause)
{
    if (pause)
        ws_pause_begin(socket);
    else
        ws_pause_end(socket);
}

/* lws passes ready-made frames through as they are, and keeps what the kernel doesn't take. */
static int write_through_lws(struct ws_connection *connection, const uint8_t *bytes, size_t size)
{
    /* lws takes a pointer that isn't const, but with this kind of write it only reads. */
    if (lws_write(connection->wsi, (unsigned char *)(uintptr_t)bytes, size, LWS_WRITE_HTTP) < 0) {
        give_up(connection, TONI_CLOSED_LOST);
        return -1;
    }
    connection->behind = lws_partial_buffered(connection->wsi);
    return 0;
}

static bool is_full(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* The kernel has taken the first @p sent bytes. What is begun lws ends: it must not put a pong in
 * between. All else waits in the outbox, where it is shared and may still be dropped. */
static ssize_t write_begun(struct ws_connection *connection, const uint8_t *bytes, size_t sent)
{
    size_t whole = frame_boundary(bytes, sent);
    if (whole > sent && write_through_lws(connection, bytes + sent, whole - sent))
        return -1;
    connection->behind = true;
    return (ssize_t)whole;
}

/* Mostly the kernel takes all of it. Then lws has nothing to know: it holds no rest (see busy()),
 * and between whole frames its own pongs may come. Its way to the same system call costs several
 * times the instructions of bringing the message to this client. While a connection closes it may
 * swallow what is written, so then it is asked. */
static ssize_t write_frames(void *socket, const uint8_t *bytes, size_t size)
{
    struct ws_connection *connection = socket;
    if (connection->state != WS_OPEN)
        return write_through_lws(connection, bytes, size) ? -1 : (ssize_t)size;
    ssize_t sent = send(connection->fd, bytes, size, MSG_NOSIGNAL);
    if (sent == (ssize_t)size)
        return sent;
    if (sent >= 0 || is_full(errno))
        return write_begun(connection, bytes, sent > 0 ? (size_t)sent : 0);
    give_up(connection, TONI_CLOSED_LOST);
    return -1;
}

static void close_begun(void *socket)
{
    struct ws_connection *connection = socket;
    if (connection->state == WS_DEAD)
        return;
    connection->state = WS_CLOSING;
    ws_pause_end(connection);
    ws_lingering_begin(connection);
}

static void close_written(void *socket)
{
    ws_lingering_written(socket);
}

static const struct transport ws_transport = {
    .busy = busy,
    .want_flush = want_flush,
    .write = write_frames,
    .pause = pause_reading,
    .close_begun = close_begun,
    .close_written = close_written,
};

/* --- Making and ending */

static void forget_message(struct ws_connection *connection)
{
    buffer_finish(&connection->message);
    connection->message_began_ms = 0;
    ws_inbound_note(connection);
}

struct ws_connection *ws_connection_create(struct worker *worker, int fd, const char *address)
{
    const size_t length = strnlen(address, INET6_ADDRSTRLEN - 1);
    const size_t size = offsetof(struct ws_connection, address) + length + 1;
    struct ws_connection *connection =
        calloc(1, size > sizeof *connection ? size : sizeof *connection);
    if (!connection)
        return NULL;
    connection->worker = worker;
    connection->fd = fd;
    connection->end_cause = END_CAUSE_COUNT;
    buffer_init(&connection->message);
    memcpy(connection->address, address, length);
    connection->next = worker->connections;
    connection->link = &worker->connections;
    if (connection->next)
        connection->next->link = &connection->next;
    worker->connections = connection;
    set_timeout(connection, worker->server->limits.handshake_ms);
    return connection;
}

static void give_place_back(struct ws_connection *connection)
{
    if (connection->place)
        places_give_back(&connection->worker->server->places, connection->place);
    free(connection->place);
    connection->place = NULL;
}

void ws_connection_unlink(struct ws_connection *connection)
{
    timeout_clear(&connection->worker->timeouts, &connection->timeout);
    connection->state = WS_DEAD;
    give_place_back(connection);
    if (!connection->link)
        return;
    forget_message(connection);
    connection->paused = false;
    ws_inbound_note(connection);
    farewell_forget(connection);
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    connection->link = NULL;
    if (connection->admitted)
        admission_leave(&connection->worker->server->admission, &connection->gateway->connections,
                        connection->address);
    connection->admitted = false;
}

void ws_connection_destroy(struct ws_connection *connection)
{
    request_destroy(connection->request);
    buffer_finish(&connection->message);
    free(connection->end_text);
    free(connection);
}

/* One client less; while draining, the last one tells the host. */
static void count_out(struct server *server)
{
    if (atomic_fetch_sub(&server->clients, 1) == 1 && atomic_load(&server->draining))
        uv_async_send(server->drained);
}

static enum end_cause cause_of(const struct ws_connection *connection, const toni_client *client)
{
    if (connection->refused)
        return END_BY_REFUSAL;
    if (connection->end_cause != END_CAUSE_COUNT)
        return (enum end_cause)connection->end_cause;
    if (client->evicted)
        return END_BY_OUTBOX_MEMORY;
    if (client->slow)
        return END_BY_SLOWNESS;
    if (client->starved)
        return END_BY_FAULT;
    switch (connection->end_reason) {
    case TONI_CLOSED_BY_CLIENT:
        return END_BY_CLIENT;
    case TONI_CLOSED_PROTOCOL_ERROR:
        return END_BY_PROTOCOL_ERROR;
    case TONI_CLOSED_TIMEOUT:
        return END_BY_IDLENESS;
    case TONI_CLOSED_DRAIN:
        return END_BY_DRAIN;
    case TONI_CLOSED_LOST:
        return END_BY_LOSS;
    case TONI_CLOSED_BY_SERVER: /* see fail() */
        return connection->end_code == 1011 ? END_BY_FAULT : END_BY_LIMIT;
    default:
        return END_BY_PLUGIN;
    }
}

static void tell_gateway(struct ws_connection *connection, toni_client *client)
{
    const char *text = connection->end_text ? connection->end_text : "";
    toni_disconnect_info info = {
        .struct_size = sizeof info,
        .reason = connection->end_reason,
        .code = connection->end_code,
        .text = toni_str_of(text),
    };
    if (info.reason == 0) { /* a plugin or a limit closed it */
        info.reason = TONI_CLOSED_BY_SERVER;
        info.code = client->close_code;
    }
    ws_gateway_on_disconnect(connection, client, &info);
}

/* The end as far as gateway and rooms are concerned; the socket may take a little longer. */
static void end(struct ws_connection *connection)
{
    toni_client *client = connection->client;
    if (!client)
        return;
    connection->client = NULL;
    farewell_done(connection);
    counter_add(&connection->worker->figures.ended[cause_of(connection, client)], 1);
    client_mute(client);
    client_discard(client);
    if (connection->refused)
        ws_gateway_on_disconnect(connection, client, NULL);
    else
        tell_gateway(connection, client);
    client_finish(client);
    client_unref(client);
    count_out(connection->worker->server);
}

/* --- Opening */

/* What a refused client is told if the gateway doesn't say it itself. */
static uint16_t refusal_code(int32_t error)
{
    switch (error) {
    case TONI_ERR_LIMIT:
    case TONI_ERR_BUSY:
        return 1013;
    case TONI_ERR_UNAUTHORIZED:
    case TONI_ERR_FORBIDDEN:
    case TONI_ERR_INVALID:
        return 1008;
    default:
        return 1011;
    }
}

/* Nothing of it remains but its last words. */
static void refuse(struct ws_connection *connection, int32_t error)
{
    toni_client *client = connection->client;
    connection->refused = true;
    if (client_is_open(client)) {
        uint16_t code = refusal_code(error);
        if (code == 1011)
            ws_gateway_refused(connection, error);
        if (client_close(client, code, toni_str_of(toni_strerror(error))) != TONI_OK)
            give_up(connection, TONI_CLOSED_BY_SERVER);
    }
    client_retire(client);
}

static void watch(struct ws_connection *connection);

int ws_connection_established(struct ws_connection *connection)
{
    struct worker *worker = connection->worker;
    toni_request *request = connection->request;
    connection->client = client_create(worker->server->connections, worker->lane, request,
                                       connection->limits, &ws_transport, connection);
    if (!connection->client) {
        log_limited(LOG_LEVEL_ERROR, "connection refused: out of memory",
                    log_str("address", connection->address));
        return -1;
    }
    connection->client->gateway_figures = &connection->gateway->clients;
    give_place_back(connection);
    atomic_fetch_add(&worker->server->clients, 1);
    farewell_expect(connection);
    counter_add(&worker->figures.accepted, 1);
    connection->state = WS_OPEN;
    connection->last_heard_ms = connection->last_message_ms = now_ms(connection);
    ws_rate_init(&connection->rate, connection->last_heard_ms);
    watch(connection);

    ws_request_open_headers(connection);
    connection->request = NULL; /* the client's now */
    int32_t result = ws_gateway_on_connect(connection);
    ws_request_close_headers(connection, request);
    if (result != TONI_OK)
        refuse(connection, result);
    else if (!slot_is_open(connection->gateway)) /* it was removed since the handshake began */
        ws_connection_drain(connection);
    return 0;
}

/* --- Messages */

static void fail(struct ws_connection *connection, uint32_t reason, uint16_t code, const char *text)
{
    if (!connection->client->close_queued) /* else that one goes out */
        end_because(connection, reason, code);
    forget_message(connection);
    client_close_now(connection->client, code, toni_str_of(text));
}

void ws_connection_fail(struct ws_connection *connection, enum end_cause cause, uint16_t code,
                        const char *text)
{
    if (!connection->client || !client_is_open(connection->client)) { /* it is told already */
        forget_message(connection);
        give_up(connection, 0);
        return;
    }
    connection->end_cause = (uint8_t)cause;
    fail(connection, TONI_CLOSED_BY_SERVER, code, text);
}

void ws_connection_fault(struct ws_connection *connection)
{
    fail(connection, TONI_CLOSED_BY_SERVER, 1011, "the gateway failed");
}

static void fail_too_big(struct ws_connection *connection)
{
    fail(connection, TONI_CLOSED_BY_SERVER, 1009, "message too big");
}

static void deliver(struct ws_connection *connection, const char *bytes, size_t size)
{
    bool is_binary = lws_frame_is_binary(connection->wsi);
    toni_message message =
        is_binary ? toni_binary(toni_str_make(bytes, size)) : toni_text(toni_str_make(bytes, size));
    struct worker_figures *figures = &connection->worker->figures;
    counter_add(&figures->received, 1);
    counter_add(&figures->received_bytes, size);
    connection->last_message_ms = now_ms(connection);
    const char *too_much =
        ws_rate_take(&connection->rate, connection->limits, size, connection->last_message_ms);
    if (too_much) {
        fail(connection, TONI_CLOSED_BY_SERVER, 1008, too_much);
    } else if (!is_binary && !utf8_valid(bytes, size)) {
        fail(connection, TONI_CLOSED_PROTOCOL_ERROR, 1007, "text is not UTF-8");
    } else if (ws_gateway_on_message(connection, &message) != TONI_OK) {
        ws_connection_fault(connection);
    } else if (client_may_pause(connection->client)) {
        lane_flush(connection->worker->lane); /* what a write takes holds nobody up */
    }
}

/* --- Compressed messages */

static struct inflater *inflater(struct worker *worker)
{
    if (!worker->inflater)
        worker->inflater = inflater_create();
    return worker->inflater;
}

/* The whole message is there: so one inflater serves all connections, and stops at the limit. */
static void inflate_and_deliver(struct ws_connection *connection, const void *bytes, size_t size)
{
    struct inflater *shared = inflater(connection->worker);
    struct buffer message;
    buffer_init(&message);
    enum inflated result = INFLATED_NO_MEMORY;
    if (shared)
        result = inflater_inflate(shared, bytes, size, connection->limits->message_bytes, &message);
    switch (result) {
    case INFLATED:
        deliver(connection, message.length > 0 ? message.bytes : "", message.length);
        break;
    case INFLATED_INVALID:
        fail(connection, TONI_CLOSED_PROTOCOL_ERROR, 1007, "not compressed as agreed");
        break;
    case INFLATED_TOO_BIG:
        fail_too_big(connection);
        break;
    case INFLATED_NO_MEMORY:
        fail(connection, TONI_CLOSED_BY_SERVER, 1011, "out of memory");
        break;
    }
    buffer_finish(&message);
}

/* RFC 7692, section 6: a message's first frame says whether it is compressed; the others must not.
 * lws accepts that of any frame.
 * @return Whether it is as it must be. */
static bool note_compression(struct ws_connection *connection, bool frame_ends)
{
    bool says_so = lws_get_reserved_bits(connection->wsi) & FRAME_COMPRESSED;
    bool is_first = lws_is_first_fragment(connection->wsi);
    if (is_first)
        connection->compressed = says_so;
    bool is_valid = is_first || !says_so || !connection->frame_ended;
    connection->frame_ended = frame_ends;
    return is_valid;
}

/* --- Receiving */

static inline void deliver_whole(struct ws_connection *connection, const void *bytes, size_t size)
{
    if (connection->compressed)
        inflate_and_deliver(connection, bytes, size);
    else
        deliver(connection, bytes, size);
}

/* How many bytes of a message are taken, as they come. */
static uint64_t most_bytes(const struct ws_connection *connection)
{
    uint64_t most = connection->limits->message_bytes;
    return connection->compressed ? inflater_most(most) : most;
}

int ws_connection_receive(struct ws_connection *connection, const void *bytes, size_t size)
{
    struct lws *wsi = connection->wsi;
    struct buffer *message = &connection->message;
    ws_connection_heard(connection);
    /* What comes after a close has begun is read, so that the peer's close can be, and dropped. */
    if (!connection->client || !client_is_open(connection->client))
        return 0;
    size_t rest = lws_remaining_packet_payload(wsi);
    if (connection->inflates && !note_compression(connection, rest == 0)) {
        fail(connection, TONI_CLOSED_PROTOCOL_ERROR, 1002, "RSV1 in a later frame");
        return 0;
    }
    if (message->length + size + rest > most_bytes(connection)) {
        fail_too_big(connection);
        return 0;
    }
    bool whole = rest == 0 && lws_is_final_fragment(wsi);
    if (whole && message->length == 0) {
        deliver_whole(connection, bytes, size);
        return 0;
    }
    if (buffer_append(message, bytes, size)) {
        fail(connection, TONI_CLOSED_BY_SERVER, 1011, "out of memory");
        return 0;
    }
    ws_inbound_came(connection);
    if (whole) {
        struct buffer complete = *message;
        buffer_init(message);
        forget_message(connection);
        deliver_whole(connection, complete.bytes, complete.length);
        buffer_finish(&complete);
    }
    return 0;
}

void ws_connection_heard(struct ws_connection *connection)
{
    connection->last_heard_ms = now_ms(connection);
    connection->pinged = connection->ping_waits = false;
}

/* --- Watching */

static void ping(struct ws_connection *connection)
{
    static const char payload[] = "toni"; /* lws doesn't tell of a pong that is empty */
    uint8_t frame[2 + sizeof payload];
    connection->pinged = true;
    connection->pinged_ms = now_ms(connection);
    size_t size = frame_encode_control(frame, FRAME_PING, payload, sizeof payload - 1);
    /* One that is behind is told later, but must show soon that it lives. */
    connection->ping_waits = busy(connection) || write_frames(connection, frame, size) == 0;
    if (connection->ping_waits)
        want_flush(connection);
}

int ws_connection_writable(struct ws_connection *connection)
{
    if (connection->behind) { /* the socket takes more, so somebody reads: as good as a pong */
        ws_connection_heard(connection);
        if (connection->client)
            backlog_moved(connection->client);
    }
    connection->behind = lws_partial_buffered(connection->wsi);
    connection->flush_asked = false;
    if (connection->ping_waits && connection->state == WS_OPEN)
        ping(connection); /* it takes what it gets: from now on it has the whole time */
    if (connection->client)
        client_flush(connection->client);
    ws_lingering_written(connection);
    return 0;
}

/* How long until `limit_ms` after `since_ms`; 0: it is due. */
static uint64_t remaining(uint64_t now, uint64_t since_ms, uint64_t limit_ms)
{
    uint64_t due = since_ms + limit_ms;
    return due > now ? due - now : 0;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Each of these looks at one thing, ends the connection if it has to, and says after how many
 * milliseconds to look again: 0 if it ended, UINT64_MAX if there is nothing to wait for. */

static uint64_t look_for_life(struct ws_connection *connection)
{
    const struct limits *limits = connection->limits;
    const uint64_t now = now_ms(connection);
    if (connection->pinged) {
        uint64_t next = remaining(now, connection->pinged_ms, limits->pong_timeout_ms);
        if (next == 0)
            give_up(connection, TONI_CLOSED_LOST);
        return next;
    }
    if (limits->ping_ms == 0)
        return UINT64_MAX;
    uint64_t next = remaining(now, connection->last_heard_ms, limits->ping_ms);
    if (next > 0)
        return next;
    ping(connection);
    return connection->state == WS_OPEN ? limits->pong_timeout_ms : 0;
}

static uint64_t look_for_messages(struct ws_connection *connection)
{
    if (connection->limits->idle_ms == 0)
        return UINT64_MAX;
    uint64_t next =
        remaining(now_ms(connection), connection->last_message_ms, connection->limits->idle_ms);
    if (next > 0)
        return next;
    end_because(connection, TONI_CLOSED_TIMEOUT, 1001);
    client_close(connection->client, 1001, toni_str_of("idle"));
    return 0;
}

static uint64_t look_for_movement(struct ws_connection *connection)
{
    const toni_client *client = connection->client;
    if (client->pin.bytes == 0)
        return UINT64_MAX;
    uint64_t next =
        remaining(now_ms(connection), client->pin.moved_ms, connection->limits->stalled_ms);
    if (next == 0)
        ws_connection_fail(connection, END_BY_STALL, 1008, "slow consumer");
    return next;
}

/* What can end a connection that is not paused. While one is, these clocks stand still. */
static uint64_t look_at_clocks(struct ws_connection *connection)
{
    uint64_t life = look_for_life(connection);
    uint64_t messages = life > 0 ? look_for_messages(connection) : 0;
    uint64_t message = messages > 0 ? ws_inbound_look(connection) : 0;
    return message > 0 ? earlier(life, earlier(messages, message)) : 0;
}

static void watch(struct ws_connection *connection)
{
    uint64_t next = look_for_movement(connection);
    if (next > 0 && connection->paused)
        next = earlier(next, ws_pause_look(connection));
    if (next > 0 && !connection->paused)
        next = earlier(next, look_at_clocks(connection));
    if (next > 0 && next != UINT64_MAX && connection->state == WS_OPEN)
        set_timeout(connection, next);
}

void ws_connection_expired(struct timeout *timeout)
{
    struct ws_connection *connection =
        (struct ws_connection *)((char *)timeout - offsetof(struct ws_connection, timeout));
    worker_notice_turn(connection->worker);
    switch (connection->state) {
    case WS_HANDSHAKE:
        counter_add(&connection->worker->figures.handshakes_late, 1);
        log_limited(LOG_LEVEL_DEBUG, "connection ended: handshake took too long",
                    log_str("address", connection->address));
        give_up(connection, TONI_CLOSED_TIMEOUT);
        break;
    case WS_OPEN:
        watch(connection);
        break;
    case WS_CLOSING: /* the rest can't be flushed, or the peer doesn't answer the close */
        if (connection->lingers)
            ws_lingering_expired(connection);
        else
            give_up(connection, 0);
        break;
    case WS_DEAD:
        break;
    }
}

void ws_connection_drain(struct ws_connection *connection)
{
    farewell_done(connection);
    if (connection->state != WS_OPEN || !client_is_open(connection->client))
        return;
    end_because(connection, TONI_CLOSED_DRAIN, 1001);
    if (client_close(connection->client, 1001, toni_str_of("going away")) != TONI_OK)
        give_up(connection, TONI_CLOSED_DRAIN);
}

void ws_connection_abandon(struct ws_connection *connection)
{
    give_up(connection, TONI_CLOSED_DRAIN);
    end(connection);
    ws_connection_unlink(connection);
}

/* --- Closing */

/* Writes a close frame past the outbox. */
static void write_close(struct ws_connection *connection, uint16_t code, toni_str reason)
{
    uint8_t frame[2 + FRAME_CONTROL_MAX];
    size_t size = frame_encode_close(frame, code, reason.data, reason.size);
    write_frames(connection, frame, size);
}

/* What the peer's close frame says, and what it is answered (RFC 6455, sections 5.5.1 and 7.4). lws
 * has replaced a code that may not be sent by 1002 already: so 1002 is a protocol error, whoever
 * made it. */
static uint16_t read_close(struct ws_connection *connection, const uint8_t *body, size_t size)
{
    if (size == 0) {
        end_because(connection, TONI_CLOSED_BY_CLIENT, 1005); /* none was present */
        return 0;
    }
    uint16_t code = size >= 2 ? (uint16_t)((unsigned)body[0] << 8 | body[1]) : (uint16_t)0;
    if (code < 1000 || code > 4999 || code == 1002) {
        end_because(connection, TONI_CLOSED_PROTOCOL_ERROR, 1002);
        return 1002;
    }
    if (!utf8_valid(body + 2, size - 2)) {
        end_because(connection, TONI_CLOSED_PROTOCOL_ERROR, 1007);
        return 1007;
    }
    end_because(connection, TONI_CLOSED_BY_CLIENT, code);
    connection->end_text = calloc(1, size - 2 + 1);
    if (connection->end_text) /* if not, there is no text */
        memcpy(connection->end_text, body + 2, size - 2);
    return code;
}

/* @return 1: libwebsockets shall not answer by itself. */
int ws_connection_peer_close(struct ws_connection *connection, const uint8_t *body, size_t size)
{
    /* What lws holds of later bytes it neither handles nor forgets while it flushes, and would have
     * the loop spin for them. */
    lws_rx_flow_control(connection->wsi, 0);
    /* What was sent before goes out first; it may hold a close of our own. */
    lane_flush(connection->worker->lane);
    if (connection->state != WS_OPEN)
        return 1;
    uint16_t code = read_close(connection, body, size);
    connection->state = WS_CLOSING;
    client_mute(connection->client);
    client_discard(connection->client);
    bool as_it_came = connection->end_reason == TONI_CLOSED_BY_CLIENT;
    write_close(connection, code, toni_str_of(as_it_came ? connection->end_text : NULL));
    return 1;
}

/* Whether the peer's end of the connection is gone; bytes may wait that it sent before. */
static bool peer_is_gone(int fd)
{
    char byte;
    struct pollfd state = {.fd = fd};
    if (poll(&state, 1, 0) == 1 && state.revents & (POLLERR | POLLHUP))
        return true;
    ssize_t size = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
}

/* lws has found a protocol error. It answers some with 1002 by itself, others with nothing. */
static void answer_protocol_error(struct ws_connection *connection)
{
    static const uint8_t close_1002[] = {0x80 | FRAME_CLOSE, 2, 1002 >> 8, 1002 & 0xff};
    end_because(connection, TONI_CLOSED_PROTOCOL_ERROR, 1002);
    if (connection->behind) { /* lws has flushed, and writes nothing any more */
        send(connection->fd, close_1002, sizeof close_1002, MSG_NOSIGNAL | MSG_DONTWAIT);
    } else if (lws_get_close_length(connection->wsi) == 0) {
        lws_close_reason(connection->wsi, LWS_CLOSE_STATUS_PROTOCOL_ERR, NULL, 0);
    }
}

void ws_connection_dropped(struct ws_connection *connection)
{
    if (connection->state == WS_OPEN) { /* not by us, and without a close frame that we have seen */
        if (peer_is_gone(connection->fd))
            end_because(connection, TONI_CLOSED_LOST, 0);
        else if (lws_partial_buffered(connection->wsi)) /* lws didn't show us the peer's close */
            end_because(connection, TONI_CLOSED_BY_CLIENT, 0);
        else
            answer_protocol_error(connection);
    }
    connection->state = WS_DEAD;
    end(connection);
    timeout_clear(&connection->worker->timeouts, &connection->timeout);
}
