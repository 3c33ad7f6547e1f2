/* See rooms_fixture.h. */
#include "rooms_fixture.h"

#include "rooms/history_change.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static char note[256];

void fixture_fail(const char *file, int line, const char *what)
{
    (void)fprintf(stderr, "%s:%d: required: %s\n%s\n", file, line, what, note);
    abort();
}

void fixture_set_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(note, sizeof note, format, arguments);
    va_end(arguments);
}

/* --- Connections */

static void count_wake(void *data)
{
    __atomic_fetch_add((uint32_t *)data, 1, __ATOMIC_RELAXED);
}

static void ignore_line(void *data, enum log_level level, const char *line, size_t length)
{
    (void)data, (void)level, (void)line, (void)length;
}

void fixture_init(struct fixture *fixture, const struct limits *limits, uint32_t lanes)
{
    struct limits standard = limits_default();
    log_set_sink(ignore_line, NULL);
    *fixture = (struct fixture){.host = {.struct_size = sizeof fixture->host}};
    api_fill_table(&fixture->host);
    fixture->connections = connections_create(&fixture->host, limits ? limits : &standard, lanes);
    REQUIRE(fixture->connections);
    for (uint32_t i = 0; i < lanes; i++)
        REQUIRE(!connections_init_lane(fixture->connections, i, count_wake, &fixture->wakes[i]));
}

void fixture_keep(struct fixture *fixture, const char *rooms, uint32_t messages, uint32_t seconds)
{
    struct room_pattern pattern;
    const struct history_rule rule = {messages, seconds};
    REQUIRE(!room_pattern_parse(toni_str_of(rooms), &pattern));
    struct history_rules *rules = history_rules_create(&pattern, &rule, 1);
    REQUIRE(history_change(space_of(fixture->connections), rules) == 0);
    history_rules_unref(rules);
}

/* Each message was written or dropped, once for each client that it was for. */
static void require_balance(toni_connections *connections)
{
    struct connections_figures figures;
    connections_figures(connections, &figures);
    REQUIRE(figures.targeted == figures.sent + fixture_dropped(connections));
    REQUIRE(figures.queued >= figures.sent && figures.queued <= figures.targeted);
    REQUIRE(figures.outbox_messages == 0 && figures.outbox_bytes == 0);
    REQUIRE(atomic_load(&connections->memberships) == 0);
    for (unsigned kind = 0; kind < BUDGET_KINDS; kind++) {
        REQUIRE(budget_used(&connections->budgets[kind]) == 0);
        for (uint32_t i = 0; i < connections->lane_count; i++)
            REQUIRE(!connections->lanes[i].pins[kind].first);
    }
}

void fixture_finish(struct fixture *fixture)
{
    toni_connections *connections = fixture->connections;
    struct space *space = &connections->common;
    do {
        REQUIRE(toni_room_count(space_handle(space)) == 0);
        REQUIRE(space->everyone->members == 0 && space->everyone->refs == 1);
        space = space->next;
    } while (space);
    REQUIRE(connections->pending == 0);
    REQUIRE(connections->metadata_bytes == 0);
    REQUIRE(connections->common.everyone->pending == 0);
    REQUIRE(connections->common.everyone->members == 0);
    REQUIRE(connections->common.everyone->targets == 0);
    REQUIRE(!connections->common.everyone->audiences);
    REQUIRE(connections->common.everyone->refs == 1); /* so no membership of it is left */
    for (uint32_t i = 0; i < connections->lane_count; i++)
        REQUIRE(!lane_pending(&connections->lanes[i]));
    for (uint32_t i = 0; i < STRIPES; i++) {
        REQUIRE(connections->client_table.stripes[i].table.count == 0);
        REQUIRE(connections->room_table.stripes[i].table.count == 0);
        REQUIRE(connections->metadata_table.stripes[i].table.count == 0);
    }
    require_balance(connections);
    connections_destroy(connections);
}

