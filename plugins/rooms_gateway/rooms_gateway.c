/* Rooms: `join:R`, `leave:R`, and `msg:R:TEXT` for all members of R. No state, so concurrent.
 * Sends go unchecked: a client that can't be answered is full or closing, the host's to handle. */
#include <toni/toni.h>

static int32_t create(toni_context *context, void **self)
{
    *self = toni_context_connections(context);
    return TONI_OK;
}

static int32_t on_connect(void *self, toni_client *client)
{
    (void)self;
    return toni_client_send_text(client, TONI_LIT("Connected. Send 'join:<room>' to join a room."));
}

/* Tells the client why something was not done. Returns whether it was. */
static int done(toni_client *client, int32_t result)
{
    if (result == TONI_ERR_INVALID)
        toni_client_sendf(client, "A room's name is 1 to 255 bytes, no control characters");
    else if (result < 0)
        toni_client_sendf(client, "No access to the room: %s", toni_strerror(result));
    return result >= 0;
}

static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    toni_client_id id = toni_client_id_of(client);
    toni_str text, room, name = toni_str_of(toni_client_name(client));
    if (!toni_message_as_text(message, &text))
        return TONI_OK;
    if (toni_str_strip_prefix(text, TONI_LIT("join:"), &room)) {
        if (done(client, toni_join_room(self, id, room))) {
            toni_client_sendf(client, "Joined room: %.*s", TONI_STR_ARG(room));
            toni_broadcast_to_roomf(self, room, "%s joined", name.data);
        }
    } else if (toni_str_strip_prefix(text, TONI_LIT("leave:"), &room)) {
        if (done(client, toni_leave_room(self, id, room)))
            toni_client_sendf(client, "Left room: %.*s", TONI_STR_ARG(room));
    } else if (toni_str_strip_prefix(text, TONI_LIT("msg:"), &text) &&
               toni_str_split_once(text, ':', &room, &text)) {
        done(client, toni_broadcast_from_parts(client, room,
                                               TONI_PARTS(TONI_LIT("["), room, TONI_LIT("] "), name,
                                                          TONI_LIT(": "), text)));
    }
    return TONI_OK;
}

static void on_disconnect(void *self, toni_client *client, const toni_disconnect_info *info)
{
    (void)info;
    toni_remove_client(self, toni_client_id_of(client));
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("rooms"), .path = TONI_LIT("/rooms"),
            .flags = TONI_CONCURRENT, .needs = TONI_NEEDS(TONI_REQUIRES_CONNECTIONS),
            .create = create, .on_connect = on_connect, .on_message = on_message,
            .on_disconnect = on_disconnect, );
