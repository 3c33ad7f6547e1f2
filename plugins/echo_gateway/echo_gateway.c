/* Echo: every message goes back to its client as it came, text as text, binary as binary. It has no
 * state, so its callbacks may run at the same time. */
#include <toni/toni.h>

static int32_t create(toni_context *context, void **self)
{
    (void)context, (void)self;
    return TONI_OK;
}

/* A client that reads too slowly to be answered is full or closing, which is the host's to handle:
 * it is no fault of the gateway's. */
static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    (void)self;
    toni_client_send(client, message);
    return TONI_OK;
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("echo"), .path = TONI_LIT("/echo"),
            .flags = TONI_CONCURRENT, .create = create, .on_message = on_message);
