/* What libwebsockets allows: the prototype that toni's delivery began with, kept to be measured
 * beside it. A room's messages of one turn of the loop are encoded once, as one batch; each
 * member's queue gets a reference; what a client must be sent goes out in one write.
 *
 * It has one worker and one protocol, and none of the rules: nothing is bounded or checked, no
 * limits, no UTF-8, no instances, no locks. It is no example of how to write a server. Usage:
 * shared_batches PORT */
#include <libwebsockets.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define BUCKETS 4096
#define WRITE_MAX 262144
#define HEAD_MAX 10

/* --- Batches: frames, ready-made */

struct batch {
    unsigned refs;
    size_t size, capacity;
    uint8_t *bytes;
};

static void *must(void *allocated)
{
    if (!allocated)
        abort();
    return allocated;
}

static struct batch *batch_create(size_t capacity)
{
    struct batch *batch = must(malloc(sizeof *batch));
    *batch = (struct batch){.refs = 1, .capacity = capacity, .bytes = must(malloc(capacity))};
    return batch;
}

static void batch_unref(struct batch *batch)
{
    if (--batch->refs > 0)
        return;
    free(batch->bytes);
    free(batch);
}

static size_t write_head(uint8_t *out, size_t size)
{
    size_t at = 0;
    out[at++] = 0x81;
    if (size < 126) {
        out[at++] = (uint8_t)size;
    } else if (size < 65536) {
        out[at++] = 126;
        out[at++] = (uint8_t)(size >> 8);
        out[at++] = (uint8_t)size;
    } else {
        out[at++] = 127;
        for (int shift = 56; shift >= 0; shift -= 8)
            out[at++] = (uint8_t)((uint64_t)size >> shift);
    }
    return at;
}

static void batch_append(struct batch *batch, const char *text, size_t size)
{
    size_t needed = batch->size + size + HEAD_MAX;
    if (needed > batch->capacity) {
        batch->capacity = needed * 2;
        batch->bytes = must(realloc(batch->bytes, batch->capacity));
    }
    batch->size += write_head(batch->bytes + batch->size, size);
    memcpy(batch->bytes + batch->size, text, size);
    batch->size += size;
}

/* --- Clients */

struct client {
    struct lws *wsi;
    unsigned long id;
    struct batch **queue;
    size_t head, count, capacity;
    struct client *next_dirty;
    int dirty;
    char *input; /* of a message that came in pieces */
    size_t input_size;
};

static struct client *dirty_clients;
static unsigned long last_id;

static void client_queue(struct client *client, struct batch *batch)
{
    if (client->count == client->capacity) {
        client->capacity = client->capacity ? client->capacity * 2 : 8;
        client->queue =
            must(realloc((void *)client->queue, client->capacity * sizeof(struct batch *)));
    }
    batch->refs++;
    client->queue[client->count++] = batch;
    if (!client->dirty) {
        client->dirty = 1;
        client->next_dirty = dirty_clients;
        dirty_clients = client;
    }
}

static void client_say(struct client *client, const char *text, size_t size)
{
    struct batch *batch = batch_create(size + HEAD_MAX);
    batch_append(batch, text, size);
    client_queue(client, batch);
    batch_unref(batch);
}

/* Copies as many batches into one buffer as a write may have. @return The index behind the last. */
static size_t gather(const struct client *client, uint8_t *out, size_t *size)
{
    size_t i = client->head;
    *size = 0;
    for (; i < client->count && *size + client->queue[i]->size <= WRITE_MAX; i++) {
        memcpy(out + *size, client->queue[i]->bytes, client->queue[i]->size);
        *size += client->queue[i]->size;
    }
    return i;
}

static void client_flush(struct client *client)
{
    static uint8_t scratch[LWS_PRE + WRITE_MAX];
    while (client->head < client->count) {
        uint8_t *bytes = client->queue[client->head]->bytes;
        size_t size = client->queue[client->head]->size, end = client->head + 1;
        if (lws_partial_buffered(client->wsi)) {
            lws_callback_on_writable(client->wsi);
            return;
        }
        if (end < client->count) {
            bytes = scratch + LWS_PRE;
            end = gather(client, bytes, &size);
        }
        if (lws_write(client->wsi, bytes, size, LWS_WRITE_HTTP) < 0)
            return;
        while (client->head < end)
            batch_unref(client->queue[client->head++]);
    }
    client->head = client->count = 0;
}

/* --- Rooms */

struct room {
    struct room *next;
    struct room *next_dirty;
    struct batch *open;
    struct client **members;
    size_t count, capacity;
    size_t name_size;
    char name[];
};

static struct room *rooms[BUCKETS];
static struct room *dirty_rooms;

static struct room **room_bucket(const char *name, size_t size)
{
    unsigned hash = 5381;
    while (size-- > 0)
        hash = hash * 33 + (uint8_t)*name++;
    return &rooms[hash % BUCKETS];
}

static struct room *room_find(const char *name, size_t size)
{
    struct room *room = *room_bucket(name, size);
    while (room && !(room->name_size == size && memcmp(room->name, name, size) == 0))
        room = room->next;
    return room;
}

static struct room *room_get(const char *name, size_t size)
{
    struct room *room = room_find(name, size);
    if (room)
        return room;
    struct room **bucket = room_bucket(name, size);
    room = must(calloc(1, sizeof *room + size));
    memcpy(room->name, name, size);
    room->name_size = size;
    room->next = *bucket;
    *bucket = room;
    return room;
}

