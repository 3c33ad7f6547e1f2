/* Reads frames; see codec.h. */
#include "ws/codec.h"

#include "base/utf8.h"
#include "ws/deflate.h"

#include <string.h>

/* The bits of a frame's first two bytes, section 5.2. */
#define FIN 0x80u
#define RESERVED 0x70u
#define OPCODE 0x0fu
#define CONTROL 0x08u
#define MASKED 0x80u
#define LENGTH 0x7fu

enum { MASK_SIZE = 4 };

void codec_init(struct codec *codec, bool inflates)
{
    *codec = (struct codec){.inflates = inflates};
}

static void advance(struct codec_input *input, size_t size)
{
    input->bytes += size;
    input->size -= size;
}

/* The input stays where codec_drop() has to go on. */
static enum codec_event_type fault(struct codec *codec, const struct codec_input *input,
                                   struct codec_event *event, uint16_t code, const char *text)
{
    codec->has_ended = true;
    *event = (struct codec_event){.bytes = input->bytes, .code = code, .text = text};
    return CODEC_FAULT;
}

/* --- Payload */

/* No wider than what every processor of the architecture has. */
typedef uint64_t vector __attribute__((vector_size(16)));

/* Takes the mask off; sixteen bytes at a time, and the last sixteen once more if they are not a
 * whole step. These are read before a step can reach them.
 * @return All bytes that were under it, one over the other. */
static inline vector unmask_long(uint8_t *bytes, size_t size, const uint8_t mask[MASK_SIZE])
{
    uint8_t repeated[sizeof(vector) + MASK_SIZE];
    vector masks, turned, last, seen = {0, 0};
    for (size_t i = 0; i < sizeof repeated; i += MASK_SIZE)
        memcpy(repeated + i, mask, MASK_SIZE);
    memcpy(&masks, repeated, sizeof masks);
    memcpy(&turned, repeated + size % MASK_SIZE, sizeof turned);
    memcpy(&last, bytes + size - sizeof last, sizeof last);
    for (size_t at = 0; at + sizeof masks <= size; at += sizeof masks) {
        vector step;
        memcpy(&step, bytes + at, sizeof step);
        step ^= masks;
        seen |= step;
        memcpy(bytes + at, &step, sizeof step);
    }
    last ^= turned;
    memcpy(bytes + size - sizeof last, &last, sizeof last);
    return seen | last;
}

/* @return Whether all that was under the mask is ASCII. */
static inline bool unmask(uint8_t *bytes, size_t size, const uint8_t mask[MASK_SIZE])
{
    uint64_t seen = 0;
    if (size >= sizeof(vector)) {
        const vector all = unmask_long(bytes, size, mask);
        seen = all[0] | all[1];
    } else {
        for (size_t i = 0; i < size; i++) {
            bytes[i] ^= mask[i % MASK_SIZE];
            seen |= bytes[i];
        }
    }
    return (seen & UINT64_C(0x8080808080808080)) == 0;
}

/* The next byte of the payload is @p size bytes further on. */
static void turn_mask(struct codec *codec, size_t size)
{
    uint8_t turned[MASK_SIZE];
    for (size_t i = 0; i < MASK_SIZE; i++)
        turned[i] = codec->mask[(i + size) % MASK_SIZE];
    memcpy(codec->mask, turned, sizeof turned);
}

static bool continue_text(struct codec *codec, const uint8_t *bytes, size_t size, bool is_ascii,
                          bool is_last)
{
    if (!is_ascii || codec->text != UTF8_START)
        codec->text = utf8_continue(codec->text, bytes, size);
    return is_last ? codec->text == UTF8_START : codec->text != UTF8_BAD;
}

/* As much of a data frame's payload as there is. */
static enum codec_event_type take_payload(struct codec *codec, struct codec_input *input,
                                          struct codec_event *event)
{
    uint8_t *bytes = input->bytes;
    const size_t size = codec->left < input->size ? (size_t)codec->left : input->size;
    const bool is_ascii = unmask(bytes, size, codec->mask);
    codec->left -= size;
    advance(input, size);
    if (codec->left > 0)
        turn_mask(codec, size);
    const bool is_last = codec->left == 0 && codec->is_final;
    if (codec->kind == FRAME_TEXT && !continue_text(codec, bytes, size, is_ascii, is_last))
        return fault(codec, input, event, 1007, "text is not UTF-8");
    event->bytes = bytes;
    event->size = size;
    event->kind = codec->kind;
    event->is_first = !codec->has_parts;
    event->is_last = is_last;
    codec->has_parts = !is_last;
    if (is_last)
        codec->kind = 0;
    return event->is_first && is_last ? CODEC_MESSAGE : CODEC_PART;
}

