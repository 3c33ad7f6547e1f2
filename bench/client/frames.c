/* Frames; see frames.h. */
#include "client/frames.h"

#include <string.h>

#define FINAL 0x80
#define RESERVED 0x70
#define MASKED 0x80

static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};

static size_t write_head(uint8_t *out, enum opcode opcode, size_t size)
{
    size_t at = 0;
    out[at++] = (uint8_t)(FINAL | opcode);
    if (size < 126) {
        out[at++] = (uint8_t)(MASKED | size);
    } else if (size <= UINT16_MAX) {
        out[at++] = MASKED | 126;
        out[at++] = (uint8_t)(size >> 8);
        out[at++] = (uint8_t)size;
    } else {
        out[at++] = MASKED | 127;
        for (int shift = 56; shift >= 0; shift -= 8)
            out[at++] = (uint8_t)((uint64_t)size >> shift);
    }
    memcpy(out + at, mask, sizeof mask);
    return at + sizeof mask;
}

size_t frame_write(uint8_t *out, enum opcode opcode, const uint8_t *payload, size_t size)
{
    size_t head = write_head(out, opcode, size);
    for (size_t i = 0; i < size; i++)
        out[head + i] = payload[i] ^ mask[i & 3];
    return head + size;
}

/* @return The size of a head, as far as its first two bytes tell. */
static size_t head_size(const uint8_t *head)
{
    unsigned length = head[1] & 0x7fU;
    return length < 126 ? 2 : length == 126 ? 4 : 10;
}

static uint64_t length_of(const uint8_t *head)
{
    size_t size = head_size(head);
    if (size == 2)
        return head[1] & 0x7fU;
    uint64_t length = 0;
    for (size_t i = 2; i < size; i++)
        length = length << 8 | head[i];
    return length;
}

static bool is_control(unsigned opcode)
{
    return opcode >= CLOSE;
}

/* RFC 6455, section 5: what a server may send. */
static bool is_allowed(const struct frame_reader *reader, const uint8_t *head)
{
    unsigned opcode = head[0] & 0xfU;
    if (head[0] & RESERVED || head[1] & MASKED)
        return false;
    if (is_control(opcode))
        return opcode <= PONG && head[0] & FINAL && reader->left <= CONTROL_MAX;
    return reader->in_message ? opcode == CONTINUATION : opcode == TEXT || opcode == BINARY;
}

/* Inlined, since most frames are messages of which nobody wants to know where they end. */
__attribute__((always_inline)) static inline void
frame_end(struct frame_reader *reader, const struct frame_sink *sink, void *data)
{
    if (is_control(reader->opcode))
        sink->control(data, reader->opcode, reader->control, reader->control_size);
    else if (sink->message && reader->final)
        sink->message(data);
    reader->control_size = 0;
}

static int frame_begin(struct frame_reader *reader, const struct frame_sink *sink, void *data,
                       const uint8_t *head)
{
    reader->left = length_of(head);
    reader->opcode = head[0] & 0xfU;
    reader->final = head[0] & FINAL;
    if (!is_allowed(reader, head)) {
        reader->broken = true;
        return -1;
    }
    if (!is_control(reader->opcode))
        reader->in_message = !reader->final;
    if (reader->left == 0)
        frame_end(reader, sink, data);
    return 0;
}

/* @return How many bytes were taken of a head; sets @p begun once it is whole. */
static size_t read_head(struct frame_reader *reader, const uint8_t *bytes, size_t size,
                        const uint8_t **begun)
{
    *begun = NULL;
    if (reader->headed == 0 && size >= sizeof reader->head) {
        *begun = bytes;
        return head_size(bytes);
    }
    size_t taken = 0;
    while (taken < size) {
        reader->head[reader->headed++] = bytes[taken++];
        if (reader->headed >= 2 && reader->headed == head_size(reader->head)) {
            reader->headed = 0;
            *begun = reader->head;
            break;
        }
    }
    return taken;
}

static size_t read_payload(struct frame_reader *reader, const struct frame_sink *sink, void *data,
                           const uint8_t *bytes, size_t size)
{
    size_t here = reader->left < size ? (size_t)reader->left : size;
    if (is_control(reader->opcode)) {
        memcpy(reader->control + reader->control_size, bytes, here);
        reader->control_size = (uint8_t)(reader->control_size + here);
    } else {
        sink->payload(data, bytes, here);
    }
    reader->left -= here;
    if (reader->left == 0)
        frame_end(reader, sink, data);
    return here;
}

int frame_read(struct frame_reader *reader, const struct frame_sink *sink, void *data,
               const uint8_t *bytes, size_t size)
{
    while (size > 0 && !reader->broken) {
        size_t taken;
        if (reader->left > 0) {
            taken = read_payload(reader, sink, data, bytes, size);
        } else {
            const uint8_t *head;
            taken = read_head(reader, bytes, size, &head);
            if (head && frame_begin(reader, sink, data, head))
                return -1;
        }
        bytes += taken;
        size -= taken;
    }
    return reader->broken ? -1 : 0;
}
