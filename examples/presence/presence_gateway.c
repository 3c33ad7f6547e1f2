/* Presence: who is here. A user with several connections is one user.
 *
 *   ws://…/presence?user=ann
 *   ← {"event":"presence.list","data":{"ann":2,"bob":1}}  on entry: all, with their connections
 *   ← {"event":"presence.joined","data":"carl"}           by the first connection of a user
 *   ← {"event":"presence.left","data":"carl"}             by the end of the last one
 *
 * By the query anybody is who they say. Where a guard knows (jwt_guard.so), its word counts. The
 * connections are counted here, and the counts go along over a swap: the members of a room would
 * not do, since of two that end at once each may find the other gone. */
#include <toni/events.h>

#define ROOM TONI_LIT("presence")

enum { NAME_MOST = 256, REPAIR_MS = 1000 };

struct presence {
    toni_events *events; /* first: for toni_events_on_message */
    toni_context *context;
    toni_connections *connections;
    size_t most;
    json_t *users; /* by name: how many connections the user has */
};

/* @return Valid until the callback returns, and in every callback the same; empty: nobody says. */
static toni_str user_of(const toni_client *client)
{
    toni_str user = toni_client_subject(client);
    if (user.size == 0)
        (void)toni_request_parameter(toni_client_request(client), TONI_LIT("user"), &user);
    return user;
}

/* @return How many connections the user has now; below 0: there was none to take out, the name is
 * not UTF-8, or there is no memory. */
static json_int_t count(struct presence *presence, toni_str user, json_int_t more)
{
    json_t *known = json_object_getn(presence->users, user.data, user.size);
    const json_int_t connections = json_integer_value(known) + more;
    if (known)
        json_integer_set(known, connections);
    else if (more < 0 ||
             json_object_setn_new(presence->users, user.data, user.size, json_integer(more)))
        return -1;
    if (connections == 0)
        json_object_deln(presence->users, user.data, user.size);
    return connections;
}

/* A room can be busy (TONI_ERR_BUSY), and who missed a change shows what is wrong: all are told
 * all. */
static void repair(void *self, void *data)
{
    struct presence *presence = self;
    (void)data;
    if (toni_events_send_to_room(presence->events, ROOM, "presence.list",
                                 json_incref(presence->users)) < 0)
        (void)toni_after(presence->context, REPAIR_MS, repair, NULL, NULL);
}

static void tell(struct presence *presence, const toni_client *client, const char *event)
{
    const toni_str user = user_of(client);
    json_t *name = json_stringn(user.data, user.size);
    toni_target *others = toni_to_room(presence->connections, ROOM);
    toni_target_except(others, toni_client_id_of(client));
    if (toni_events_send_to_target(presence->events, others, event, name) < 0)
        (void)toni_after(presence->context, REPAIR_MS, repair, NULL, NULL);
}

static int32_t on_connect(void *self, toni_client *client)
{
    struct presence *presence = self;
    const toni_client_id id = toni_client_id_of(client);
    const toni_str user = user_of(client);
    const int is_name = user.size > 0 && user.size <= NAME_MOST && !memchr(user.data, 0, user.size);
    const json_int_t connections = is_name ? count(presence, user, 1) : -1;
    if (connections < 0) {
        toni_client_close(client, 1008, TONI_LIT("say who you are: ?user=NAME, up to 256 bytes"));
        return TONI_ERR_INVALID;
    }
    int32_t result = json_object_size(presence->users) > presence->most ? TONI_ERR_LIMIT : TONI_OK;
    if (result == TONI_OK)
        result = toni_join_room(presence->connections, id, ROOM);
    if (result == TONI_OK)
        result =
            toni_events_send(presence->events, id, "presence.list", json_incref(presence->users));
    if (result != TONI_OK)
        count(presence, user, -1); /* it is refused, and there will be no on_disconnect */
    else if (connections == 1)
        tell(presence, client, "presence.joined");
    return result;
}

static void on_disconnect(void *self, toni_client *client, const toni_disconnect_info *info)
{
    if (count(self, user_of(client), -1) == 0)
        tell(self, client, "presence.left");
    toni_events_on_disconnect(self, client, info);
}

static int32_t export_state(void *self, toni_state_writer *writer)
{
    char *text = json_dumps(((struct presence *)self)->users, JSON_COMPACT);
    int32_t result = text ? toni_state_write(writer, text, strlen(text)) : TONI_ERR_NO_MEMORY;
    free(text);
    return result;
}

static int32_t import_state(void *self, const toni_state *state)
{
    struct presence *presence = self;
    json_t *users = json_loadb(state->bytes.data, state->bytes.size, 0, NULL);
    const int is_good = state->version == 1 && json_object_update(presence->users, users) == 0;
    json_decref(users);
    return is_good ? TONI_OK : TONI_ERR_INVALID;
}

static void destroy(void *self)
{
    struct presence *presence = self;
    toni_events_destroy(presence->events);
    json_decref(presence->users);
    free(presence);
}

static const toni_event_handler handlers[] = {TONI_EVENT_TOKEN, {0}};

static int32_t create(toni_context *context, void **self)
{
    struct presence *presence = *self = calloc(1, sizeof *presence);
    const toni_events_setup setup = {.handlers = handlers};
    if (!presence)
        return TONI_ERR_NO_MEMORY;
    presence->context = context;
    presence->connections = toni_context_connections(context);
    presence->most = (size_t)toni_option_int(context, TONI_LIT("most"));
    presence->users = json_object(); /* without memory for it nobody is let in */
    int32_t result = toni_events_create(context, presence, &setup, &presence->events);
    if (result != TONI_OK)
        destroy(presence);
    return result;
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("presence"), .path = TONI_LIT("/presence"),
            .needs = TONI_NEEDS(TONI_REQUIRES_CONNECTIONS),
            .options = TONI_OPTIONS(TONI_OPTION_INT("most", 1, 10000, 1000, "users at a time")),
            .create = create, .destroy = destroy, .on_connect = on_connect,
            .on_message = toni_events_on_message, .on_disconnect = on_disconnect,
            .state_version = 1, .export_state = export_state, .import_state = import_state);
