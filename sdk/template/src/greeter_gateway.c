/* Greeter: asks each client for its name, greets it, and knows it from then on. The options stand
 * in its descriptor, at the end: `toni describe` shows them. */
#include <toni/toni.h>

/* One instance: what its callbacks get as `self`. */
struct greeter {
    toni_str greeting; /* of the configuration, which outlives the instance */
    int64_t longest_name;
};

/* What is kept with a client once it has said its name. */
struct guest {
    size_t size;
    char name[];
};

static int32_t create(toni_context *context, void **self)
{
    struct greeter *greeter = malloc(sizeof *greeter);
    if (!greeter)
        return TONI_ERR_NO_MEMORY;
    greeter->greeting = toni_option_str(context, TONI_LIT("greeting"));
    greeter->longest_name = toni_option_int(context, TONI_LIT("longest_name"));
    *self = greeter;
    return TONI_OK;
}

static void destroy(void *self)
{
    free(self);
}

static int32_t on_connect(void *self, toni_client *client)
{
    (void)self;
    return toni_client_send_text(client, TONI_LIT("What is your name?"));
}

/* The client's data is NULL until it is set here; the host hands it to client_free at the end. */
static int32_t welcome(const struct greeter *greeter, toni_client *client, toni_str name)
{
    if (name.size == 0 || (int64_t)name.size > greeter->longest_name)
        return toni_client_sendf(client, "A name has 1 to %lld bytes. What is yours?",
                                 (long long)greeter->longest_name);
    struct guest *guest = malloc(sizeof *guest + name.size);
    if (!guest)
        return TONI_ERR_NO_MEMORY;
    guest->size = name.size;
    memcpy(guest->name, name.data, name.size); /* a message is gone when its callback returns */
    toni_client_set_data(client, guest);
    return toni_client_send_parts(
        client, TONI_PARTS(greeter->greeting, TONI_LIT(", "), name, TONI_LIT("!")));
}

static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    const struct guest *guest = toni_client_data(client);
    toni_str text;
    if (!toni_message_as_text(message, &text))
        return TONI_OK;
    if (!guest)
        return welcome(self, client, text);
    toni_str name = toni_str_make(guest->name, guest->size);
    return toni_client_send_parts(
        client, TONI_PARTS(TONI_LIT("You are "), name, TONI_LIT(", and say: "), text));
}

/* Another version has taken over, with its clients; what the old one kept with them is gone. */
static int32_t on_adopt(void *self, toni_client *client)
{
    return on_connect(self, client);
}

static void client_free(void *self, void *data)
{
    (void)self;
    free(data);
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("greeter"), .version = TONI_LIT("1.0"),
            .path = TONI_LIT("/greet"),
            .options = TONI_OPTIONS(TONI_OPTION_STR("greeting", "Hello",
                                                    "what stands before the name"),
                                    TONI_OPTION_INT("longest_name", 1, 1000, 32, "in bytes")),
            .create = create, .destroy = destroy, .on_connect = on_connect,
            .on_message = on_message, .client_free = client_free, .on_adopt = on_adopt);