static void room_broadcast(struct room *room, const char *text, size_t size)
{
    if (!room->open) {
        room->open = batch_create(size + HEAD_MAX < 512 ? 512 : size + HEAD_MAX);
        room->next_dirty = dirty_rooms;
        dirty_rooms = room;
    }
    batch_append(room->open, text, size);
}

static void room_add(struct room *room, struct client *client)
{
    if (room->count == room->capacity) {
        room->capacity = room->capacity ? room->capacity * 2 : 4;
        room->members =
            must(realloc((void *)room->members, room->capacity * sizeof(struct client *)));
    }
    room->members[room->count++] = client;
}

static void room_remove(struct room *room, const struct client *client)
{
    for (size_t i = 0; i < room->count; i++) {
        if (room->members[i] == client)
            room->members[i--] = room->members[--room->count];
    }
}

static void rooms_flush(void)
{
    while (dirty_rooms) {
        struct room *room = dirty_rooms;
        dirty_rooms = room->next_dirty;
        for (size_t i = 0; i < room->count; i++)
            client_queue(room->members[i], room->open);
        batch_unref(room->open);
        room->open = NULL;
    }
}

/* --- The protocol */

static void on_join(struct client *client, const char *name, size_t size)
{
    char text[512];
    struct room *room = room_get(name, size);
    room_add(room, client);
    int length = snprintf(text, sizeof text, "Joined room: %.*s", (int)room->name_size, room->name);
    client_say(client, text, (size_t)length);
    length = snprintf(text, sizeof text, "%016lx joined", client->id);
    room_broadcast(room, text, (size_t)length);
}

static void on_publish(const struct client *client, const char *rest, size_t size)
{
    const char *colon = memchr(rest, ':', size);
    struct room *room = colon ? room_find(rest, (size_t)(colon - rest)) : NULL;
    if (!room)
        return;
    size_t text_size = (size_t)(rest + size - colon - 1);
    char on_stack[512], *out = text_size < 400 ? on_stack : must(malloc(text_size + 112));
    int prefix = sprintf(out, "[%.*s] %016lx: ", (int)(colon - rest), rest, client->id);
    memcpy(out + prefix, colon + 1, text_size);
    room_broadcast(room, out, (size_t)prefix + text_size);
    if (out != on_stack)
        free(out);
}

static void on_message(struct client *client, const char *text, size_t size)
{
    if (size > 5 && memcmp(text, "join:", 5) == 0)
        on_join(client, text + 5, size - 5);
    else if (size > 4 && memcmp(text, "msg:", 4) == 0)
        on_publish(client, text + 4, size - 4);
}

static void on_receive(struct client *client, const char *bytes, size_t size)
{
    int last = lws_is_final_fragment(client->wsi) && !lws_remaining_packet_payload(client->wsi);
    if (last && client->input_size == 0) {
        on_message(client, bytes, size);
        return;
    }
    client->input = must(realloc(client->input, client->input_size + size));
    memcpy(client->input + client->input_size, bytes, size);
    client->input_size += size;
    if (last) {
        on_message(client, client->input, client->input_size);
        client->input_size = 0;
    }
}

static void on_closed(const struct client *client)
{
    for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
        for (struct room *room = rooms[bucket]; room; room = room->next)
            room_remove(room, client);
    }
    struct client **at = &dirty_clients;
    while (*at && *at != client)
        at = &(*at)->next_dirty;
    if (*at)
        *at = client->next_dirty;
    for (size_t i = client->head; i < client->count; i++)
        batch_unref(client->queue[i]);
    free((void *)client->queue);
    free(client->input);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t size)
{
    static const char greeting[] = "Connected. Send 'join:<room>' to join a room.";
    struct client *client = user;
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        *client = (struct client){.wsi = wsi, .id = ++last_id};
        client_say(client, greeting, sizeof greeting - 1);
        break;
    case LWS_CALLBACK_RECEIVE:
        on_receive(client, in, size);
        break;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        client_flush(client);
        break;
    case LWS_CALLBACK_CLOSED:
        on_closed(client);
        break;
    default:
        break;
    }
    return 0;
}

/* Once per turn, before the loop blocks. */
static void on_turn_end(uv_prepare_t *prepare)
{
    (void)prepare;
    rooms_flush();
    while (dirty_clients) {
        struct client *client = dirty_clients;
        dirty_clients = client->next_dirty;
        client->dirty = 0;
        client_flush(client);
    }
}

int main(int argc, char **argv)
{
    static const struct lws_protocols protocols[] = {
        {"rooms", on_event, sizeof(struct client), 1024, 0, NULL, WRITE_MAX},
        {NULL, NULL, 0, 0, 0, NULL, 0}};
    uv_loop_t loop;
    uv_prepare_t turn_end;
    void *loops[] = {&loop};
    struct lws_context_creation_info info = {
        .port = argc == 2 ? (int)strtol(argv[1], NULL, 10) : CONTEXT_PORT_NO_LISTEN,
        .iface = "127.0.0.1",
        .protocols = protocols,
        .pt_serv_buf_size = 65536,
        .options = LWS_SERVER_OPTION_DISABLE_IPV6 | LWS_SERVER_OPTION_LIBUV,
        .foreign_loops = loops,
    };
    lws_set_log_level(LLL_ERR, NULL);
    if (uv_loop_init(&loop) || !lws_create_context(&info)) {
        (void)fprintf(stderr, "usage: shared_batches PORT\n");
        return EXIT_FAILURE;
    }
    uv_prepare_init(&loop, &turn_end);
    uv_prepare_start(&turn_end, on_turn_end);
    return uv_run(&loop, UV_RUN_DEFAULT);
}
