/* For scripts/bench: a room whose members are not told of each other, so that a crowd can join it.
 * `join:R`; `msg:R:TEXT` as many chats have it, for all but the sender; `all:R:TEXT` for the sender
 * too, to hold against that. */
#include <toni/toni.h>

static int32_t create(toni_context *context, void **self)
{
    *self = toni_context_connections(context);
    return TONI_OK;
}

static int32_t send_to_room(void *self, toni_str room, toni_str text, toni_client *except)
{
    toni_message message = toni_text(text);
    toni_target *target = toni_to_room(self, room);
    if (except)
        toni_target_except(target, toni_client_id_of(except));
    int32_t sent = toni_target_send(target, &message);
    return sent < 0 ? sent : TONI_OK;
}

static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    toni_str text, rest, room;
    if (!toni_message_as_text(message, &text))
        return TONI_OK;
    if (toni_str_strip_prefix(text, TONI_LIT("join:"), &room))
        return toni_join_room(self, toni_client_id_of(client), room);
    if (toni_str_strip_prefix(text, TONI_LIT("msg:"), &rest) &&
        toni_str_split_once(rest, ':', &room, &text))
        return send_to_room(self, room, text, client);
    if (toni_str_strip_prefix(text, TONI_LIT("all:"), &rest) &&
        toni_str_split_once(rest, ':', &room, &text))
        return send_to_room(self, room, text, NULL);
    return TONI_OK;
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("others"), .path = TONI_LIT("/others"),
            .flags = TONI_CONCURRENT, .needs = TONI_NEEDS(TONI_REQUIRES_CONNECTIONS),
            .create = create, .on_message = on_message);
