/* Announce: text `CHANNEL:TEXT` goes out through the chat service that the host injects, with the
 * client's name as sender. Shows how one plugin uses another. No state of its own: concurrent. */
#include <toni-plugins/chat.h>
#include <toni/toni.h>

static int32_t create(toni_context *context, void **self)
{
    *self = (void *)chat_inject(context); /* a slot: the service behind it may be replaced */
    return TONI_OK;
}

/* Sends go unchecked: a client that can't be answered is full or closing, the host's to handle. */
static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    const chat_slot *chat = self;
    toni_str sender = toni_str_of(toni_client_name(client)), channel, text;
    if (!toni_message_as_text(message, &text))
        return TONI_OK;
    if (!toni_str_split_once(text, ':', &channel, &text)) {
        toni_client_send_text(client, TONI_LIT("Send 'CHANNEL:TEXT' to announce something."));
        return TONI_OK;
    }
    int32_t sent = toni_client_may_publish(client, channel);
    if (sent == TONI_OK)
        sent = chat_send_to_channel(chat, channel, sender, text);
    if (sent < 0)
        toni_client_sendf(client, "Not announced: %s", toni_strerror(sent));
    return TONI_OK;
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("announce"), .path = TONI_LIT("/announce"),
            .flags = TONI_CONCURRENT, .needs = TONI_NEEDS(TONI_REQUIRES(chat)), .create = create,
            .on_message = on_message, );
