/* @name@: greets each client, and sends what one says to all. */
#include <toni/toni.h>

/* What the callbacks get as `self`. */
struct gateway {
    toni_connections *connections;
    toni_str greeting; /* of gateways.conf, which outlives this */
};

static int32_t create(toni_context *context, void **self)
{
    struct gateway *gateway = malloc(sizeof *gateway);
    if (!gateway)
        return TONI_ERR_NO_MEMORY;
    gateway->connections = toni_context_connections(context);
    gateway->greeting = toni_option_str(context, TONI_LIT("greeting"));
    *self = gateway;
    return TONI_OK;
}

static void destroy(void *self)
{
    free(self);
}

static int32_t on_connect(void *self, toni_client *client)
{
    const struct gateway *gateway = self;
    return toni_client_send_text(client, gateway->greeting);
}

static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    const struct gateway *gateway = self;
    (void)client;
    return toni_target_send(toni_to_all(gateway->connections), message);
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("@name@"), .path = TONI_LIT("/@name@"),
            .needs = TONI_NEEDS(TONI_REQUIRES_CONNECTIONS),
            .options = TONI_OPTIONS(TONI_OPTION_STR("greeting", "Hello", "what a client is sent")),
            .create = create, .destroy = destroy, .on_connect = on_connect,
            .on_message = on_message, );
