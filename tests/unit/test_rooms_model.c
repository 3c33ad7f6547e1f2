/* The rooms beside a plain reference: random operations from one thread on both. With one thread
 * program order is total, so every result, and what each client receives in which order, is
 * determined; both must agree in all of it.
 *
 * TONI_TEST_SEED repeats one run, TONI_TEST_RUNS sets how many there are. */
#include "rooms_fixture.h"
#include "runner.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROOMS = 6,
    ALIVE_MAX = 12,
    OPERATIONS = 3000,
};

/* --- The reference. Lists, and no cleverness. */

/* An array that only grows; of any type. */
#define LIST(type)                                                                                 \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t count;                                                                              \
        size_t capacity;                                                                           \
    }

#define LIST_ADD(list, ...)                                                                        \
    do {                                                                                           \
        if ((list)->count == (list)->capacity) {                                                   \
            (list)->capacity = (list)->capacity ? (list)->capacity * 2 : 8;                        \
            (list)->items = realloc((list)->items, (list)->capacity * sizeof *(list)->items);      \
            REQUIRE((list)->items);                                                                \
        }                                                                                          \
        (list)->items[(list)->count++] = (__VA_ARGS__);                                            \
    } while (0)

enum { KIND_CLOSE = 8 };

struct text {
    uint32_t kind; /* TONI_TEXT, TONI_BINARY or KIND_CLOSE */
    unsigned code;
    char *bytes;
    size_t size;
    size_t
        deflated; /* its size when it is compressed; `size` if it is too short or doesn't shrink */
};

/* One frame of a message, on its way or gone. */
struct frame {
    size_t text;
    size_t size;
    bool last;
    bool is_deflated;
    bool is_broadcast;
    uint64_t topic; /* of a broadcast: the one room that it is for; 0: of none */
};

enum event_kind { EVENT_BROADCAST, EVENT_DIRECT, EVENT_CLOSE };

/* A receipt, and what it should say. */
struct double_receipt {
    struct receipt real; /* first */
    bool is_finished;
    uint32_t targeted;
    uint32_t answers[OUTBOX_ANSWERS];
};

struct event {
    enum event_kind kind;
    size_t client;
    size_t text;
    bool is_deflated; /* for who takes that, if it shrinks */
    uint64_t topic;
    struct double_receipt *receipt; /* or NULL */
};

typedef LIST(struct event) event_list;

enum state { OPEN, CLOSING, GONE };

struct double_client {
    struct peer *peer; /* the real one */
    uint32_t lane;
    enum state state;
    bool deflates;
    bool retired, finished, deaf, close_queued, close_written, touched;
    bool in[ROOMS];
    LIST(struct frame) frames; /* written ones first */
    size_t written;            /* frames */
    uint64_t begun;            /* bytes of the next one that are written */
    uint64_t window, rest, wire;
    bool sips, cuts, full; /* see struct fake_socket */
    bool wants_flush, broken;
    uint64_t posted_messages, posted_bytes;       /* direct sends on their way to the outbox */
    uint64_t delivered_messages, delivered_bytes; /* of these: in the outbox since the last flush */
    uint64_t left_messages, left_bytes;
    uint64_t fresh_messages, fresh_bytes; /* that came this turn */
    uint64_t dropped;
};

/* What is told of a room; from when it was made. */
struct double_room {
    uint64_t epoch;
    uint64_t sequence;
    uint64_t dropped[DROP_POLICY_COUNT];
};

struct world {
    struct fixture fixture;
    struct dice dice;
    struct limits limits;
    uint32_t lanes;
    bool attached;
    bool deflates; /* some clients do */
    bool narrow;   /* all of an operation is about few clients and one room */
    LIST(struct double_client) clients;
    LIST(struct text) texts;
    event_list inbox[FIXTURE_LANES];
    struct double_room rooms[ROOMS];
    LIST(struct double_receipt *) receipts;
    struct deflaters deflaters; /* to know how large a text gets */
    uint64_t discarded;
};

static const char *const room_names[ROOMS] = {"a", "b", "lobby", "d", "\xc3\xa4", "f"};

static toni_str room_name(uint32_t room)
{
    return toni_str_of(room_names[room]);
}

static toni_connections *real(struct world *world)
{
    return world->fixture.connections;
}

/* On the wire, as frame.h says it, in other words. */
static size_t frames_of(size_t size, size_t *sizes)
{
    size_t count = 0;
    while (size > 65532) {
        sizes[count++] = 65536;
        size -= 65532;
    }
    sizes[count++] = size + (size < 126 ? 2 : 4);
    return count;
}

static uint64_t wire_size(size_t size)
{
    size_t sizes[64];
    size_t count = frames_of(size, sizes);
    uint64_t sum = 0;
    while (count > 0)
        sum += sizes[--count];
    return sum;
}

static bool is_longer(const struct world *world, size_t size)
{
    return size > world->limits.deflate_above;
}

static uint64_t outbox_messages(const struct double_client *client)
{
    uint64_t messages = 0;
    for (size_t i = client->written; i < client->frames.count; i++)
        messages += client->frames.items[i].last;
    return messages;
}

/* What is still to be written of a frame. */
static uint64_t frame_rest(const struct double_client *client, size_t frame)
{
    return client->frames.items[frame].size - (frame == client->written ? client->begun : 0);
}

static uint64_t outbox_bytes(const struct double_client *client)
{
    uint64_t bytes = 0;
    for (size_t i = client->written; i < client->frames.count; i++)
        bytes += frame_rest(client, i);
    return bytes;
}

/* @return The last frame of the message that begins with this one. */
static size_t end_of_message(const struct double_client *client, size_t begin)
{
    while (!client->frames.items[begin].last)
        begin++;
    return begin;
}

/* Behind a frame that is written in part nothing but the rest of its message can follow. */
static size_t first_behind_begun(const struct double_client *client)
{
    return client->begun > 0 ? end_of_message(client, client->written) + 1 : client->written;
}

/* A room that ends and is made again is another one. */
static uint64_t topic_of(const struct world *world, uint32_t room)
{
    return world->rooms[room].epoch * (ROOMS + 2) + room + 1;
}

