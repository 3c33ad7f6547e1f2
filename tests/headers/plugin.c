/* All that a plugin's author writes in C11. TABLE, NAME: what stands in their places. */
#include <toni-plugins/chat.h>
#include <toni/toni.h>

#ifndef TABLE
#define TABLE table
#endif
#ifndef NAME
#define NAME "headers"
#endif

struct another_table {
    uint32_t struct_size;
};

static int32_t send_to_channel(void *self, toni_str channel, toni_str sender, toni_str message)
{
    return toni_broadcast_to_room_parts(
        self, channel, TONI_PARTS(TONI_LIT("["), channel, TONI_LIT("] "), sender, message));
}

static const struct chat_table table = {.struct_size = sizeof table,
                                        .send_to_channel = send_to_channel};
extern const struct another_table wrong;
extern const char *const variable;

static const toni_str greeting = TONI_LIT_INIT("hello");

static int32_t create(toni_context *context, void **self)
{
    *self = toni_context_connections(context);
    return chat_send_to_channel(chat_inject(context), TONI_LIT("news"), greeting, TONI_LIT(""));
}

static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    toni_target *target = toni_to_room(self, TONI_LIT("room"));
    toni_target_except(target, toni_client_id_of(client));
    (void)toni_target_send(target, message);
    return toni_client_close(client, 4000, TONI_LIT("done"));
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT(NAME), .path = TONI_LIT("/headers"),
            .needs = TONI_NEEDS(TONI_REQUIRES_CONNECTIONS, TONI_REQUIRES(chat), TONI_USES(chat)),
            .subprotocols = TONI_LIST(TONI_ITEM("v2"), TONI_ITEM("v1")),
            .provides = TONI_OFFERS(chat, &TABLE), .create = create, .on_message = on_message, );
