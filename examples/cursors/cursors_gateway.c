/* Cursors: where everybody's pointer is on a board, at every moment.
 *
 *   → {"event":"cursor.move","data":{"x":250,"y":500}}            thousandths of width and height
 *   ← {"event":"cursor.all","data":[{"id":"6f…","x":…,"y":…},…]}  on entry: those that have moved
 *   ← {"event":"cursor.moved","data":{"id":"6f…","x":250,"y":500}}
 *   ← {"event":"cursor.gone","data":{"id":"6f…"}}
 *
 * Each cursor has a room of its client's name, in which all others are: with `outbox_policy =
 * "latest"` what waits for a slow reader is the newest message of each room, so the newest position
 * of each cursor, however many there were. In one room for all it would be that of whoever moved
 * last.
 */
#include <toni/events.h>

#define BOARD TONI_LIT("board")

enum { MOST = 64 };

struct cursor {
    toni_client_id id;
    json_int_t x, y, has_moved;
};

/* What goes along over a swap, as it lies in memory. */
struct board {
    uint64_t count;
    struct cursor cursors[MOST];
};

struct gateway {
    toni_events *events; /* first: for toni_events_on_message */
    toni_connections *connections;
    struct board board;
};

static struct cursor *find(struct board *board, toni_client_id id)
{
    for (size_t i = 0; i < board->count; i++) {
        if (board->cursors[i].id == id)
            return &board->cursors[i];
    }
    return NULL;
}

static json_t *describe(const struct gateway *gateway, const struct cursor *cursor)
{
    const toni_name name = toni_client_id_name(gateway->connections, cursor->id);
    return json_pack("{s:s, s:I, s:I}", "id", name.text, "x", cursor->x, "y", cursor->y);
}

static int32_t move(void *self, const toni_event *event)
{
    struct gateway *gateway = self;
    struct cursor *cursor = find(&gateway->board, toni_client_id_of(event->client));
    if (!cursor)
        return TONI_ERR_NOT_FOUND;
    cursor->x = json_integer_value(json_object_get(event->data, "x"));
    cursor->y = json_integer_value(json_object_get(event->data, "y"));
    cursor->has_moved = 1;
    const toni_str room = toni_str_of(toni_client_name(event->client));
    const int32_t told =
        toni_events_send_to_room(gateway->events, room, "cursor.moved", describe(gateway, cursor));
    return told < 0 ? told : TONI_OK;
}

/* All others follow the newcomer, before it is one of them, and it follows all others. */
static int32_t on_connect(void *self, toni_client *client)
{
    struct gateway *gateway = self;
    struct board *board = &gateway->board;
    const toni_client_id id = toni_client_id_of(client);
    const toni_str room = toni_str_of(toni_client_name(client));
    json_t *all = json_array();
    int32_t result = board->count == MOST ? TONI_ERR_LIMIT
                                          : toni_members_join(gateway->connections, BOARD, room);
    for (size_t i = 0; i < board->count && result >= 0; i++) {
        const toni_name name = toni_client_id_name(gateway->connections, board->cursors[i].id);
        result = toni_join_room(gateway->connections, id, toni_str_of(name.text));
        if (board->cursors[i].has_moved)
            json_array_append_new(all, describe(gateway, &board->cursors[i]));
    }
    if (result >= 0)
        result = toni_join_room(gateway->connections, id, BOARD);
    if (result == TONI_OK)
        result = toni_events_send(gateway->events, id, "cursor.all", json_incref(all));
    json_decref(all);
    if (result == TONI_OK)
        board->cursors[board->count++] = (struct cursor){.id = id};
    else
        (void)toni_members_leave(gateway->connections, room);
    return result;
}

static void on_disconnect(void *self, toni_client *client, const toni_disconnect_info *info)
{
    struct gateway *gateway = self;
    const toni_str room = toni_str_of(toni_client_name(client));
    struct cursor *cursor = find(&gateway->board, toni_client_id_of(client));
    if (cursor)
        *cursor = gateway->board.cursors[--gateway->board.count];
    (void)toni_events_send_to_room(gateway->events, room, "cursor.gone",
                                   json_pack("{s:s}", "id", toni_client_name(client)));
    (void)toni_members_leave(gateway->connections, room); /* what was sent before still comes */
    toni_events_on_disconnect(self, client, info);
}

static int32_t export_state(void *self, toni_state_writer *writer)
{
    return toni_state_write(writer, &((struct gateway *)self)->board, sizeof(struct board));
}

static int32_t import_state(void *self, const toni_state *state)
{
    struct board *board = &((struct gateway *)self)->board;
    if (state->version != 1 || state->bytes.size != sizeof *board)
        return TONI_ERR_INVALID;
    memcpy(board, state->bytes.data, sizeof *board);
    return board->count <= MOST ? TONI_OK : TONI_ERR_INVALID;
}

static const toni_event_member moved[] = {
    {"x", TONI_EVENT_INTEGER, 1, 0, 1000, NULL}, {"y", TONI_EVENT_INTEGER, 1, 0, 1000, NULL}, {0}};
static const toni_event_handler handlers[] = {
    {.name = "cursor.move", .handle = move, .members = moved}, TONI_EVENT_TOKEN, {0}};

static int32_t create(toni_context *context, void **self)
{
    struct gateway *gateway = *self = calloc(1, sizeof *gateway);
    const toni_events_setup setup = {.handlers = handlers};
    if (!gateway)
        return TONI_ERR_NO_MEMORY;
    gateway->connections = toni_context_connections(context);
    const int32_t result = toni_events_create(context, gateway, &setup, &gateway->events);
    if (result != TONI_OK)
        free(gateway);
    return result;
}

static void destroy(void *self)
{
    toni_events_destroy(((struct gateway *)self)->events);
    free(self);
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("cursors"), .path = TONI_LIT("/cursors"),
            .needs = TONI_NEEDS(TONI_REQUIRES_CONNECTIONS), .create = create, .destroy = destroy,
            .on_connect = on_connect, .on_message = toni_events_on_message,
            .on_disconnect = on_disconnect, .events = TONI_EVENTS(handlers), .state_version = 1,
            .export_state = export_state, .import_state = import_state);