static const uint64_t topic_of_everyone = ROOMS + 1;

/* A message is dropped by a policy. */
static void count_in_room(struct world *world, uint64_t topic, enum drop_reason reason)
{
    for (uint32_t r = 0; r < ROOMS; r++)
        world->rooms[r].dropped[reason - DROP_POLICY_FIRST] += topic == topic_of(world, r);
}

static void drop_frames(struct world *world, struct double_client *client, size_t from)
{
    bool close_waits = client->close_queued && client->written < client->frames.count;
    uint64_t dropped = 0;
    for (size_t i = from; i < client->frames.count; i++)
        dropped += client->frames.items[i].last;
    world->discarded += dropped - close_waits;
    client->dropped += dropped - close_waits;
    client->frames.count = from;
}

/* What a client gets of a text has so many bytes. */
static size_t body_size(const struct world *world, const struct double_client *client, size_t index,
                        bool is_deflated)
{
    const struct text *text = &world->texts.items[index];
    return is_deflated && client->deflates ? text->deflated : text->size;
}

static void put(struct world *world, struct double_client *client, size_t index, bool is_deflated,
                bool is_broadcast, uint64_t topic)
{
    const struct text *text = &world->texts.items[index];
    size_t sizes[64];
    size_t body =
        text->kind == KIND_CLOSE ? text->size + 2 : body_size(world, client, index, is_deflated);
    size_t count = frames_of(body, sizes);
    for (size_t i = 0; i < count; i++) {
        LIST_ADD(&client->frames, (struct frame){.text = index,
                                                 .size = sizes[i],
                                                 .last = i + 1 == count,
                                                 .is_deflated = body < text->size,
                                                 .is_broadcast = is_broadcast,
                                                 .topic = topic});
    }
    client->touched = true;
}

static void enqueue(struct world *world, struct double_client *client, const struct event *event)
{
    bool is_closed = client->close_queued || client->deaf;
    if (event->receipt)
        event->receipt->answers[is_closed ? OUTBOX_CLOSED : OUTBOX_TOOK]++;
    if (is_closed) {
        world->discarded++;
        client->dropped++;
        return;
    }
    put(world, client, event->text, event->is_deflated, event->kind == EVENT_BROADCAST,
        event->topic);
    client->fresh_messages++;
    client->fresh_bytes += wire_size(body_size(world, client, event->text, event->is_deflated));
}

static void queue_close(struct world *world, struct double_client *client, size_t index)
{
    put(world, client, index, false, false, 0);
    client->close_queued = true;
}

static void mute(struct double_client *client)
{
    if (client->state == OPEN)
        client->state = CLOSING;
}

static size_t make_text(struct world *world, uint32_t kind, unsigned code, const char *bytes,
                        size_t size)
{
    struct text text = {
        .kind = kind, .code = code, .bytes = malloc(size + 1), .size = size, .deflated = size};
    REQUIRE(text.bytes);
    if (size > 0)
        memcpy(text.bytes, bytes, size);
    toni_message message = toni_text(toni_str_make(text.bytes, size));
    toni_message *shrunk = world->deflates && kind != KIND_CLOSE && is_longer(world, size)
                               ? deflaters_shrink(&world->deflaters, &message)
                               : NULL;
    if (shrunk)
        text.deflated = shrunk->body.size;
    free(shrunk);
    LIST_ADD(&world->texts, text);
    return world->texts.count - 1;
}

static void close_now(struct world *world, struct double_client *client, unsigned code,
                      const char *reason)
{
    mute(client);
    if (client->close_queued || client->deaf)
        return;
    drop_frames(world, client, first_behind_begun(client));
    queue_close(world, client, make_text(world, KIND_CLOSE, code, reason, strlen(reason)));
}

static void settle(struct double_client *client)
{
    client->posted_messages -= client->delivered_messages;
    client->posted_bytes -= client->delivered_bytes;
    client->delivered_messages = client->delivered_bytes = 0;
    client->left_messages = outbox_messages(client);
    client->left_bytes = outbox_bytes(client);
}

static void discard(struct world *world, struct double_client *client)
{
    drop_frames(world, client, client->written);
    client->begun = 0;
    client->deaf = true;
    settle(client);
}

/* How many bytes of whole frames, but for what has begun to go out, one write may have. */
static uint64_t size_of_write(const struct double_client *client)
{
    uint64_t size = 0;
    for (size_t i = client->written;
         i < client->frames.count && size + frame_rest(client, i) <= 65536; i++)
        size += frame_rest(client, i);
    return size;
}

/* Takes so many bytes out of the outbox. */
static void consume(struct double_client *client, uint64_t bytes)
{
    for (uint64_t rest; bytes > 0; bytes -= rest) {
        rest = frame_rest(client, client->written);
        if (bytes < rest) {
            client->begun += bytes;
            return;
        }
        client->begun = 0;
        client->written++;
    }
}

/* A socket that sips keeps no frame that it has not begun to take, and one that cuts nothing that
 * it has not taken. */
static void write_once(struct double_client *client)
{
    uint64_t size = size_of_write(client), kept = 0;
    uint64_t taken = client->window < size ? client->window : size;
    for (size_t i = client->written; kept < (client->sips ? taken : size); i++)
        kept += frame_rest(client, i);
    if (client->cuts)
        kept = taken;
    consume(client, kept);
    if (client->window != WINDOW_OPEN)
        client->window -= taken;
    client->wire += taken;
    client->rest = kept - taken;
    client->full = kept < size;
}

static bool is_busy(const struct double_client *client)
{
    return client->rest > 0 || client->full;
}

static void write_all(struct world *world, struct double_client *client)
{
    while (client->written < client->frames.count) {
        if (is_busy(client)) {
            client->wants_flush = true;
            return;
        }
        if (client->broken) {
            mute(client);
            discard(world, client);
            return;
        }
        write_once(client);
    }
    if (client->close_queued)
        client->close_written = true;
}

/* --- Policies */

