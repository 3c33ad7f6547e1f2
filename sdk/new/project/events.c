/* @name@: greets each client, and sends what one says to all; with events by name. */
#include <toni/events.h>

/* What the callbacks get as `self`. */
struct gateway {
    toni_events *events; /* first: for toni_events_on_message */
    toni_connections *connections;
    toni_str greeting; /* of gateways.conf, which outlives this */
};

/* → {"event":"@name@.say","id":1,"data":{"text":"hi"}}
 * ← {"event":"@name@.said","data":{"text":"hi"}}, to all
 * ← {"id":1,"data":{"heard":2}} */
static int32_t say(void *self, const toni_event *event)
{
    const struct gateway *gateway = self;
    const int32_t heard = toni_events_send_to_target(
        gateway->events, toni_to_all(gateway->connections), "@name@.said",
        json_pack("{s:O}", "text", json_object_get(event->data, "text")));
    return heard < 0 ? heard : toni_call_answer(event->call, json_pack("{s:i}", "heard", heard));
}

static const toni_event_member say_members[] = {
    {"text", TONI_EVENT_STRING, .is_required = 1, .least = 1, .most = 1000}, {0}};
static const toni_event_handler handlers[] = {
    {.name = "@name@.say", .handle = say, .members = say_members}, {0}};

static int32_t create(toni_context *context, void **self)
{
    struct gateway *gateway = calloc(1, sizeof *gateway);
    if (!gateway)
        return TONI_ERR_NO_MEMORY;
    gateway->connections = toni_context_connections(context);
    gateway->greeting = toni_option_str(context, TONI_LIT("greeting"));
    const toni_events_setup setup = {.handlers = handlers};
    const int32_t result = toni_events_create(context, gateway, &setup, &gateway->events);
    if (result != TONI_OK)
        free(gateway);
    else
        *self = gateway;
    return result;
}

static void destroy(void *self)
{
    toni_events_destroy(((struct gateway *)self)->events);
    free(self);
}

/* ← {"event":"@name@.greeting","data":{"text":"Hello"}} */
static int32_t on_connect(void *self, toni_client *client)
{
    const struct gateway *gateway = self;
    const toni_str text = gateway->greeting;
    return toni_events_send(gateway->events, toni_client_id_of(client), "@name@.greeting",
                            json_pack("{s:s%}", "text", text.data, text.size));
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("@name@"), .path = TONI_LIT("/@name@"),
            .needs = TONI_NEEDS(TONI_REQUIRES_CONNECTIONS),
            .options = TONI_OPTIONS(TONI_OPTION_STR("greeting", "Hello", "what a client is sent")),
            .create = create, .destroy = destroy, .on_connect = on_connect,
            .on_message = toni_events_on_message, .on_disconnect = toni_events_on_disconnect,
            .events = TONI_EVENTS(handlers), );
