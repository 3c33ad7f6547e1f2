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

/* What the errors say of themselves is said of clients, and here it is about a token. */
static int32_t refuse(toni_call call, int32_t result)
{
    switch (result) {
    case TONI_ERR_UNAUTHORIZED:
        return toni_call_fail(
            call, TONI_EVENT_UNAUTHORIZED,
            "the token is refused: it is malformed, has ended, is revoked, or was "
            "not made for this host; the one before is still good");
    case TONI_ERR_FORBIDDEN:
        return toni_call_fail(call, TONI_EVENT_FORBIDDEN,
                              "the token is refused: it is another subject's; the one before is "
                              "still good");
    case TONI_ERR_NOT_FOUND:
        return toni_call_fail(call, TONI_EVENT_NOT_FOUND,
                              "no guard takes another token of this client");
    default:
        return result;
    }
}

int32_t toni_events_token(void *self, const toni_event *event)
{
    const json_t *token = json_object_get(event->data, "token");
    (void)self;
    const int32_t result = toni_client_refresh(
        event->client, toni_str_make(json_string_value(token), json_string_length(token)));
    if (result != TONI_OK)
        return refuse(event->call, result);
    return toni_call_answer(event->call, json_pack("{s:o}", "expires", expiry_of(event->client)));
}
