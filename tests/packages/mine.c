/* What a newcomer writes: a gateway that answers with what it was sent, and says whose it is. */
#include <toni/toni.h>

static int32_t create(toni_context *context, void **self)
{
    (void)context, (void)self;
    return TONI_OK;
}

static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    (void)self;
    return toni_client_sendf(client, "mine: %.*s", (int)message->body.size, message->body.data);
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("mine"), .path = TONI_LIT("/mine"),
            .create = create, .on_message = on_message);
