/* Announce: text `CHANNEL:TEXT` goes out through the chat service that the host injects, with the
 * client's name as sender. Shows how one plugin uses another. No state of its own: concurrent. */
#include <toni-plugins/chat.h>
#include <toni/toni.h>

#include <stdlib.h>

struct announce {
    const chat_slot *chat; /* read at each call: the service behind it may be replaced */
};

static int32_t create(toni_context *context, void **self)
{
    struct announce *announce = calloc(1, sizeof *announce);
    if (!announce)
        return TONI_ERR_NO_MEMORY;
    announce->chat = chat_inject(context);
    *self = announce;
    return TONI_OK;
}

static void destroy(void *self)
{
    free(self);
}

/* Sends go unchecked: a client that can't be answered is full or closing, the host's to handle. */
static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    const chat_slot *chat = ((struct announce *)self)->chat;
    toni_str channel, text;
    if (!toni_message_as_text(message, &text))
        return TONI_OK;
    if (!toni_str_split_once(text, ':', &channel, &text)) {
        toni_client_send_text(client, "Send 'CHANNEL:TEXT' to announce something.");
        return TONI_OK;
    }
    int32_t sent = chat->table->send_to_channel(chat->self, channel,
                                                toni_str_of(toni_client_name(client)), text);
    if (sent < 0)
        toni_client_sendf(client, "Not announced: %s", toni_strerror(sent));
    return TONI_OK;
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_STR("announce"), .path = TONI_STR("/announce"),
            .flags = TONI_CONCURRENT, .needs = TONI_NEEDS(TONI_NEED(CHAT_INTERFACE, 1)),
            .create = create, .destroy = destroy, .on_message = on_message);