static void require_backlog(const struct receiver *receiver)
{
    const struct outbox *outbox = &receiver->outbox;
    uint64_t messages = 0, bytes = 0;
    for (uint32_t i = 0; i < outbox->count; i++) {
        const struct outbox_entry *entry =
            &outbox->entries[(outbox->head + i) & (outbox->capacity - 1)];
        if (outbox_entry_is_mark(entry))
            continue;
        REQUIRE(entry->batch->holder);
        if (entry->batch->is_broadcast)
            continue;
        messages += entry->batch->is_control ? 0 : entry->count;
        bytes += batch_offset(entry->batch, entry->first + entry->count) -
                 batch_offset(entry->batch, entry->first) - (i == 0 ? outbox->begun : 0);
    }
    REQUIRE(outbox->count > 0 && outbox->held == outbox->count);
    REQUIRE(outbox->direct_messages == messages && outbox->direct_bytes == bytes);
    REQUIRE(receiver->backlog.pin.bytes == outbox->bytes + receiver->backlog.charged_ring);
}

void fixture_require_backlogs(const struct lane *lane)
{
    for (const struct pin *pin = lane->pins[BUDGET_OUTBOX].first; pin; pin = pin->next)
        require_backlog(
            (const struct receiver *)((const char *)pin - offsetof(struct receiver, backlog.pin)));
}

void fixture_turn(struct fixture *fixture)
{
    for (uint32_t i = 0; i < fixture->connections->lane_count; i++) {
        lane_turn(&fixture->connections->lanes[i]);
        fixture_require_backlogs(&fixture->connections->lanes[i]);
    }
}

void fixture_settle(struct fixture *fixture)
{
    fixture_turn(fixture);
    for (uint32_t i = 0; i < fixture->connections->lane_count; i++) {
        REQUIRE(!lane_pending(&fixture->connections->lanes[i]));
        fixture->wakes[i] = 0;
    }
}

uint64_t fixture_dropped(const toni_connections *connections)
{
    struct connections_figures figures;
    connections_figures(connections, &figures);
    uint64_t dropped = 0;
    for (unsigned reason = 0; reason < DROP_REASON_COUNT; reason++)
        dropped += figures.dropped[reason];
    return dropped;
}

void fixture_attach(struct fixture *fixture)
{
    for (uint32_t i = 0; i < fixture->connections->lane_count; i++)
        lane_attach(&fixture->connections->lanes[i]);
}

/* --- The socket */

static bool fake_busy(void *data)
{
    const struct fake_socket *socket = data;
    return socket->rest.length > 0 || socket->full;
}

static void fake_want_flush(void *data)
{
    struct fake_socket *socket = data;
    REQUIRE(fake_busy(socket));
    socket->wants_flush = true;
}

static ssize_t fake_write(void *data, const uint8_t *bytes, size_t size)
{
    struct fake_socket *socket = data;
    REQUIRE(!fake_busy(socket));
    REQUIRE(socket->closed == 0);
    REQUIRE(size >= 1 && size <= FRAME_MAX);
    socket->writes++;
    if (socket->broken)
        return -1;
    size_t taken = socket->window < size ? (size_t)socket->window : size;
    REQUIRE(!buffer_append(&socket->wire, bytes, taken));
    size_t kept = socket->cuts ? taken : socket->sips ? frame_boundary(bytes, taken) : size;
    REQUIRE(kept <= size);
    REQUIRE(!buffer_append(&socket->rest, bytes + taken, kept - taken));
    socket->full = kept < size;
    if (socket->window != WINDOW_OPEN)
        socket->window -= taken;
    return (ssize_t)kept;
}

static void fake_pause(void *data, bool pause)
{
    struct fake_socket *socket = data;
    REQUIRE(socket->paused != pause);
    REQUIRE(!pause || socket->begun == 0);
    socket->paused = pause;
}

static void fake_close_begun(void *data)
{
    ((struct fake_socket *)data)->begun++;
}

static void fake_close_written(void *data)
{
    struct fake_socket *socket = data;
    REQUIRE(socket->begun == 1);
    REQUIRE(socket->closed == 0);
    socket->closed++;
}

static void fake_drained(void *data)
{
    struct fake_socket *socket = data;
    REQUIRE(socket->begun == 0);
    socket->drained++;
}

static void identified(void *socket)
{
    (void)socket;
}

const struct transport fake_transport = {
    .identified = identified,
    .busy = fake_busy,
    .want_flush = fake_want_flush,
    .write = fake_write,
    .pause = fake_pause,
    .drained = fake_drained,
    .close_begun = fake_close_begun,
    .close_written = fake_close_written,
};

