/* See hello.h; records are those of RFC 8446, section 5.1, messages those of section 4. */
#include "tls/hello.h"

#include <string.h>

#define RECORD_OF_HANDSHAKE 22
#define MESSAGE_HELLO 1

static size_t least(size_t one, size_t other)
{
    return one < other ? one : other;
}

/* @return How many of the bytes belong to a head. */
static size_t add_to_head(uint8_t *head, uint8_t *has, size_t whole, const uint8_t *bytes,
                          size_t size)
{
    const size_t part = least(size, whole - *has);
    memcpy(head + *has, bytes, part);
    *has = (uint8_t)(*has + part);
    return part;
}

/* @return Whether the message may be as long as it says. */
static bool begin_message(struct tls_hello *hello)
{
    const uint8_t *head = hello->message;
    hello->message_has = 0;
    hello->message_left = (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
    return head[0] != MESSAGE_HELLO || hello->message_left <= TLS_HELLO_MAX;
}

static void skip_in_message(struct tls_hello *hello, size_t part)
{
    hello->message_left -= (uint32_t)part;
    if (hello->message_left == 0 && hello->message[0] == MESSAGE_HELLO)
        hello->is_whole = true;
}

/* A message may come in many records, as may its head. */
static bool look_at_messages(struct tls_hello *hello, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        size_t part = least(size, hello->message_left);
        if (part > 0) {
            skip_in_message(hello, part);
        } else {
            part = add_to_head(hello->message, &hello->message_has, TLS_MESSAGE_HEAD_SIZE, bytes,
                               size);
            if (hello->message_has == TLS_MESSAGE_HEAD_SIZE && !begin_message(hello))
                return false;
        }
        bytes += part;
        size -= part;
    }
    return true;
}

static void begin_record(struct tls_hello *hello)
{
    hello->record_has = 0;
    hello->record_left = (uint16_t)(hello->record[3] << 8 | hello->record[4]);
}

bool tls_hello_look(struct tls_hello *hello, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        size_t part = least(size, hello->record_left);
        if (part > 0) {
            hello->record_left = (uint16_t)(hello->record_left - part);
            if (hello->record[0] == RECORD_OF_HANDSHAKE && !look_at_messages(hello, bytes, part))
                return false;
        } else {
            part =
                add_to_head(hello->record, &hello->record_has, TLS_RECORD_HEAD_SIZE, bytes, size);
            if (hello->record_has == TLS_RECORD_HEAD_SIZE)
                begin_record(hello);
        }
        bytes += part;
        size -= part;
    }
    return true;
}