/* Where the first message begins that waits and has not begun to go out. */
static size_t first_waiting(const struct double_client *client)
{
    size_t begin = client->written;
    bool has_begun = begin < client->frames.count &&
                     (client->begun > 0 || (begin > 0 && !client->frames.items[begin - 1].last));
    return has_begun ? end_of_message(client, begin) + 1 : begin;
}

static void remove_message(struct world *world, struct double_client *client, size_t begin,
                           enum drop_reason reason)
{
    size_t next = end_of_message(client, begin) + 1;
    count_in_room(world, client->frames.items[begin].topic, reason);
    memmove(&client->frames.items[begin], &client->frames.items[next],
            (client->frames.count - next) * sizeof *client->frames.items);
    client->frames.count -= next - begin;
    world->discarded++;
    client->dropped++;
}

static bool is_superseded(const struct double_client *client, size_t begin)
{
    const struct frame *frame = &client->frames.items[begin];
    for (size_t i = end_of_message(client, begin) + 1; i < client->frames.count; i++) {
        if (client->frames.items[i].is_broadcast && client->frames.items[i].topic == frame->topic)
            return true;
    }
    return false;
}

/* A fresh message that goes is fresh no more: what is old does not count less for it. */
static void note_not_fresh(struct double_client *client, size_t begin)
{
    uint64_t behind = 0, bytes = 0;
    for (size_t i = begin; i < client->frames.count; i++)
        behind += client->frames.items[i].last;
    if (behind > client->fresh_messages)
        return;
    for (size_t i = begin; i <= end_of_message(client, begin); i++)
        bytes += client->frames.items[i].size;
    client->fresh_messages--;
    client->fresh_bytes -= bytes;
}

static void keep_latest(struct world *world, struct double_client *client)
{
    for (size_t i = first_waiting(client); i < client->frames.count;) {
        const struct frame *frame = &client->frames.items[i];
        if (frame->is_broadcast && frame->topic != 0 && is_superseded(client, i)) {
            note_not_fresh(client, i);
            remove_message(world, client, i, DROP_NOT_LATEST);
        } else {
            i = end_of_message(client, i) + 1;
        }
    }
}

static uint64_t less(uint64_t from, uint64_t what)
{
    return from > what ? from - what : 0;
}

/* Only the old are looked at. */
static void drop_oldest(struct world *world, struct double_client *client, uint64_t old,
                        uint64_t old_bytes)
{
    uint64_t most_messages = outbox_messages(client) - old + world->limits.outbox_messages;
    uint64_t most_bytes = outbox_bytes(client) - old_bytes + world->limits.outbox_bytes;
    for (size_t i = client->written; old > 0; old--) {
        if (outbox_messages(client) <= most_messages && outbox_bytes(client) <= most_bytes)
            return;
        if (client->frames.items[i].is_broadcast && i >= first_waiting(client))
            remove_message(world, client, i, DROP_OLDEST);
        else
            i = end_of_message(client, i) + 1;
    }
}

static void drop_fresh(struct world *world, struct double_client *client)
{
    uint64_t old = less(outbox_messages(client), client->fresh_messages), seen = 0;
    for (size_t i = client->written; i < client->frames.count; seen++) {
        bool may_go = client->frames.items[i].is_broadcast && i >= first_waiting(client);
        if (seen >= old && may_go)
            remove_message(world, client, i, DROP_NEWEST);
        else
            i = end_of_message(client, i) + 1;
    }
    client->fresh_messages = client->fresh_bytes = 0;
}

static void close_slow_consumer(struct world *world, struct double_client *client)
{
    for (size_t i = first_behind_begun(client); i < client->frames.count; i++) {
        if (client->frames.items[i].last)
            count_in_room(world, client->frames.items[i].topic, DROP_SLOW_CONSUMER);
    }
    close_now(world, client, 1008, "slow consumer");
}

/* What came this turn is not held against a client, until something comes in another. */
static void apply_policy(struct world *world, struct double_client *client)
{
    const struct limits *limits = &world->limits;
    if (limits->outbox_policy == OUTBOX_LATEST && !client->close_queued)
        keep_latest(world, client);
    if (client->fresh_messages == 0 || client->close_queued)
        return;
    uint64_t messages = less(outbox_messages(client), client->fresh_messages);
    uint64_t bytes = less(outbox_bytes(client), client->fresh_bytes);
    bool is_over = messages > limits->outbox_messages || bytes > limits->outbox_bytes;
    bool is_full = messages >= limits->outbox_messages || bytes >= limits->outbox_bytes;
    switch (limits->outbox_policy) {
    case OUTBOX_CLOSE:
        if (is_over)
            close_slow_consumer(world, client);
        break;
    case OUTBOX_DROP_NEWEST:
        if (is_full)
            drop_fresh(world, client);
        break;
    case OUTBOX_DROP_OLDEST:
    case OUTBOX_LATEST:
        if (is_over)
            drop_oldest(world, client, messages, bytes);
        break;
    }
}

static void flush(struct world *world, struct double_client *client)
{
    client->touched = false;
    if (!client->deaf)
        write_all(world, client);
    apply_policy(world, client);
    settle(client);
}

static void flush_touched(struct world *world, uint32_t lane)
{
    for (size_t i = 0; i < world->clients.count; i++) {
        struct double_client *client = &world->clients.items[i];
        while (client->lane == lane && client->touched)
            flush(world, client);
    }
}

static void end_turn(struct world *world, uint32_t lane)
{
    for (size_t i = 0; i < world->clients.count; i++) {
        struct double_client *client = &world->clients.items[i];
        if (client->lane == lane)
            client->fresh_messages = client->fresh_bytes = 0;
    }
}

static void deliver(struct world *world, const struct event *event)
{
    struct double_client *client = &world->clients.items[event->client];
    if (event->kind == EVENT_CLOSE) {
        if (!client->close_queued && !client->deaf)
            queue_close(world, client, event->text);
        return;
    }
    enqueue(world, client, event);
    if (event->kind == EVENT_DIRECT) {
        client->delivered_messages++;
        client->delivered_bytes +=
            wire_size(body_size(world, client, event->text, event->is_deflated));
        client->touched = true;
    }
}

