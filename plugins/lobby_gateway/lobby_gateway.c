/* Lobby: where players wait for a game to begin, with events by name (toni/events.h).
 *
 *   lobby.create {name, max_players}   makes one and joins it, as its host
 *   lobby.join {name}                  all of its players hear lobby.changed
 *   lobby.leave                        so does the end of a connection; the host moves on
 *   lobby.kick {player}                by the host; the player hears lobby.kicked
 *   lobby.start                        by the host: lobby.countdown 3, 2, 1, then lobby.started
 *
 * Lobbies and countdowns outlive a swap. Their rooms have their names: see `namespace`. */
#include <toni/events.h>

enum { LOBBIES = 256, PLAYERS = 16, NAME_SIZE = 33, COUNTDOWN = 3 };

struct lobby {
    char name[NAME_SIZE];            /* empty: it is free */
    json_int_t max_players, seconds; /* until the game begins; 0: it doesn't */
    int64_t timer;
    size_t count;
    toni_client_id players[PLAYERS]; /* in the order in which they came: the first is the host */
};

struct gateway {
    toni_events *events; /* first: for toni_events_on_message */
    toni_context *context;
    toni_connections *connections;
    struct lobby lobbies[LOBBIES];
};

static struct lobby *find(struct gateway *gateway, const char *name)
{
    for (size_t i = 0; i < LOBBIES; i++) {
        if (strcmp(gateway->lobbies[i].name, name) == 0)
            return &gateway->lobbies[i];
    }
    return NULL;
}

/* @param place  Set to where in the lobby: 0 is its host. */
static struct lobby *lobby_of(struct gateway *gateway, toni_client_id player, size_t *place)
{
    for (size_t i = 0; i < LOBBIES; i++) {
        struct lobby *lobby = &gateway->lobbies[i];
        for (*place = 0; *place < lobby->count; ++*place) {
            if (lobby->players[*place] == player)
                return lobby;
        }
    }
    return NULL;
}

static json_t *describe(const struct gateway *gateway, const struct lobby *lobby)
{
    json_t *players = json_array();
    for (size_t i = 0; i < lobby->count; i++) {
        toni_name name = toni_client_id_name(gateway->context, lobby->players[i]);
        json_array_append_new(players, json_string(name.text));
    }
    return json_pack("{s:s, s:I, s:I, s:o}", "name", lobby->name, "max_players", lobby->max_players,
                     "seconds", lobby->seconds, "players", players);
}

static void tell(struct gateway *gateway, struct lobby *lobby, const char *event)
{
    (void)toni_events_send_to_room(gateway->events, toni_str_of(lobby->name), event,
                                   describe(gateway, lobby));
}

static void count_down(void *self, void *data);

static void set_countdown(struct gateway *gateway, struct lobby *lobby, json_int_t seconds)
{
    if (lobby->timer > 0)
        (void)toni_cancel_timer(gateway->context, lobby->timer);
    lobby->timer = seconds > 0 ? toni_after(gateway->context, 1000, count_down, lobby, NULL) : 0;
    lobby->seconds = lobby->timer > 0 ? seconds : 0; /* with too many tasks it begins now */
}

static void count_down(void *self, void *data)
{
    struct lobby *lobby = data;
    set_countdown(self, lobby, lobby->seconds - 1);
    tell(self, lobby, lobby->seconds > 0 ? "lobby.countdown" : "lobby.started");
}

static int32_t refuse(const toni_event *event, const char *why)
{
    return toni_call_fail(event->call, TONI_EVENT_CONFLICT, "%s", why);
}

static int32_t add(struct gateway *gateway, struct lobby *lobby, const toni_event *event)
{
    size_t place;
    toni_client_id id = toni_client_id_of(event->client);
    if (lobby_of(gateway, id, &place))
        return refuse(event, "you are in a lobby: leave it first");
    if ((json_int_t)lobby->count == lobby->max_players)
        return refuse(event, "the lobby is full");
    int32_t result = toni_join_room(gateway->connections, id, toni_str_of(lobby->name));
    if (result != TONI_OK)
        return result;
    lobby->players[lobby->count++] = id;
    tell(gateway, lobby, "lobby.changed");
    return toni_call_answer(event->call, describe(gateway, lobby));
}

/* The next becomes the host; a game that has too few players left does not begin. */
static void take_out(struct gateway *gateway, struct lobby *lobby, size_t place)
{
    toni_client_id *out = &lobby->players[place];
    (void)toni_leave_room(gateway->connections, *out, toni_str_of(lobby->name));
    memmove(out, out + 1, (--lobby->count - place) * sizeof *out);
    if (lobby->count < 2)
        set_countdown(gateway, lobby, 0);
    tell(gateway, lobby, "lobby.changed");
    if (lobby->count == 0)
        lobby->name[0] = '\0';
}

