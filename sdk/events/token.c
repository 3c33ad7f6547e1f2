/* The built-in event that takes another token of the client's. */
#include <toni/events.h>

#include <toni/identity.h>

const toni_event_member toni_events_token_members[] = {
    {"token", TONI_EVENT_STRING, 1, 1, 65536, NULL}, {0}};

static json_t *expiry_of(const toni_client *client)
{
    toni_identity identity = {.struct_size = sizeof identity};
    if (toni_client_identity(client, &identity) != TONI_OK || identity.expires_s == 0)
        return json_null();
    return json_integer(identity.expires_s);
}

int32_t toni_events_token(void *self, const toni_event *event)
{
    const json_t *token = json_object_get(event->data, "token");
    (void)self;
    const int32_t result = toni_client_refresh(
        event->client, toni_str_make(json_string_value(token), json_string_length(token)));
    if (result != TONI_OK)
        return result;
    return toni_call_answer(event->call, json_pack("{s:o}", "expires", expiry_of(event->client)));
}