static void deliver_inbox(struct world *world, uint32_t lane)
{
    event_list *inbox = &world->inbox[lane];
    for (size_t i = 0; i < inbox->count; i++)
        deliver(world, &inbox->items[i]);
    inbox->count = 0;
}

static void post(struct world *world, const struct event *event)
{
    uint32_t lane = world->clients.items[event->client].lane;
    LIST_ADD(&world->inbox[lane], *event);
}

static void count_members(const struct world *world, uint64_t counts[ROOMS])
{
    memset(counts, 0, ROOMS * sizeof *counts);
    for (size_t i = 0; i < world->clients.count; i++) {
        for (uint32_t r = 0; r < ROOMS; r++)
            counts[r] += world->clients.items[i].in[r];
    }
}

/* A client is in these rooms from now on. */
static void set_rooms(struct world *world, struct double_client *client, const bool in[ROOMS])
{
    uint64_t before[ROOMS], after[ROOMS];
    count_members(world, before);
    memcpy(client->in, in, sizeof client->in);
    count_members(world, after);
    for (uint32_t r = 0; r < ROOMS; r++)
        if (before[r] > 0 && after[r] == 0)
            world->rooms[r] = (struct double_room){.epoch = world->rooms[r].epoch + 1};
}

/* --- Operations on both */

static size_t any_client(struct world *world)
{
    /* Mostly one of the last, since the others are gone. */
    size_t count = world->clients.count;
    size_t recent = world->narrow ? 4 : 24;
    if (recent > count)
        recent = count;
    return count - 1 - dice_below(&world->dice, (uint32_t)recent);
}

static uint32_t any_room(struct world *world)
{
    return world->narrow ? 0 : dice_below(&world->dice, ROOMS);
}

static size_t random_text(struct world *world)
{
    static char bytes[300000];
    uint32_t choice = dice_below(&world->dice, 1000);
    size_t size = (size_t)snprintf(bytes, sizeof bytes, "#%zu ", world->texts.count);
    size_t more = 0;
    if (choice >= 993)
        more = dice_below(&world->dice, 250000);
    else if (choice >= 985)
        more = 65520 + dice_below(&world->dice, 20);
    else if (choice >= 900)
        more = 100 + dice_below(&world->dice, 5000);
    memset(bytes + size, 'a' + (int)(world->texts.count % 26), more);
    if (world->deflates && dice_chance(&world->dice, 10)) { /* else it shrinks to nothing */
        for (size_t i = size; i < size + more; i++)
            bytes[i] = (char)('a' + dice_below(&world->dice, 16));
    }
    uint32_t kind = dice_chance(&world->dice, 20) ? TONI_BINARY : TONI_TEXT;
    return make_text(world, kind, 0, bytes, size + more);
}

static toni_message message_of(const struct text *text)
{
    toni_message message = toni_text(toni_str_make(text->bytes, text->size));
    message.kind = text->kind;
    return message;
}

static void connect_one(struct world *world)
{
    size_t alive = 0;
    for (size_t i = 0; i < world->clients.count; i++)
        alive += !world->clients.items[i].finished;
    if (alive >= ALIVE_MAX)
        return;
    uint32_t lane = dice_below(&world->dice, world->lanes);
    struct double_client client = {.lane = lane, .window = WINDOW_OPEN};
    client.deflates = world->deflates && dice_chance(&world->dice, 40);
    client.peer = client.deflates ? peer_connect_deflating(&world->fixture, lane, &world->limits)
                                  : peer_connect_limited(&world->fixture, lane, &world->limits);
    if (dice_chance(&world->dice, 50)) {
        client.window = dice_below(&world->dice, 400);
        client.peer->socket.window = client.window;
        client.sips = client.peer->socket.sips = dice_chance(&world->dice, 50);
        client.cuts = client.peer->socket.cuts = dice_chance(&world->dice, 50);
    }
    LIST_ADD(&world->clients, client);
}

static uint32_t count_rooms(const struct double_client *client)
{
    uint32_t count = 0;
    for (uint32_t r = 0; r < ROOMS; r++)
        count += client->in[r];
    return count;
}

static int32_t model_join(struct world *world, struct double_client *client, uint32_t room)
{
    if (client->state != OPEN)
        return client->state == GONE ? TONI_ERR_NOT_FOUND : TONI_ERR_CLOSING;
    if (client->in[room])
        return TONI_OK;
    if (count_rooms(client) >= world->limits.rooms_per_client)
        return TONI_ERR_LIMIT;
    client->in[room] = true;
    return TONI_OK;
}

static void join(struct world *world)
{
    struct double_client *client = &world->clients.items[any_client(world)];
    uint32_t room = any_room(world);
    REQUIRE(toni_join_room(real(world), client->peer->id, room_name(room)) ==
            model_join(world, client, room));
}

static void leave(struct world *world)
{
    struct double_client *client = &world->clients.items[any_client(world)];
    uint32_t room = any_room(world);
    REQUIRE(toni_leave_room(real(world), client->peer->id, room_name(room)) ==
            (client->state == GONE ? TONI_ERR_NOT_FOUND : TONI_OK));
    bool in[ROOMS];
    memcpy(in, client->in, sizeof in);
    in[room] = false;
    set_rooms(world, client, in);
}

static bool somebody_deflates(const struct world *world, uint32_t room)
{
    for (size_t i = 0; i < world->clients.count; i++) {
        const struct double_client *client = &world->clients.items[i];
        if (client->deflates && client->state == OPEN && client->in[room])
            return true;
    }
    return false;
}

static void broadcast(struct world *world)
{
    uint32_t room = any_room(world);
    size_t text = random_text(world);
    toni_message message = message_of(&world->texts.items[text]);
    int32_t targeted = 0;
    struct event event = {
        .kind = EVENT_BROADCAST,
        .text = text,
        .topic = topic_of(world, room),
        .is_deflated = somebody_deflates(world, room),
    };
    for (size_t i = 0; i < world->clients.count; i++) {
        const struct double_client *client = &world->clients.items[i];
        if (client->state != OPEN || !client->in[room])
            continue;
        event.client = i;
        post(world, &event);
        targeted++;
    }
    world->rooms[room].sequence += targeted > 0;
    REQUIRE(toni_broadcast_to_room(real(world), room_name(room), &message) == targeted);
}