static int32_t create_lobby(void *self, const toni_event *event)
{
    struct lobby *lobby = find(self, "");
    const char *name = json_string_value(json_object_get(event->data, "name"));
    if (find(self, name))
        return refuse(event, "there is a lobby of that name");
    if (!lobby)
        return refuse(event, "there are too many lobbies");
    lobby->max_players = json_integer_value(json_object_get(event->data, "max_players"));
    (void)snprintf(lobby->name, sizeof lobby->name, "%s", name);
    int32_t result = add(self, lobby, event);
    if (lobby->count == 0)
        lobby->name[0] = '\0'; /* nobody has come in */
    return result;
}

static int32_t join_lobby(void *self, const toni_event *event)
{
    struct lobby *lobby = find(self, json_string_value(json_object_get(event->data, "name")));
    return lobby ? add(self, lobby, event) : TONI_ERR_NOT_FOUND;
}

static int32_t leave(struct gateway *gateway, toni_client_id player)
{
    size_t place;
    struct lobby *lobby = lobby_of(gateway, player, &place);
    if (lobby)
        take_out(gateway, lobby, place);
    return lobby ? TONI_OK : TONI_ERR_NOT_FOUND;
}

static int32_t leave_lobby(void *self, const toni_event *event)
{
    return leave(self, toni_client_id_of(event->client));
}

static int32_t kick(void *self, const toni_event *event)
{
    struct gateway *gateway = self;
    size_t place;
    struct lobby *lobby = lobby_of(self, toni_client_id_of(event->client), &place);
    const char *wanted = json_string_value(json_object_get(event->data, "player"));
    if (!lobby || place > 0)
        return TONI_ERR_FORBIDDEN;
    while (++place < lobby->count) {
        toni_client_id player = lobby->players[place];
        if (strcmp(toni_client_id_name(gateway->context, player).text, wanted) != 0)
            continue;
        (void)toni_events_send(gateway->events, player, "lobby.kicked", json_string(lobby->name));
        return leave(gateway, player);
    }
    return TONI_ERR_NOT_FOUND;
}

static int32_t start_game(void *self, const toni_event *event)
{
    size_t place;
    struct lobby *lobby = lobby_of(self, toni_client_id_of(event->client), &place);
    if (!lobby || place > 0)
        return TONI_ERR_FORBIDDEN;
    if (lobby->count < 2 || lobby->seconds > 0)
        return refuse(event, lobby->count < 2 ? "you are alone" : "it is starting already");
    lobby->seconds = COUNTDOWN + 1;
    count_down(self, lobby);
    return TONI_OK;
}

static const toni_event_member kicked[] = {{"player", TONI_EVENT_STRING, 1, 0, 0, NULL}, {0}};
static const toni_event_member created[] = {
    {"max_players", TONI_EVENT_INTEGER, 1, 2, PLAYERS, NULL},
    {"name", TONI_EVENT_STRING, 1, 1, NAME_SIZE - 1, NULL},
    {0}};
static const toni_event_handler handlers[] = {
    {.name = "lobby.create", .handle = create_lobby, .members = created},
    {.name = "lobby.join", .handle = join_lobby, .members = created + 1},
    {.name = "lobby.leave", .handle = leave_lobby},
    {.name = "lobby.kick", .handle = kick, .members = kicked},
    {.name = "lobby.start", .handle = start_game},
    TONI_EVENT_TOKEN, /* where a guard lets in by tokens */
    {0}};

static int32_t create(toni_context *context, void **self)
{
    struct gateway *gateway = *self = calloc(1, sizeof *gateway);
    if (!gateway)
        return TONI_ERR_NO_MEMORY;
    gateway->context = context;
    gateway->connections = toni_context_connections(context);
    const toni_events_setup setup = {.handlers = handlers};
    int32_t result = toni_events_create(context, gateway, &setup, &gateway->events);
    if (result != TONI_OK)
        free(gateway);
    return result;
}

static void destroy(void *self)
{
    toni_events_destroy(((struct gateway *)self)->events);
    free(self);
}

static void on_disconnect(void *self, toni_client *client, const toni_disconnect_info *info)
{
    leave(self, toni_client_id_of(client));
    toni_events_on_disconnect(self, client, info);
}

/* Each lobby as it lies in memory; the timers are made anew. */
static int32_t export_state(void *self, toni_state_writer *writer)
{
    return toni_state_write(writer, ((struct gateway *)self)->lobbies,
                            sizeof(struct lobby[LOBBIES]));
}

static int32_t import_state(void *self, const toni_state *state)
{
    struct gateway *gateway = self;
    if (state->version != 1 || state->bytes.size != sizeof gateway->lobbies)
        return TONI_ERR_INVALID;
    memcpy(gateway->lobbies, state->bytes.data, sizeof gateway->lobbies);
    for (struct lobby *lobby = gateway->lobbies; lobby < gateway->lobbies + LOBBIES; lobby++) {
        lobby->timer = 0; /* it was the old version's */
        set_countdown(gateway, lobby, lobby->seconds);
    }
    return TONI_OK;
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("lobby"), .path = TONI_LIT("/lobby"),
            .needs = TONI_NEEDS(TONI_REQUIRES_CONNECTIONS), .create = create, .destroy = destroy,
            .on_message = toni_events_on_message, .on_disconnect = on_disconnect,
            .events = TONI_EVENTS(handlers), .state_version = 1, .export_state = export_state,
            .import_state = import_state, );
