/* For scripts/bench: events by name, to hold against the same without. `join {room}`;
 * `say {room, text}` to the room; `echo {text}`, which is answered. Messages that are no events,
 * for the raw half: `join:R`; `all:R:TEXT` to the room; `own:TEXT`, which is sent back. */
#include <toni/events.h>

struct gateway {
    toni_events *events;
    toni_connections *connections;
};

static toni_str text_of(const toni_event *event, const char *name)
{
    const json_t *text = json_object_get(event->data, name);
    return toni_str_make(json_string_value(text), json_string_length(text));
}

static int32_t join(void *self, const toni_event *event)
{
    const struct gateway *gateway = self;
    return toni_join_room(gateway->connections, toni_client_id_of(event->client),
                          text_of(event, "room"));
}

static int32_t say(void *self, const toni_event *event)
{
    const struct gateway *gateway = self;
    const int32_t sent =
        toni_events_send_to_room(gateway->events, text_of(event, "room"), "said",
                                 json_incref(json_object_get(event->data, "text")));
    return sent < 0 ? sent : TONI_OK;
}

static int32_t echo(void *self, const toni_event *event)
{
    (void)self;
    return toni_call_answer(event->call, json_incref(json_object_get(event->data, "text")));
}

#define ROOM                                                                                       \
    {                                                                                              \
        "room", TONI_EVENT_STRING, .is_required = 1, .least = 1, .most = 255                       \
    }
#define TEXT                                                                                       \
    {                                                                                              \
        "text", TONI_EVENT_STRING, .is_required = 1, .least = 1, .most = 2000000                   \
    }

static const toni_event_member join_members[] = {ROOM, {0}};
static const toni_event_member say_members[] = {ROOM, TEXT, {0}};
static const toni_event_member echo_members[] = {TEXT, {0}};
static const toni_event_handler handlers[] = {
    {.name = "join", .handle = join, .members = join_members},
    {.name = "say", .handle = say, .members = say_members},
    {.name = "echo", .handle = echo, .members = echo_members},
    {0}};

static int32_t create(toni_context *context, void **self)
{
    struct gateway *gateway = calloc(1, sizeof *gateway);
    if (!gateway)
        return TONI_ERR_NO_MEMORY;
    gateway->connections = toni_context_connections(context);
    const toni_events_setup setup = {.handlers = handlers};
    const int32_t result = toni_events_create(context, gateway, &setup, &gateway->events);
    if (result != TONI_OK)
        free(gateway);
    *self = gateway;
    return result;
}

static void destroy(void *self)
{
    toni_events_destroy(((struct gateway *)self)->events);
    free(self);
}

/* @return TONI_LATER: it is none of the raw ones. */
static int32_t handle_raw(const struct gateway *gateway, toni_client *client, toni_str text)
{
    toni_str rest, room;
    if (toni_str_strip_prefix(text, TONI_LIT("own:"), &rest))
        return toni_client_send_text(client, rest);
    if (toni_str_strip_prefix(text, TONI_LIT("join:"), &room))
        return toni_join_room(gateway->connections, toni_client_id_of(client), room);
    if (toni_str_strip_prefix(text, TONI_LIT("all:"), &rest) &&
        toni_str_split_once(rest, ':', &room, &text))
        return toni_broadcast_to_room_text(gateway->connections, room, text);
    return TONI_LATER;
}

static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    toni_str text;
    const int32_t raw = toni_message_as_text(message, &text)
                            ? handle_raw((struct gateway *)self, client, text)
                            : TONI_LATER;
    return raw == TONI_LATER ? toni_events_on_message(self, client, message)
                             : (raw < 0 ? raw : TONI_OK);
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("events"), .path = TONI_LIT("/events"),
            .flags = TONI_CONCURRENT, .needs = TONI_NEEDS(TONI_REQUIRES_CONNECTIONS),
            .create = create, .destroy = destroy, .on_message = on_message,
            .on_disconnect = toni_events_on_disconnect);