static bool model_admit(struct world *world, struct double_client *client, uint64_t bytes)
{
    if (client->posted_messages + client->left_messages + 1 > world->limits.outbox_messages ||
        client->posted_bytes + client->left_bytes + bytes > world->limits.outbox_bytes)
        return false;
    client->posted_messages++;
    client->posted_bytes += bytes;
    return true;
}

static int32_t model_send(struct world *world, size_t index, size_t text)
{
    struct double_client *client = &world->clients.items[index];
    struct event event = {.kind = EVENT_DIRECT, .client = index, .text = text, .is_deflated = true};
    uint64_t bytes = wire_size(body_size(world, client, text, event.is_deflated));
    if (client->state == GONE)
        return TONI_ERR_NOT_FOUND;
    if (wire_size(world->texts.items[text].size) > world->limits.outbox_bytes)
        return TONI_ERR_TOO_BIG;
    if (client->state == CLOSING)
        return TONI_ERR_CLOSING;
    if (!model_admit(world, client, bytes)) {
        if (!world->attached)
            return TONI_ERR_FULL;
        deliver_inbox(world, client->lane);
        flush_touched(world, client->lane);
        if (client->state == CLOSING)
            return TONI_ERR_CLOSING;
        if (!model_admit(world, client, bytes))
            return TONI_ERR_FULL;
    }
    post(world, &event);
    return TONI_OK;
}

static void send_direct(struct world *world)
{
    size_t index = any_client(world);
    uint32_t count = dice_chance(&world->dice, 5) ? 1 + dice_below(&world->dice, 30) : 1;
    while (count-- > 0) {
        size_t text = random_text(world);
        toni_message message = message_of(&world->texts.items[text]);
        int32_t expected = model_send(world, index, text);
        REQUIRE(toni_send_to_client(real(world), world->clients.items[index].peer->id, &message) ==
                expected);
    }
}

struct choice {
    bool everyone;
    bool rooms[ROOMS];
    bool *clients;
    bool *except;
};

/* What a chat sends: to one room, or everyone, less the sender; or a few, or more than a few. */
static toni_target *chat_target(struct world *world, struct choice *choice)
{
    static const uint32_t most[] = {1, 1, 3, 8, 20};
    const uint32_t room = any_room(world);
    toni_target *target;
    if (dice_chance(&world->dice, 15)) {
        choice->everyone = true;
        target = toni_to_all(real(world));
    } else {
        choice->rooms[room] = true;
        target = toni_to_room(real(world), room_name(room));
    }
    for (uint32_t i = dice_below(&world->dice, 1 + most[dice_below(&world->dice, 5)]); i > 0; i--) {
        const size_t client = any_client(world);
        choice->except[client] = true;
        toni_target_except(target, world->clients.items[client].peer->id);
    }
    return target;
}

static toni_target *random_target(struct world *world, struct choice *choice)
{
    toni_target *target = NULL;
    uint32_t steps = 1 + dice_below(&world->dice, 5);
    for (uint32_t i = 0; i < steps; i++) {
        uint32_t room = any_room(world);
        size_t client = any_client(world);
        toni_client_id id = world->clients.items[client].peer->id;
        switch (dice_below(&world->dice, target ? 5 : 3)) {
        case 0:
            if (dice_chance(&world->dice, 40)) {
                choice->everyone = true;
                if (target)
                    world->fixture.host.target_to_all(target);
                else
                    target = toni_to_all(real(world));
                break;
            } /* FALLTHRU */
        case 1:
            choice->rooms[room] = true;
            if (target)
                toni_target_to_room(target, room_name(room));
            else
                target = toni_to_room(real(world), room_name(room));
            break;
        case 2:
            choice->clients[client] = true;
            if (target)
                toni_target_to_client(target, id);
            else
                target = toni_to_client(real(world), id);
            break;
        default:
            choice->except[client] = true;
            toni_target_except(target, id);
            break;
        }
    }
    return target;
}

static bool chosen(const struct choice *choice, const struct double_client *client, size_t index)
{
    if (client->state != OPEN || choice->except[index])
        return false;
    bool named = choice->everyone || choice->clients[index];
    for (uint32_t r = 0; r < ROOMS; r++)
        named = named || (choice->rooms[r] && client->in[r]);
    return named;
}

/* For one of those who are named, or for somebody in one of the rooms. */
static bool target_deflates(const struct world *world, const struct choice *choice)
{
    bool deflates = false;
    for (size_t i = 0; i < world->clients.count; i++) {
        const struct double_client *client = &world->clients.items[i];
        bool is_named = choice->everyone || (choice->clients[i] && !choice->except[i]);
        for (uint32_t r = 0; r < ROOMS; r++)
            is_named = is_named || (choice->rooms[r] && client->in[r]);
        deflates = deflates || (client->deflates && client->state == OPEN && is_named);
    }
    return deflates;
}

static void on_finished(struct receipt *real)
{
    struct double_receipt *receipt = (struct double_receipt *)real;
    REQUIRE(!receipt->is_finished);
    receipt->is_finished = true;
}

static struct double_receipt *make_receipt(struct world *world)
{
    struct double_receipt *receipt = calloc(1, sizeof *receipt);
    REQUIRE(receipt);
    receipt->real.finished = on_finished;
    LIST_ADD(&world->receipts, receipt);
    return receipt;
}

/* Each has come once, and says what the reference says. */
static void compare_receipts(struct world *world)
{
    for (size_t i = 0; i < world->receipts.count; i++) {
        struct double_receipt *receipt = world->receipts.items[i];
        uint32_t all = 0;
        REQUIRE(receipt->is_finished);
        REQUIRE(receipt->real.targeted == receipt->targeted);
        for (unsigned a = 0; a < OUTBOX_ANSWERS; a++) {
            REQUIRE(receipt->real.answers[a] == receipt->answers[a]);
            all += receipt->answers[a];
        }
        REQUIRE(all == receipt->targeted);
        free(receipt);
    }
    free(world->receipts.items);
}

