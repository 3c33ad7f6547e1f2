// All that a plugin's author writes in C++17 without toni.hpp. TABLE: what stands in its place.
#include <toni-plugins/chat.h>
#include <toni/toni.h>

#ifndef TABLE
#define TABLE table
#endif

namespace
{

struct another_table {
    uint32_t struct_size;
};

int32_t send_to_channel(void *self, toni_str channel, toni_str sender, toni_str message)
{
    return toni_broadcast_to_room_parts(
        static_cast<toni_connections *>(self), channel,
        TONI_PARTS(TONI_LIT("["), channel, TONI_LIT("] "), sender, message));
}

[[maybe_unused]] constexpr chat_table table{static_cast<uint32_t>(sizeof(chat_table)),
                                            send_to_channel};
[[maybe_unused]] constexpr another_table wrong{4};
constexpr toni_str greeting = TONI_LIT_INIT("hello");

int32_t create(toni_context *context, void **self)
{
    *self = toni_context_connections(context);
    return chat_send_to_channel(chat_inject(context), TONI_LIT("news"), greeting, TONI_LIT(""));
}

int32_t on_message(void *, toni_client *client, const toni_message *message)
{
    toni_client_send(client, message);
    return toni_client_close(client, 4000, TONI_LIT("done"));
}

constexpr toni_plugin descriptor()
{
    toni_plugin plugin = toni_plugin_make(TONI_GATEWAY);
    plugin.name = TONI_LIT("headers");
    plugin.path = TONI_LIT("/headers");
    plugin.needs = TONI_NEEDS(TONI_REQUIRES_CONNECTIONS, TONI_REQUIRES(chat), TONI_USES(chat));
    plugin.provides = TONI_OFFERS(chat, &TABLE);
    plugin.create = create;
    plugin.on_message = on_message;
    return plugin;
}

} // namespace

TONI_PLUGIN_CXX(descriptor());