/* --- Control frames */

/* Section 7.4, and what IANA has registered since: 1012 to 1014. */
static bool is_close_code(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static enum codec_event_type bad_close(struct codec *codec, struct codec_input *input,
                                       struct codec_event *event, uint16_t code, const char *text)
{
    (void)fault(codec, input, event, code, text);
    advance(input, input->size);
    event->peer_closed = true;
    return CODEC_FAULT;
}

static enum codec_event_type take_close(struct codec *codec, struct codec_input *input,
                                        struct codec_event *event)
{
    uint16_t code = 0;
    if (event->size == 1)
        return bad_close(codec, input, event, 1002, "a close code of one byte");
    if (event->size >= 2) {
        code = (uint16_t)(event->bytes[0] << 8 | event->bytes[1]);
        event->bytes += 2;
        event->size -= 2;
        if (!is_close_code(code))
            return bad_close(codec, input, event, 1002, "not a close code");
        if (!utf8_valid(event->bytes, event->size))
            return bad_close(codec, input, event, 1007, "the reason is not UTF-8");
    }
    event->code = code;
    codec->has_ended = true;
    advance(input, input->size);
    return CODEC_CLOSE;
}

/* A whole one, whose head was taken. */
static enum codec_event_type take_control(struct codec *codec, struct codec_input *input,
                                          struct codec_event *event, unsigned opcode, size_t size,
                                          const uint8_t *mask)
{
    event->bytes = input->bytes;
    event->size = size;
    (void)unmask(event->bytes, size, mask);
    advance(input, size);
    if (opcode == FRAME_CLOSE)
        return take_close(codec, input, event);
    return opcode == FRAME_PING ? CODEC_PING : CODEC_PONG;
}

/* --- Heads */

struct head {
    uint8_t first; /* byte */
    size_t size;   /* mask included */
    uint64_t payload;
};

/* @return What is wrong with a frame's first byte; NULL: nothing. */
static const char *judge_first_byte(const struct codec *codec, unsigned first)
{
    const unsigned opcode = first & OPCODE, reserved = first & RESERVED;
    const bool is_control = opcode & CONTROL;
    if (opcode > (is_control ? FRAME_PONG : FRAME_BINARY))
        return "a reserved opcode";
    if (reserved && (reserved != FRAME_COMPRESSED || !codec->inflates || is_control ||
                     opcode == FRAME_CONTINUATION))
        return "a reserved bit";
    if (is_control)
        return first & FIN ? NULL : "a control frame in fragments";
    if ((opcode == FRAME_CONTINUATION) == (codec->kind == 0))
        return codec->kind == 0 ? "nothing to continue" : "a message within another";
    return NULL;
}

/* Section 5.2: in as few bytes as it can be written, and less than 2^63.
 * @param at  The head.
 * @return Whether it is so. */
static bool read_length(const uint8_t *at, unsigned code, uint64_t *length)
{
    if (code < 126) {
        *length = code;
        return true;
    }
    if (code == 126) {
        *length = (uint64_t)at[2] << 8 | at[3];
        return *length > 125;
    }
    *length = 0;
    for (size_t i = 2; i < 10; i++)
        *length = *length << 8 | at[i];
    return *length > UINT16_MAX && *length <= INT64_MAX;
}

/* @return What is wrong with as much of it as there is; NULL: nothing. Then its size is 0 if it
 * isn't whole. */
static const char *read_head(const struct codec *codec, const struct codec_input *input,
                             struct head *head)
{
    const uint8_t *at = input->bytes;
    head->size = 0;
    if (input->size == 0)
        return NULL;
    head->first = at[0];
    const char *wrong = judge_first_byte(codec, at[0]);
    if (wrong || input->size == 1)
        return wrong;
    const unsigned code = at[1] & LENGTH;
    if (!(at[1] & MASKED))
        return "a frame without a mask";
    if ((at[0] & CONTROL) && code > FRAME_CONTROL_MAX)
        return "a control frame over 125 bytes";
    const size_t size = code < 126 ? 2 : code == 126 ? 4 : 10;
    if (input->size < size)
        return NULL;
    if (!read_length(at, code, &head->payload))
        return "a malformed length";
    if (input->size >= size + MASK_SIZE)
        head->size = size + MASK_SIZE;
    return NULL;
}

static uint64_t most_payload(unsigned kind, uint64_t message_bytes)
{
    return kind & FRAME_COMPRESSED ? inflater_most((size_t)message_bytes) : message_bytes;
}

/* @return Whether the message is within the limit. */
static bool begin_data(struct codec *codec, const struct head *head, const uint8_t *mask,
                       uint64_t message_bytes)
{
    if (codec->kind == 0) {
        codec->kind = (uint8_t)(head->first & ~FIN);
        codec->payload = 0;
        codec->text = UTF8_START;
    }
    codec->is_final = head->first & FIN;
    codec->left = head->payload;
    codec->payload += head->payload;
    memcpy(codec->mask, mask, MASK_SIZE);
    return codec->payload <= most_payload(codec->kind, message_bytes);
}

enum codec_event_type codec_next(struct codec *codec, struct codec_input *input,
                                 struct codec_event *event)
{
    if (codec->has_ended)
        advance(input, input->size);
    if (codec->left > 0)
        return input->size > 0 ? take_payload(codec, input, event) : CODEC_NEEDS_MORE;
    struct head head;
    const char *wrong = read_head(codec, input, &head);
    if (wrong)
        return fault(codec, input, event, 1002, wrong);
    if (head.size == 0)
        return CODEC_NEEDS_MORE;
    const uint8_t *mask = input->bytes + head.size - MASK_SIZE;
    if (head.first & CONTROL) {
        if (input->size < head.size + head.payload)
            return CODEC_NEEDS_MORE;
        advance(input, head.size);
        return take_control(codec, input, event, head.first & OPCODE, (size_t)head.payload, mask);
    }
    advance(input, head.size);
    if (!begin_data(codec, &head, mask, input->message_bytes))
        return fault(codec, input, event, 1009, "message too big");
    if (head.payload > 0 && input->size == 0)
        return CODEC_NEEDS_MORE;
    return take_payload(codec, input, event);
}

/* --- Dropping */

/* From now on `text` is a frame's second byte, of which `kind` is the first, `payload` its length
 * as far as that has come, and `head` how many bytes of the head have. */
static void begin_dropping(struct codec *codec)
{
    codec->is_dropping = true;
    codec->has_ended = true;
    codec->head = 0;
    codec->kind = 0; /* what is left of a frame is a data frame's: control frames are taken whole */
}

/* @return Whether the head is whole with this byte. */
static bool drop_of_head(struct codec *codec, uint8_t byte)
{
    const unsigned place = codec->head++;
    if (place == 0) {
        codec->kind = byte;
        return false;
    }
    if (place == 1) {
        codec->text = byte;
        codec->payload = byte & LENGTH;
    }
    const unsigned code = codec->text & LENGTH;
    const unsigned lengths = code < 126 ? 2 : code == 126 ? 4 : 10;
    if (place > 1 && place < lengths)
        codec->payload = (place == 2 ? 0 : codec->payload << 8) | byte;
    return codec->head == lengths + (codec->text & MASKED ? MASK_SIZE : 0);
}

/* A close frame that is a fault in itself is none: the peer may send another. What no frame can
 * have is not waited for. */
static void begin_dropped_payload(struct codec *codec)
{
    codec->head = 0;
    if (!(codec->text & MASKED) || codec->payload > FRAME_CONTROL_MAX)
        codec->kind = 0;
    codec->left = codec->payload <= INT64_MAX ? codec->payload : 0;
}

static bool is_close(const struct codec *codec)
{
    return codec->kind == (FIN | FRAME_CLOSE);
}

bool codec_drop(struct codec *codec, const uint8_t *bytes, size_t size)
{
    if (!codec->is_dropping)
        begin_dropping(codec);
    bool has_ended = false; /* a frame */
    for (size_t at = 0; at < size && !(has_ended && is_close(codec));) {
        if (codec->left > 0) {
            const size_t more = codec->left < size - at ? (size_t)codec->left : size - at;
            codec->left -= more;
            at += more;
            has_ended = codec->left == 0;
        } else if (drop_of_head(codec, bytes[at++])) {
            begin_dropped_payload(codec);
            has_ended = codec->left == 0;
        } else {
            has_ended = false;
        }
    }
    return has_ended && is_close(codec);
}