/* The one room that a target is about, if it is one. */
static uint64_t topic_of_target(const struct world *world, const struct choice *choice)
{
    uint64_t counts[ROOMS], topic = 0;
    uint32_t rooms = 0;
    if (choice->everyone)
        return topic_of_everyone;
    count_members(world, counts);
    for (uint32_t r = 0; r < ROOMS; r++) {
        if (!choice->rooms[r] || counts[r] == 0)
            continue;
        topic = topic_of(world, r);
        rooms++;
    }
    for (size_t i = 0; i < world->clients.count; i++) {
        if (choice->clients[i] && !choice->except[i] && world->clients.items[i].state == OPEN)
            return 0;
    }
    return rooms == 1 ? topic : 0;
}

/* A message takes a number in each of its rooms. */
static void count_target(struct world *world, const struct choice *choice)
{
    uint64_t counts[ROOMS];
    count_members(world, counts);
    for (uint32_t r = 0; r < ROOMS; r++)
        world->rooms[r].sequence += !choice->everyone && choice->rooms[r] && counts[r] > 0;
}

static void send_to(struct world *world,
                    toni_target *(*make)(struct world *world, struct choice *choice),
                    uint32_t receipts)
{
    struct choice choice = {.clients = calloc(world->clients.count, 1),
                            .except = calloc(world->clients.count, 1)};
    REQUIRE(choice.clients && choice.except);
    toni_target *target = make(world, &choice);
    size_t text = random_text(world);
    toni_message message = message_of(&world->texts.items[text]);
    if (dice_chance(&world->dice, 5)) {
        toni_target_destroy(target);
    } else {
        int32_t targeted = 0;
        struct double_receipt *receipt =
            dice_chance(&world->dice, receipts) ? make_receipt(world) : NULL;
        struct event event = {
            .kind = EVENT_BROADCAST,
            .text = text,
            .topic = topic_of_target(world, &choice),
            .receipt = receipt,
            .is_deflated = target_deflates(world, &choice),
        };
        for (size_t i = 0; i < world->clients.count; i++) {
            if (!chosen(&choice, &world->clients.items[i], i))
                continue;
            event.client = i;
            post(world, &event);
            targeted++;
        }
        if (targeted > 0)
            count_target(world, &choice);
        if (receipt)
            receipt->targeted = (uint32_t)targeted;
        REQUIRE(target_send_receipt(target, &message, receipt ? &receipt->real : NULL) == targeted);
    }
    free(choice.clients);
    free(choice.except);
}

static void send_target(struct world *world)
{
    send_to(world, random_target, 40);
}

static void chat(struct world *world)
{
    send_to(world, chat_target, 10);
}

static void model_close(struct world *world, size_t index, unsigned code, const char *reason)
{
    struct double_client *client = &world->clients.items[index];
    if (client->state != OPEN)
        return;
    client->state = CLOSING;
    struct event event = {.kind = EVENT_CLOSE, .client = index};
    event.text = make_text(world, KIND_CLOSE, code, reason, strlen(reason));
    post(world, &event);
}

static void disconnect(struct world *world)
{
    size_t index = any_client(world);
    const struct double_client *client = &world->clients.items[index];
    toni_client_id id = client->peer->id;
    int32_t expected = client->state == GONE ? TONI_ERR_NOT_FOUND : TONI_OK;
    if (dice_chance(&world->dice, 50)) {
        REQUIRE(toni_remove_client(real(world), id) == expected);
        model_close(world, index, 1000, "");
    } else {
        uint16_t code = (uint16_t)(3000 + dice_below(&world->dice, 2000));
        REQUIRE(toni_close_client(real(world), id, code, toni_str_of("bye")) == expected);
        model_close(world, index, code, "bye");
    }
}

/* Compares what a client received with what it should have. */
static void compare_received(struct world *world, const struct double_client *client)
{
    const struct buffer *wire = &client->peer->socket.wire;
    struct wire_reader reader;
    struct wire_message message;
    uint64_t at = 0;
    REQUIRE(wire->length == client->wire);
    wire_reader_init(&reader, wire->bytes, wire->length);
    reader.deflates = client->deflates;
    for (size_t i = 0; i < client->written; i++) {
        const struct frame *frame = &client->frames.items[i];
        at += frame->size;
        if (at > client->wire)
            break;
        if (!frame->last)
            continue;
        const struct text *text = &world->texts.items[frame->text];
        REQUIRE(wire_reader_next(&reader, &message));
        REQUIRE(message.opcode == text->kind && message.code == text->code);
        REQUIRE(message.was_compressed == frame->is_deflated);
        REQUIRE(message.size == text->size);
        REQUIRE(text->size == 0 || memcmp(message.payload, text->bytes, text->size) == 0);
    }
    REQUIRE(!wire_reader_next(&reader, &message));
    wire_reader_finish(&reader);
    REQUIRE(client->peer->socket.closed == client->close_written);
}

static void retire(struct world *world, struct double_client *client)
{
    static const bool nowhere[ROOMS];
    if (client->finished)
        return;
    client_retire(client->peer->client);
    client->state = GONE;
    set_rooms(world, client, nowhere);
    client->retired = true;
}

static void lose(struct world *world, struct double_client *client)
{
    if (client->finished)
        return;
    retire(world, client);
    peer_lose(client->peer);
    discard(world, client);
    client->finished = true;
    compare_received(world, client);
}

static void end_some(struct world *world)
{
    static const char *const reasons[] = {"", "because"};
    struct double_client *client = &world->clients.items[any_client(world)];
    if (client->finished)
        return;
    switch (dice_below(&world->dice, 8)) {
    case 0:
    case 1:
        lose(world, client);
        break;
    case 2:
        retire(world, client);
        break;
    case 3: {
        const char *reason = reasons[dice_below(&world->dice, 2)];
        client_close_now(client->peer->client, 1002, toni_str_of(reason));
        close_now(world, client, 1002, reason);
        break;
    }
    case 4:
        client_untarget(client->peer->client);
        mute(client);
        break;
    case 5:
        client_discard(client->peer->client);
        discard(world, client);
        break;
    case 6:
        client->broken = client->peer->socket.broken = true;
        break;
    default:
        if (client->close_written)
            lose(world, client);
        break;
    }
}