bool fake_socket_take(struct fake_socket *socket, uint64_t bytes)
{
    socket->window = bytes < WINDOW_OPEN - socket->window ? socket->window + bytes : WINDOW_OPEN;
    size_t rest = socket->rest.length;
    size_t taken = socket->window < rest ? (size_t)socket->window : rest;
    if (taken > 0) {
        REQUIRE(!buffer_append(&socket->wire, socket->rest.bytes, taken));
        memmove(socket->rest.bytes, socket->rest.bytes + taken, rest - taken);
        socket->rest.length -= taken;
        if (socket->window != WINDOW_OPEN)
            socket->window -= taken;
    }
    if (socket->window > 0)
        socket->full = false;
    if (!socket->wants_flush || fake_busy(socket))
        return false;
    socket->wants_flush = false;
    return true;
}

void fake_socket_finish(struct fake_socket *socket)
{
    buffer_finish(&socket->wire);
    buffer_finish(&socket->rest);
}

/* --- Clients */

toni_request *peer_request(const toni_host *host)
{
    struct request_parts parts = {.path = toni_str_of("/rooms"), .address = toni_str_of("::1")};
    toni_request *request = request_create(host, &parts);
    REQUIRE(request);
    return request;
}

static struct peer *connect_with(struct fixture *fixture, struct space *space, uint32_t lane,
                                 const struct limits *limits, bool deflates)
{
    toni_connections *connections = fixture->connections;
    struct peer *peer = calloc(1, sizeof *peer);
    REQUIRE(peer);
    peer->socket.window = WINDOW_OPEN;
    toni_request *request = peer_request(&fixture->host);
    request->deflates = deflates;
    peer->client = client_create(space, &connections->lanes[lane], request, limits, &fake_transport,
                                 &peer->socket);
    REQUIRE(peer->client);
    peer->socket.of = peer->client;
    peer->id = toni_client_id_of(peer->client);
    return peer;
}

struct peer *peer_connect_limited(struct fixture *fixture, uint32_t lane,
                                  const struct limits *limits)
{
    return connect_with(fixture, &fixture->connections->common, lane, limits, false);
}

struct peer *peer_connect_deflating(struct fixture *fixture, uint32_t lane,
                                    const struct limits *limits)
{
    return connect_with(fixture, &fixture->connections->common, lane, limits, true);
}

struct peer *peer_connect(struct fixture *fixture, uint32_t lane)
{
    return peer_connect_limited(fixture, lane, &fixture->connections->limits);
}

struct peer *peer_connect_in(struct fixture *fixture, uint32_t lane, struct space *space)
{
    return connect_with(fixture, space, lane, &fixture->connections->limits, false);
}

void peer_take(struct peer *peer, uint64_t bytes)
{
    while (fake_socket_take(&peer->socket, bytes)) {
        client_flush(peer->client);
        bytes = 0;
    }
}

void peer_lose(struct peer *peer)
{
    REQUIRE(!peer->finished);
    peer->finished = true;
    client_untarget(peer->client);
    client_finish(peer->client);
}

void peer_destroy(struct fixture *fixture, struct peer *peer)
{
    if (!peer->finished)
        peer_lose(peer);
    if (fixture) {
        lane_turn(peer->client->receiver.lane);
        REQUIRE(peer->client->refs == 1);
    }
    client_unref(peer->client);
    fake_socket_finish(&peer->socket);
    free(peer);
}

void peers_lose(struct peer *const *peers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!peers[i]->finished)
            peer_lose(peers[i]);
    }
}

void peers_end(struct fixture *fixture, struct peer *const *peers, size_t count)
{
    fixture_turn(fixture);
    peers_lose(peers, count);
    fixture_turn(fixture);
    for (size_t i = 0; i < count; i++)
        peer_destroy(fixture, peers[i]);
}

/* --- Reading */

void wire_reader_init(struct wire_reader *reader, const void *bytes, size_t size)
{
    *reader = (struct wire_reader){.bytes = bytes, .size = size};
}

void wire_reader_finish(struct wire_reader *reader)
{
    buffer_finish(&reader->fragments);
    buffer_finish(&reader->whole);
}

