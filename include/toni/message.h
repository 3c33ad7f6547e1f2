/** @file
 * WebSocket messages as plugins get and send them: always whole, never a frame.
 */
#ifndef TONI_MESSAGE_H
#define TONI_MESSAGE_H

#include <toni/str.h>

/* Kinds of messages: the opcodes of RFC 6455, section 5.2. */
#define TONI_TEXT                                                                                  \
    1u /**< UTF-8; the host has checked it in what it hands out, and checks it in what it sends */
#define TONI_BINARY 2u /**< any bytes */

/** Bytes that the text of a position takes, without a NUL: see history.h. */
#define TONI_POSITION_TEXT 33

/** The text of no position: what stands where the host is to write one. */
#define TONI_POSITION_NONE "0000000000000000:0000000000000000"

/** A message. Who fills it says in `struct_size` how much of it there is; `toni_text` and
 * `toni_binary` do that. */
typedef struct toni_message {
    uint32_t struct_size;
    uint32_t kind;      /**< TONI_TEXT or TONI_BINARY */
    toni_str body;      /**< borrowed for the length of the call, in both directions */
    size_t position_at; /**< where in the body the host writes the room's position, from 1; 0:
                           nowhere. See toni_message_with_position. Of a message that comes in: 0 */
} toni_message;

/** The size of a message in ABI 1.0: none is smaller. Later minors keep this number. */
#define TONI_MESSAGE_SIZE_1_0 (offsetof(toni_message, body) + sizeof(toni_str))

/** @param body  UTF-8; borrowed: it must outlive the use of the result.
 * @return A text message. @since ABI 1.0 */
static inline toni_message toni_text(toni_str body)
{
    toni_message message;
    message.struct_size = (uint32_t)sizeof message;
    message.kind = TONI_TEXT;
    message.body = body;
    message.position_at = 0;
    return message;
}

/** @param body  Any bytes; borrowed: they must outlive the use of the result.
 * @return A binary message. @since ABI 1.0 */
static inline toni_message toni_binary(toni_str body)
{
    toni_message message = toni_text(body);
    message.kind = TONI_BINARY;
    return message;
}

/** The docs' `message.as_text()`.
 * @param text  Set to the message's text if it is one; left alone otherwise.
 * @return 1 for a text message, 0 for a binary one. @since ABI 1.0 */
static inline int toni_message_as_text(const toni_message *message, toni_str *text)
{
    if (message->kind != TONI_TEXT)
        return 0;
    *text = message->body;
    return 1;
}

#endif