static void take_bytes(struct world *world, struct double_client *client, uint64_t bytes)
{
    if (client->finished)
        return;
    client->window = bytes < WINDOW_OPEN - client->window ? client->window + bytes : WINDOW_OPEN;
    for (;;) {
        uint64_t taken = client->window < client->rest ? client->window : client->rest;
        client->rest -= taken;
        client->wire += taken;
        if (client->window != WINDOW_OPEN)
            client->window -= taken;
        if (client->window > 0)
            client->full = false;
        if (!client->wants_flush || is_busy(client))
            break;
        client->wants_flush = false;
        flush(world, client);
    }
    peer_take(client->peer, bytes);
}

static void take_some(struct world *world)
{
    struct double_client *client = &world->clients.items[any_client(world)];
    uint64_t bytes = dice_below(&world->dice, dice_chance(&world->dice, 20) ? 200000 : 2000);
    take_bytes(world, client, bytes);
}

static void turn(struct world *world, uint32_t lane)
{
    lane_turn(&real(world)->lanes[lane]);       /* runs the calls, on both */
    if (real(world)->lanes[lane].turn % 8 == 0) /* each is a look at all that waits */
        fixture_require_backlogs(&real(world)->lanes[lane]);
    deliver_inbox(world, lane);
    flush_touched(world, lane);
    end_turn(world, lane);
    REQUIRE(world->inbox[lane].count == 0 || lane_pending(&real(world)->lanes[lane]));
}

/* What a plugin does in a callback that the lane runs at the beginning of a turn. */
struct call {
    struct world *world;
    uint32_t lane;
};

static void run_call(void *data)
{
    struct call *call = data;
    struct world *world = call->world;
    for (uint32_t i = 1 + dice_below(&world->dice, 6); i > 0; i--) {
        switch (dice_below(&world->dice, 7)) {
        case 0:
            join(world);
            break;
        case 6:
            chat(world);
            break;
        case 1:
            leave(world);
            break;
        case 2:
            broadcast(world);
            break;
        case 3:
            send_target(world);
            break;
        case 4:
            disconnect(world);
            break;
        default:
            send_direct(world);
            break;
        }
    }
    free(call);
}

static void post_call(struct world *world)
{
    uint32_t lane = dice_below(&world->dice, world->lanes);
    struct call *call = malloc(sizeof *call);
    REQUIRE(call);
    *call = (struct call){.world = world, .lane = lane};
    REQUIRE(!lane_post_call(&real(world)->lanes[lane], run_call, call));
}

/* --- Questions */

static void compare_members(struct world *world, uint32_t room)
{
    toni_client_ids *members;
    REQUIRE(toni_get_room_members(real(world), room_name(room), &members) == TONI_OK);
    size_t expected = 0;
    for (size_t i = 0; i < world->clients.count; i++) {
        const struct double_client *client = &world->clients.items[i];
        size_t found = 0;
        for (size_t m = 0; m < members->count; m++)
            found += members->ids[m] == client->peer->id;
        REQUIRE(found == client->in[room]);
        expected += client->in[room];
    }
    REQUIRE(members->count == expected);
    toni_client_ids_destroy(members);
}

static void compare_room(struct world *world, uint32_t room)
{
    const struct double_room *expected = &world->rooms[room];
    uint64_t members = 0, targets = 0;
    toni_room_info *info;
    for (size_t i = 0; i < world->clients.count; i++) {
        const struct double_client *client = &world->clients.items[i];
        members += client->in[room];
        targets += client->in[room] && client->state == OPEN;
    }
    int32_t result = toni_get_room(real(world), room_name(room), &info);
    REQUIRE(result == (members > 0 ? TONI_OK : TONI_ERR_NOT_FOUND));
    REQUIRE((result == TONI_OK) == (info != NULL));
    if (!info)
        return;
    REQUIRE(info->members == members && info->targets == targets);
    REQUIRE(info->sequence == expected->sequence);
    const uint64_t dropped[DROP_POLICY_COUNT] = {
        [DROP_SLOW_CONSUMER - DROP_POLICY_FIRST] = info->dropped_slow_consumer,
        [DROP_OLDEST - DROP_POLICY_FIRST] = info->dropped_oldest,
        [DROP_NEWEST - DROP_POLICY_FIRST] = info->dropped_newest,
        [DROP_NOT_LATEST - DROP_POLICY_FIRST] = info->dropped_not_latest,
    };
    for (size_t i = 0; i < DROP_POLICY_COUNT; i++)
        REQUIRE(dropped[i] == expected->dropped[i]);
    toni_room_info_destroy(info);
}

static void compare_rooms(struct world *world, const struct double_client *client)
{
    toni_room_names *names;
    int32_t result = toni_get_client_rooms(real(world), client->peer->id, &names);
    REQUIRE(result == (client->state == GONE ? TONI_ERR_NOT_FOUND : TONI_OK));
    REQUIRE((result == TONI_OK) == (names != NULL));
    if (!names)
        return;
    REQUIRE(names->count == count_rooms(client));
    for (uint32_t r = 0; r < ROOMS; r++) {
        size_t found = 0;
        for (size_t n = 0; n < names->count; n++)
            found += toni_str_equal(names->names[n], room_name(r)) != 0;
        REQUIRE(found == client->in[r]);
    }
    toni_room_names_destroy(names);
}

static void compare_info(struct world *world, const struct double_client *client)
{
    toni_client_info *info;
    int32_t result = toni_get_client(real(world), client->peer->id, &info);
    REQUIRE(result == (client->state == GONE ? TONI_ERR_NOT_FOUND : TONI_OK));
    REQUIRE((result == TONI_OK) == (info != NULL));
    if (!info)
        return;
    REQUIRE(info->id == client->peer->id);
    REQUIRE(info->room_count == count_rooms(client));
    REQUIRE(info->outbox_messages == client->posted_messages + client->left_messages);
    REQUIRE(info->outbox_bytes == client->posted_bytes + client->left_bytes);
    REQUIRE(info->dropped_messages == client->dropped);
    toni_client_info_destroy(info);
}

