/** @file
 * The interface `chat`, version 1: messages to channels. plugins/chat_service offers it.
 *
 *     .needs = TONI_NEEDS(TONI_REQUIRES(chat))
 *     …
 *     const chat_slot *chat = chat_inject(context);
 *     chat_send_to_channel(chat, channel, sender, message);
 */
#ifndef TONI_PLUGINS_CHAT_H
#define TONI_PLUGINS_CHAT_H

#include <toni/service.h>

/** What a service offers; whoever uses it calls the functions below. */
struct chat_table {
    uint32_t struct_size;
    int32_t (*send_to_channel)(void *self, toni_str channel, toni_str sender, toni_str message);
};
TONI_DECLARE_INTERFACE(chat, 1);

/** Sends `[channel] sender: message` to all who are in the room that is named after the channel.
 * @param channel  The name of a room.
 * @return How many clients were targeted, or TONI_ERR_INVALID (channel, or a text that is not
 * UTF-8), TONI_ERR_TOO_BIG (@p message is longer than the service takes), TONI_ERR_BUSY,
 * TONI_ERR_NO_MEMORY; TONI_ERR_NOT_FOUND: nothing provides the interface.
 * @thread Any. */
static inline int32_t chat_send_to_channel(const chat_slot *chat, toni_str channel, toni_str sender,
                                           toni_str message)
{
    if (!chat->table)
        return TONI_ERR_NOT_FOUND;
    return chat->table->send_to_channel(chat->self, channel, sender, message);
}

#endif
