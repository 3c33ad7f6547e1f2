/* A chat room as many write it: who sends a message does not get it back. For scripts/bench, to
 * hold against rooms_gateway; speaks as that does: `join:R`, and `msg:R:TEXT`. */
#include <toni/toni.h>

static int32_t create(toni_context *context, void **self)
{
    *self = toni_context_connections(context);
    return TONI_OK;
}

static int32_t send_to_others(void *self, toni_client *client, toni_str room, toni_str text)
{
    toni_message message = toni_text(text);
    toni_target *target = toni_to_room(self, room);
    toni_target_except(target, toni_client_id_of(client));
    int32_t sent = toni_target_send(target, &message);
    return sent < 0 ? sent : TONI_OK;
}

static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    toni_str text, room;
    if (!toni_message_as_text(message, &text))
        return TONI_OK;
    if (toni_str_strip_prefix(text, "join:", &room))
        return toni_join_room(self, toni_client_id_of(client), room);
    if (toni_str_strip_prefix(text, "msg:", &text) && toni_str_split_once(text, ':', &room, &text))
        return send_to_others(self, client, room, text);
    return TONI_OK;
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_STR("others"), .path = TONI_STR("/others"),
            .flags = TONI_CONCURRENT, .needs = TONI_NEEDS(TONI_CONNECTIONS), .create = create,
            .on_message = on_message);