static void compare_room_count(struct world *world)
{
    uint64_t count = 0;
    for (uint32_t r = 0; r < ROOMS; r++) {
        bool used = false;
        for (size_t i = 0; i < world->clients.count && !used; i++)
            used = world->clients.items[i].in[r];
        count += used;
    }
    REQUIRE(toni_room_count(real(world)) == count);
}

static void ask(struct world *world)
{
    const struct double_client *client = &world->clients.items[any_client(world)];
    compare_members(world, any_room(world));
    for (uint32_t r = 0; r < ROOMS; r++)
        compare_room(world, r);
    compare_rooms(world, client);
    compare_info(world, client);
    compare_room_count(world);
    REQUIRE(fixture_dropped(real(world)) == world->discarded);
}

/* Many come and go in one room while messages for it are on their way. */
static void bustle(struct world *world)
{
    world->narrow = true;
    for (uint32_t i = dice_below(&world->dice, 30); i > 0; i--) {
        switch (dice_below(&world->dice, 10)) {
        case 0:
        case 1:
        case 2:
            broadcast(world);
            break;
        case 8:
        case 9:
            chat(world);
            break;
        case 3:
        case 4:
            leave(world);
            break;
        case 5:
            send_target(world);
            break;
        default:
            join(world);
            break;
        }
    }
    world->narrow = false;
}

/* Members leave and join again while that they leave is on its way, and what is sent in between to
 * them, or past them, too. */
static void come_and_go(struct world *world)
{
    static void (*const operations[])(struct world *) = {leave, broadcast, chat, join, broadcast};
    world->narrow = true;
    for (uint32_t i = 1 + dice_below(&world->dice, 4); i > 0; i--) {
        for (size_t o = 0; o < sizeof operations / sizeof operations[0]; o++) {
            if (dice_chance(&world->dice, 80))
                operations[o](world);
        }
    }
    world->narrow = false;
}

/* --- Runs */

static void operate(struct world *world)
{
    static const struct {
        uint32_t weight;
        void (*operation)(struct world *);
    } table[] = {
        {4, connect_one}, {12, join},      {8, leave},    {14, broadcast},  {12, send_direct},
        {8, send_target}, {1, disconnect}, {1, end_some}, {12, take_some},  {3, post_call},
        {2, ask},         {2, bustle},     {10, chat},    {3, come_and_go},
    };
    uint32_t dice = dice_below(&world->dice, 100);
    if (world->clients.count == 0) {
        connect_one(world);
        return;
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (dice < table[i].weight) {
            table[i].operation(world);
            return;
        }
        dice -= table[i].weight;
    }
    turn(world, dice_below(&world->dice, world->lanes));
}

static void finish(struct world *world)
{
    for (uint32_t lane = 0; lane < world->lanes; lane++) {
        while (world->inbox[lane].count > 0)
            turn(world, lane);
    }
    for (size_t i = 0; i < world->clients.count; i++)
        take_bytes(world, &world->clients.items[i], WINDOW_OPEN);
    for (uint32_t round = 0; round < 100; round++) {
        for (uint32_t lane = 0; lane < world->lanes; lane++)
            turn(world, lane);
    }
    for (size_t i = 0; i < world->clients.count; i++) {
        struct double_client *client = &world->clients.items[i];
        if (!client->finished && !client->deaf)
            REQUIRE(client->written == client->frames.count && client->rest == 0);
        lose(world, client);
    }
    compare_room_count(world);
    REQUIRE(fixture_dropped(real(world)) == world->discarded);
    for (size_t i = 0; i < world->clients.count; i++) {
        peer_destroy(&world->fixture, world->clients.items[i].peer);
        free(world->clients.items[i].frames.items);
    }
    fixture_finish(&world->fixture);
    compare_receipts(world);
    for (size_t i = 0; i < world->texts.count; i++)
        free(world->texts.items[i].bytes);
    for (uint32_t lane = 0; lane < world->lanes; lane++) {
        free(world->inbox[lane].items);
    }
    free(world->texts.items);
    free(world->clients.items);
    deflaters_finish(&world->deflaters);
}

static void run(uint64_t seed)
{
    struct world *world = calloc(1, sizeof *world);
    REQUIRE(world);
    world->dice.state = seed;
    world->lanes = seed % 2 == 0 ? 1 : seed % 8 == 1 ? FIXTURE_LANES : 4;
    world->attached = seed / 2 % 2 == 0;
    fixture_set_note("repeat with TONI_TEST_SEED=%llu (%u lanes, %s)", (unsigned long long)seed,
                     world->lanes, world->attached ? "own worker" : "foreign thread");
    world->limits = limits_default();
    world->limits.rooms_per_client = 4;
    world->limits.outbox_messages = 1 + dice_below(&world->dice, 60);
    world->limits.outbox_bytes = 100 + dice_below(&world->dice, 200000);
    world->limits.outbox_policy = (enum outbox_policy)(seed / 4 % 4);
    world->limits.deflate_above =
        dice_below(&world->dice, dice_chance(&world->dice, 50) ? 20 : 6000);
    world->deflates = seed / 16 % 2 == 0;
    deflaters_init(&world->deflaters);
    fixture_init(&world->fixture, &world->limits, world->lanes);
    if (world->attached)
        fixture_attach(&world->fixture);
    for (uint32_t i = 0; i < OPERATIONS; i++)
        operate(world);
    finish(world);
    free(world);
}

START_TEST(random_operations_agree_with_the_reference)
{
    uint64_t seed = environment_number("TONI_TEST_SEED", 0);
    uint64_t runs = environment_number("TONI_TEST_RUNS", 300);
    if (seed != 0) {
        run(seed);
        return;
    }
    for (uint64_t i = 1; i <= runs; i++)
        run(i);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/model");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, random_operations_agree_with_the_reference);
    tcase_set_timeout(cases, 0); /* that of ctest */
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
