/* @name@: greets whoever asks over HTTP. */
#include <toni/toni.h>

/* What the callbacks get as `self`. */
struct service {
    toni_str greeting; /* of gateways.conf, which outlives this */
};

static int32_t create(toni_context *context, void **self)
{
    struct service *service = malloc(sizeof *service);
    if (!service)
        return TONI_ERR_NO_MEMORY;
    service->greeting = toni_option_str(context, TONI_LIT("greeting"));
    *self = service;
    return TONI_OK;
}

static void destroy(void *self)
{
    free(self);
}

/* GET /@name@?name=Anna */
static int32_t on_request(void *self, toni_exchange *exchange)
{
    const struct service *service = self;
    const toni_str type = TONI_LIT("text/plain; charset=utf-8");
    toni_str name;
    char text[256];
    if (toni_exchange_parameter(exchange, TONI_LIT("name"), &name) != TONI_OK)
        return toni_exchange_answer(exchange, 400, type, TONI_LIT("say your ?name=\n"));
    const int size = snprintf(text, sizeof text, "%.*s, %.*s!\n", (int)service->greeting.size,
                              service->greeting.data, (int)name.size, name.data);
    if (size < 0 || (size_t)size >= sizeof text)
        return toni_exchange_answer(exchange, 400, type, TONI_LIT("your name is too long\n"));
    return toni_exchange_answer(exchange, 200, type, toni_str_make(text, (size_t)size));
}

TONI_PLUGIN(.kind = TONI_SERVICE, .name = TONI_LIT("@name@"), .path = TONI_LIT("/@name@"),
            .options = TONI_OPTIONS(TONI_OPTION_STR("greeting", "Hello",
                                                    "what stands before the name")),
            .create = create, .destroy = destroy, .on_request = on_request, );