/* By zlib alone, with a context of its own. */
static void inflate_whole(struct wire_reader *reader)
{
    static const uint8_t tail[] = {0, 0, 0xff, 0xff};
    z_stream stream = {.next_in = NULL};
    int status = Z_OK;
    REQUIRE(reader->fragments.length > 0);
    REQUIRE(!buffer_append(&reader->fragments, tail, sizeof tail));
    REQUIRE(inflateInit2(&stream, -15) == Z_OK);
    stream.next_in = (Bytef *)reader->fragments.bytes;
    stream.avail_in = (uInt)reader->fragments.length;
    buffer_clear(&reader->whole);
    do {
        uint8_t chunk[4096];
        stream.next_out = chunk;
        stream.avail_out = sizeof chunk;
        status = inflate(&stream, Z_SYNC_FLUSH);
        REQUIRE(status == Z_OK || status == Z_BUF_ERROR);
        REQUIRE(!buffer_append(&reader->whole, chunk, sizeof chunk - stream.avail_out));
    } while (stream.avail_out == 0);
    REQUIRE(stream.avail_in == 0);
    REQUIRE(inflateEnd(&stream) == Z_OK);
    REQUIRE(reader->whole.length > reader->fragments.length - sizeof tail); /* else why */
}

static bool read_close(struct wire_reader *reader, struct wire_message *message,
                       const uint8_t *payload, size_t size)
{
    REQUIRE(size != 1 && size <= 125);
    reader->closed = true;
    *message = (struct wire_message){.opcode = 8, .frames = 1, .payload = payload};
    if (size >= 2) {
        message->code = (unsigned)payload[0] << 8 | payload[1];
        message->payload = payload + 2;
        message->size = size - 2;
    }
    return true;
}

bool wire_reader_next(struct wire_reader *reader, struct wire_message *message)
{
    for (;;) {
        size_t left = reader->size - reader->at;
        if (left == 0) /* there may be no bytes at all to point to */
            return false;
        const uint8_t *head = reader->bytes + reader->at;
        size_t head_size = left >= 2 && head[1] == 126 ? 4 : 2;
        if (left < head_size)
            return false;
        REQUIRE(!reader->closed);
        bool is_first = reader->frames == 0;
        bool compressed = head[0] & 0x40;
        REQUIRE((head[0] & 0x30) == 0); /* reserved bits */
        REQUIRE(!compressed || (reader->deflates && is_first && (head[0] & 0x0f) < 8));
        REQUIRE(head[1] <= 126); /* no mask, and no frame needs eight bytes */
        size_t size = head_size == 4 ? (size_t)head[2] << 8 | head[3] : head[1];
        REQUIRE(head_size == 2 || size >= 126); /* the shortest form */
        bool last = head[0] & 0x80;
        unsigned opcode = head[0] & 0x0f;
        REQUIRE(opcode == 0 || opcode == 1 || opcode == 2 || (opcode == 8 && last));
        REQUIRE(head_size + size <= FRAME_MAX);
        REQUIRE(last || head_size + size == FRAME_MAX);
        if (left < head_size + size)
            return false;
        const uint8_t *payload = head + head_size;
        reader->at += head_size + size;
        if (opcode == 8)
            return read_close(reader, message, payload, size);
        REQUIRE((opcode == 0) == (reader->frames > 0));
        if (reader->frames++ == 0) {
            reader->opcode = opcode;
            reader->compressed = compressed;
            buffer_clear(&reader->fragments);
        }
        REQUIRE(!buffer_append(&reader->fragments, payload, size));
        if (!last)
            continue;
        if (reader->compressed)
            inflate_whole(reader);
        const struct buffer *whole = reader->compressed ? &reader->whole : &reader->fragments;
        *message = (struct wire_message){
            .opcode = reader->opcode,
            .payload = (const uint8_t *)whole->bytes,
            .size = whole->length,
            .frames = reader->frames,
            .was_compressed = reader->compressed,
        };
        reader->frames = 0;
        return true;
    }
}

const char *peer_texts(struct peer *peer)
{
    static char text[65536];
    struct wire_reader reader;
    struct wire_message message;
    size_t used = 0;
    wire_reader_init(&reader, peer->socket.wire.bytes, peer->socket.wire.length);
    reader.deflates = peer->client->receiver.deflates;
    text[0] = '\0';
    while (wire_reader_next(&reader, &message)) {
        int size = (int)message.size;
        const char *payload = size > 0 ? (const char *)message.payload : "";
        const char *separator = used > 0 ? "|" : "";
        int more =
            message.opcode == 8
                ? snprintf(text + used, sizeof text - used, "%s<%u%s%.*s>", separator, message.code,
                           size > 0 ? " " : "", size, payload)
                : snprintf(text + used, sizeof text - used, "%s%.*s", separator, size, payload);
        REQUIRE(more >= 0 && used + (size_t)more < sizeof text);
        used += (size_t)more;
    }
    wire_reader_finish(&reader);
    return text;
}
