/* Encodes frames; see frame.h. */
#include "ws/frame.h"

#include <string.h>

/* Payload of a full fragment: its head has four bytes. */
#define FRAGMENT_PAYLOAD (FRAME_MAX - 4)

#define FIN 0x80u

static size_t head_size(size_t payload)
{
    return payload < 126 ? 2 : 4;
}

static uint8_t *encode_head(uint8_t *out, unsigned first_byte, size_t payload)
{
    *out++ = (uint8_t)first_byte;
    if (payload < 126) {
        *out++ = (uint8_t)payload;
    } else {
        *out++ = 126;
        *out++ = (uint8_t)(payload >> 8);
        *out++ = (uint8_t)payload;
    }
    return out;
}

uint64_t frame_message_size(uint64_t size)
{
    if (size <= FRAGMENT_PAYLOAD) /* without a division: nearly every message is */
        return head_size((size_t)size) + size;
    uint64_t full = size / FRAGMENT_PAYLOAD;
    uint64_t rest = size % FRAGMENT_PAYLOAD;
    if (full > 0 && rest == 0)
        return full * FRAME_MAX;
    return full * FRAME_MAX + head_size((size_t)rest) + rest;
}

void frame_encode_message(uint8_t *out, unsigned kind, const void *payload, size_t size)
{
    const uint8_t *from = payload;
    unsigned opcode = kind;
    while (size > FRAGMENT_PAYLOAD) {
        out = encode_head(out, opcode, FRAGMENT_PAYLOAD);
        memcpy(out, from, FRAGMENT_PAYLOAD);
        out += FRAGMENT_PAYLOAD;
        from += FRAGMENT_PAYLOAD;
        size -= FRAGMENT_PAYLOAD;
        opcode = FRAME_CONTINUATION;
    }
    out = encode_head(out, FIN | opcode, size);
    if (size > 0)
        memcpy(out, from, size);
}

size_t frame_encode_control(uint8_t *out, enum frame_opcode opcode, const void *payload,
                            size_t size)
{
    uint8_t *body = encode_head(out, FIN | opcode, size);
    if (size > 0)
        memcpy(body, payload, size);
    return (size_t)(body - out) + size;
}

size_t frame_boundary(const uint8_t *frames, size_t at)
{
    size_t boundary = 0;
    while (boundary < at) {
        const uint8_t *head = frames + boundary;
        boundary += head[1] < 126 ? 2u + head[1] : 4u + ((size_t)head[2] << 8 | head[3]);
    }
    return boundary;
}

size_t frame_encode_close(uint8_t *out, uint16_t code, const void *reason, size_t size)
{
    uint8_t body[FRAME_CONTROL_MAX];
    if (code == 0)
        return frame_encode_control(out, FRAME_CLOSE, NULL, 0);
    body[0] = (uint8_t)(code >> 8);
    body[1] = (uint8_t)code;
    if (size > 0)
        memcpy(body + 2, reason, size);
    return frame_encode_control(out, FRAME_CLOSE, body, size + 2);
}
