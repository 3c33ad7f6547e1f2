/* Feed: a room as Server-Sent Events. What a WebSocket client of /feed says goes to all others
 * there, and with an id to whoever reads `GET /feed`. Services hear no broadcasts; so this is a
 * gateway, too.
 *
 * The last events are kept, and a stream knows which it lacks: a new one, one that comes back
 * (Last-Event-ID) and a slow one are the same. It is written what fits (`http_stream_bytes`). Ids
 * count one by one, so it shows where events were left out. */
#include <time.h>
#include <toni/toni.h>

#define ROOM TONI_LIT("feed")
enum { RECENT = 32, TEXT_MOST = 1024, ALIVE_MS = 15000 };

struct stream {
    struct stream *after;
    toni_exchange_id id;
    uint64_t next; /* the id of the event that it is to get next */
};

struct feed {
    toni_context *context;
    toni_connections *connections;
    struct stream *streams;
    struct history {          /* what goes along over a swap, as it lies in memory */
        uint64_t first, next; /* ids: of the oldest event that is kept, and of the next there is */
        char events[RECENT][TEXT_MOST + 64]; /* by id % RECENT: as they go over the wire, and NUL */
    } history;
};

static void go_on(struct feed *feed, struct stream *stream)
{
    if (stream->next < feed->history.first || stream->next > feed->history.next)
        stream->next = feed->history.first;
    for (; stream->next < feed->history.next; stream->next++) {
        const toni_str event = toni_str_of(feed->history.events[stream->next % RECENT]);
        if (toni_exchange_write(feed->context, stream->id, event) == TONI_ERR_FULL)
            return; /* TONI_STREAM_DRAINED goes on */
    }
}

static void on_stream(void *self, void *data, toni_exchange_id id, uint32_t what)
{
    struct feed *feed = self;
    struct stream *stream = data, **at = &feed->streams;
    (void)id;
    if (what == TONI_STREAM_DRAINED) {
        go_on(feed, stream);
        return;
    }
    while (*at != stream)
        at = &(*at)->after;
    *at = stream->after; /* it is freed when this has returned */
}

/* A comment now and then, so that no proxy takes the connection for a dead one. */
static void keep_alive(void *self, void *data)
{
    const struct feed *feed = self;
    (void)data;
    for (const struct stream *stream = feed->streams; stream; stream = stream->after)
        (void)toni_exchange_write(feed->context, stream->id, TONI_LIT(":\n\n"));
}

static int32_t on_request(void *self, toni_exchange *exchange)
{
    struct feed *feed = self;
    toni_str last;
    char id[24];
    if (!toni_str_equal(toni_exchange_method(exchange), TONI_LIT("GET"))) {
        (void)toni_exchange_add_header(exchange, TONI_LIT("Allow"), TONI_LIT("GET"));
        return toni_exchange_answer(exchange, 405, TONI_LIT(""), TONI_LIT(""));
    }
    struct stream *stream = malloc(sizeof *stream);
    if (!stream)
        return TONI_ERR_NO_MEMORY;
    *stream = (struct stream){.after = feed->streams, .next = feed->history.next};
    if (toni_exchange_header(exchange, TONI_LIT("Last-Event-ID"), &last) == TONI_OK) {
        (void)snprintf(id, sizeof id, "%.*s", TONI_STR_ARG(last));
        stream->next = strtoull(id, NULL, 10) + 1;
    }
    (void)toni_exchange_add_header(exchange, TONI_LIT("Cache-Control"), TONI_LIT("no-cache"));
    int32_t result = toni_exchange_keep(exchange, 0, &stream->id);
    if (result == TONI_OK)
        result = toni_exchange_begin(feed->context, stream->id, 200, TONI_LIT("text/event-stream"),
                                     on_stream, stream, free);
    if (result != TONI_OK) {
        free(stream); /* if there are too many, the host answers 503 */
        return result;
    }
    feed->streams = stream;
    (void)toni_exchange_write(feed->context, stream->id, TONI_LIT("retry: 2000\n\n"));
    go_on(feed, stream);
    return TONI_OK;
}

static int32_t on_connect(void *self, toni_client *client)
{
    return toni_join_room(((struct feed *)self)->connections, toni_client_id_of(client), ROOM);
}

static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    struct feed *feed = self;
    struct history *history = &feed->history;
    char line[TEXT_MOST + 1]; /* to a NUL, if there is one */
    (void)snprintf(line, sizeof line, "%.*s", TONI_STR_ARG(message->body));
    if (message->kind != TONI_TEXT || strcspn(line, "\r\n") != message->body.size)
        return toni_client_send_text(client, TONI_LIT("A line of up to 1,024 bytes, please."));
    const int32_t heard = toni_broadcast_from(client, ROOM, message);
    if (heard < 0)
        return toni_client_sendf(client, "Not sent: %s", toni_strerror(heard));
    (void)snprintf(history->events[history->next % RECENT], sizeof history->events[0],
                   "id: %llu\ndata: %s\n\n", (unsigned long long)history->next, line);
    if (++history->next - history->first > RECENT)
        history->first++;
    for (struct stream *stream = feed->streams; stream; stream = stream->after)
        go_on(feed, stream);
    return TONI_OK;
}

static int32_t export_state(void *self, toni_state_writer *writer)
{
    return toni_state_write(writer, &((struct feed *)self)->history, sizeof(struct history));
}

static int32_t import_state(void *self, const toni_state *state)
{
    if (state->version != 1 || state->bytes.size != sizeof(struct history))
        return TONI_ERR_INVALID;
    memcpy(&((struct feed *)self)->history, state->bytes.data, sizeof(struct history));
    return TONI_OK;
}

static int32_t create(toni_context *context, void **self)
{
    struct feed *feed = *self = calloc(1, sizeof *feed);
    if (!feed)
        return TONI_ERR_NO_MEMORY;
    feed->context = context;
    feed->connections = toni_context_connections(context);
    feed->history.first = feed->history.next = (uint64_t)time(NULL) * 1000000; /* none twice */
    (void)toni_every(context, ALIVE_MS, keep_alive, NULL, NULL);
    return TONI_OK;
}

TONI_PLUGIN(.kind = TONI_GATEWAY | TONI_SERVICE, .name = TONI_LIT("feed"),
            .path = TONI_LIT("/feed"), .needs = TONI_NEEDS(TONI_REQUIRES_CONNECTIONS),
            .create = create, .destroy = free, .on_connect = on_connect, .on_message = on_message,
            .on_request = on_request, .state_version = 1, .export_state = export_state,
            .import_state = import_state);
