/* A plain reader of frames; see ws_model.h. */
#include "ws_model.h"

#include "ws/deflate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* --- Frames */

static void append(struct buffer *stream, const void *bytes, size_t size)
{
    require(!buffer_append(stream, bytes, size));
}

void ws_model_append(struct buffer *stream, unsigned first, const void *payload, size_t size,
                     uint32_t mask)
{
    const uint8_t *bytes = payload;
    uint8_t head[14] = {(uint8_t)first};
    size_t length = size < 126 ? 2 : size < 65536 ? 4 : 10;
    head[1] = (uint8_t)(0x80 | (length == 2 ? size : length == 4 ? 126 : 127));
    for (size_t i = length - 1, rest = size; length > 2 && i > 1; i--, rest >>= 8)
        head[i] = (uint8_t)rest;
    memcpy(head + length, &mask, 4);
    append(stream, head, length + 4);
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = bytes[i] ^ head[length + i % 4];
        append(stream, &byte, 1);
    }
}

/* --- The log */

void ws_log_init(struct ws_log *log)
{
    buffer_init(&log->events);
    buffer_init(&log->places);
    buffer_init(&log->message);
    log->has_begun = false;
}

void ws_log_finish(struct ws_log *log)
{
    buffer_finish(&log->events);
    buffer_finish(&log->places);
    buffer_finish(&log->message);
}

static void note(struct ws_log *log, enum codec_event_type type, unsigned what, const void *bytes,
                 size_t size, size_t place)
{
    static const char *const names[] = {
        [CODEC_MESSAGE] = "message", [CODEC_PART] = "empty",  [CODEC_PING] = "ping",
        [CODEC_PONG] = "pong",       [CODEC_CLOSE] = "close", [CODEC_FAULT] = "fault"};
    require(!buffer_appendf(&log->events, "%s %u(", names[type], what));
    append(&log->events, bytes, size);
    append(&log->events, ") ", 2);
    append(&log->places, &place, sizeof place);
}

/* A fragment without payload that is not the last: the only part that may be empty. */
static void note_empty(struct ws_log *log, size_t place)
{
    note(log, CODEC_PART, 0, "", 0, place);
}

static void note_message(struct ws_log *log, unsigned kind, size_t place)
{
    note(log, CODEC_MESSAGE, kind, log->message.bytes, log->message.length, place);
    buffer_clear(&log->message);
    log->has_begun = false;
}

/* --- The plain reader */

struct model {
    struct ws_log *log;
    const uint8_t *stream;
    size_t size;
    size_t at;
    bool inflates;
    uint64_t message_bytes;
    unsigned kind;      /* of the message in fragments */
    uint64_t announced; /* by the heads of its frames */
    uint32_t code;      /* bits of the character that has begun */
    unsigned length;    /* its bytes; 0: none has begun */
    unsigned missing;
    bool ended;
};

static void fail(struct model *model, unsigned code)
{
    note(model->log, CODEC_FAULT, code, "", 0, model->at);
    model->ended = true;
}

/* @return Whether there was one more byte. */
static bool get(struct model *model, uint8_t *byte)
{
    if (model->at == model->size)
        return false;
    *byte = model->stream[model->at++];
    return true;
}

/* Section 3 and 4 of RFC 3629, by arithmetic: what has come of a character leaves a range of code
 * points, of which at least one has to be allowed.
 * @return Whether one is. */
static bool take_character(struct model *model, uint8_t byte)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (model->missing == 0) {
        if (byte < 0x80)
            return true;
        if (byte < 0xC0 || byte >= 0xF8)
            return false;
        model->length = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
        model->missing = model->length - 1;
        model->code = byte & (0x7Fu >> model->length);
    } else {
        if ((byte & 0xC0) != 0x80)
            return false;
        model->code = model->code << 6 | (byte & 0x3F);
        model->missing--;
    }
    uint32_t low = model->code << 6 * model->missing;
    uint32_t high = low + (1u << 6 * model->missing) - 1;
    if (high < smallest[model->length] || low > 0x10FFFF)
        return false;
    return !(low >= 0xD800 && high <= 0xDFFF);
}

static bool is_utf8(const uint8_t *bytes, size_t size)
{
    struct model model = {.missing = 0};
    for (size_t i = 0; i < size; i++) {
        if (!take_character(&model, bytes[i]))
            return false;
    }
    return model.missing == 0;
}

static void read_close(struct model *model, const uint8_t *body, size_t size)
{
    unsigned code = size < 2 ? 0 : body[0] * 256u + body[1];
    model->ended = true;
    if (size == 0)
        note(model->log, CODEC_CLOSE, 0, "", 0, model->at);
    else if (size == 1 || code < 1000 || code >= 5000 || (code > 1014 && code < 3000) ||
             (code >= 1004 && code <= 1006))
        fail(model, 1002);
    else if (!is_utf8(body + 2, size - 2))
        fail(model, 1007);
    else
        note(model->log, CODEC_CLOSE, code, body + 2, size - 2, model->at);
}

static void read_control(struct model *model, unsigned opcode, size_t size, const uint8_t mask[4])
{
    uint8_t body[125];
    for (size_t i = 0; i < size; i++) {
        if (!get(model, &body[i]))
            return;
        body[i] ^= mask[i & 3];
    }
    if (opcode == 8)
        read_close(model, body, size);
    else
        note(model->log, opcode == 9 ? CODEC_PING : CODEC_PONG, 0, body, size, model->at);
}

static void read_data(struct model *model, bool fin, uint64_t size, const uint8_t mask[4])
{
    bool is_text = model->kind == 1;
    for (uint64_t i = 0; i < size; i++) {
        uint8_t byte;
        if (!get(model, &byte))
            return;
        byte ^= mask[i & 3];
        if (is_text && !take_character(model, byte)) {
            fail(model, 1007);
            return;
        }
        append(&model->log->message, &byte, 1);
    }
    if (is_text && fin && model->missing > 0) {
        fail(model, 1007);
    } else if (fin) {
        note_message(model->log, model->kind, model->at);
        model->kind = 0;
        model->announced = 0;
    } else if (size == 0) {
        note_empty(model->log, model->at);
    }
}

/* @return Whether the frame's first byte may stand here. */
static bool may_begin(const struct model *model, uint8_t first)
{
    switch (first & 0x0F) {
    case 0:
        return (first & 0x70) == 0 && model->kind != 0;
    case 1:
    case 2:
        return (first & 0x30) == 0 && (!(first & 0x40) || model->inflates) && model->kind == 0;
    case 8:
    case 9:
    case 10:
        return (first & 0xF0) == 0x80;
    default:
        return false;
    }
}

/* @return Whether it is there and right. */
static bool read_length(struct model *model, uint8_t second, uint64_t *length)
{
    unsigned more = (second & 0x7F) == 126 ? 2 : (second & 0x7F) == 127 ? 8 : 0;
    *length = more > 0 ? 0 : second & 0x7F;
    for (unsigned i = 0; i < more; i++) {
        uint8_t byte;
        if (!get(model, &byte))
            return false;
        *length = *length * 256 + byte;
    }
    if ((more == 2 && *length < 126) || (more == 8 && (*length < 65536 || *length >> 63))) {
        fail(model, 1002);
        return false;
    }
    return true;
}

static void read_frame(struct model *model)
{
    uint8_t first, second, mask[4];
    uint64_t length;
    if (!get(model, &first))
        return;
    if (!may_begin(model, first)) {
        fail(model, 1002);
        return;
    }
    if (!get(model, &second))
        return;
    if (!(second & 0x80) || ((first & 0x08) && (second & 0x7F) > 125)) {
        fail(model, 1002);
        return;
    }
    if (!read_length(model, second, &length))
        return;
    for (unsigned i = 0; i < 4; i++) {
        if (!get(model, &mask[i]))
            return;
    }
    if (first & 0x08) {
        read_control(model, first & 0x0F, (size_t)length, mask);
        return;
    }
    if (model->kind == 0)
        model->kind = first & 0x7F;
    model->announced += length;
    uint64_t most = model->message_bytes;
    if (model->kind & 0x40)
        most = inflater_most((size_t)most);
    if (model->announced > most)
        fail(model, 1009);
    else
        read_data(model, first & 0x80, length, mask);
}

void ws_model_read(struct ws_log *log, const struct buffer *stream, bool inflates,
                   uint64_t message_bytes)
{
    struct model model = {.log = log,
                          .stream = (const uint8_t *)stream->bytes,
                          .size = stream->length,
                          .inflates = inflates,
                          .message_bytes = message_bytes};
    while (!model.ended && model.at < model.size)
        read_frame(&model);
}

/* --- The codec */

static const char *take_part(struct ws_log *log, const struct codec_event *event, size_t place)
{
    if (event->is_first == log->has_begun)
        return "a part that is first and isn't, or the other way round";
    if (event->size == 0 && !event->is_last)
        note_empty(log, place);
    log->has_begun = true;
    append(&log->message, event->bytes, event->size);
    if (event->is_last)
        note_message(log, event->kind, place);
    return NULL;
}

static const char *take(struct ws_log *log, enum codec_event_type type,
                        const struct codec_event *event, size_t place)
{
    switch (type) {
    case CODEC_MESSAGE:
    case CODEC_PART:
        if ((type == CODEC_MESSAGE) != (event->is_first && event->is_last))
            return "a whole message is a message, and no part";
        return take_part(log, event, place);
    case CODEC_PING:
    case CODEC_PONG:
        note(log, type, 0, event->bytes, event->size, place);
        return NULL;
    case CODEC_CLOSE:
        note(log, type, event->code, event->bytes, event->size, place);
        return NULL;
    case CODEC_FAULT:
        if (!event->text)
            return "a fault without a word";
        note(log, type, event->code, "", 0, place);
        return NULL;
    case CODEC_NEEDS_MORE:
        break;
    }
    return "no such event";
}

struct reader {
    struct codec codec;
    uint8_t tail[CODEC_TAIL_MAX];
    size_t kept;
    struct ws_log log;
};

/* @param place  How many bytes of the stream there are with these. */
static const char *read_piece(struct reader *reader, const uint8_t *piece, size_t size,
                              uint64_t message_bytes, size_t place)
{
    size_t all = reader->kept + size;
    uint8_t *received = malloc(all > 0 ? all : 1); /* no more, for AddressSanitizer */
    struct codec_input input = {received, all, message_bytes};
    struct codec_event event;
    enum codec_event_type type;
    const char *wrong = NULL;
    require(received);
    memcpy(received, reader->tail, reader->kept);
    if (size > 0)
        memcpy(received + reader->kept, piece, size);
    while (!wrong && (type = codec_next(&reader->codec, &input, &event)) != CODEC_NEEDS_MORE)
        wrong = take(&reader->log, type, &event, place);
    if (!wrong && input.size > CODEC_TAIL_MAX)
        wrong = "more is left than fits the tail";
    if (!wrong) {
        reader->kept = input.size;
        memcpy(reader->tail, input.bytes, input.size);
    }
    free(received);
    return wrong;
}

static bool is_equal(const struct buffer *a, const struct buffer *b)
{
    return a->length == b->length && (a->length == 0 || memcmp(a->bytes, b->bytes, a->length) == 0);
}

static const char *compare(const struct ws_log *expected, const struct buffer *stream,
                           bool inflates, uint64_t message_bytes, const size_t *cuts, size_t count,
                           bool with_places)
{
    static char text[4096];
    const uint8_t *bytes = (const uint8_t *)(stream->length > 0 ? stream->bytes : "");
    struct reader reader = {.kept = 0};
    const char *wrong = NULL;
    size_t at = 0;
    codec_init(&reader.codec, inflates);
    ws_log_init(&reader.log);
    for (size_t i = 0; i <= count && !wrong; i++) {
        size_t end = i < count ? cuts[i] : stream->length;
        wrong = read_piece(&reader, bytes + at, end - at, message_bytes, end);
        at = end;
    }
    const struct buffer *events = &reader.log.events;
    if (!wrong && !is_equal(events, &expected->events)) {
        (void)snprintf(text, sizeof text, "cut at %zu: %.*s instead of %.*s",
                       count > 0 ? cuts[0] : 0, (int)events->length, events->bytes,
                       (int)expected->events.length, expected->events.bytes);
        wrong = text;
    }
    if (!wrong && with_places && !is_equal(&reader.log.places, &expected->places))
        wrong = "an event comes too late";
    ws_log_finish(&reader.log);
    return wrong;
}

const char *ws_model_compare(const struct ws_log *expected, const struct buffer *stream,
                             bool inflates, uint64_t message_bytes, const size_t *cuts,
                             size_t count)
{
    return compare(expected, stream, inflates, message_bytes, cuts, count, false);
}

const char *ws_model_compare_all(const struct ws_log *expected, const struct buffer *stream,
                                 bool inflates, uint64_t message_bytes)
{
    size_t *all = calloc(stream->length + 1, sizeof *all);
    const char *wrong = compare(expected, stream, inflates, message_bytes, NULL, 0, false);
    require(all);
    for (size_t cut = 0; cut < stream->length; cut++) {
        all[cut] = cut;
        if (!wrong)
            wrong = compare(expected, stream, inflates, message_bytes, &cut, 1, false);
    }
    if (!wrong)
        wrong = compare(expected, stream, inflates, message_bytes, all, stream->length, true);
    free(all);
    return wrong;
}

/* --- Dropping */

/* Frames as they lie one behind the other, whatever is wrong with them.
 * @return Where the first close frame ends; SIZE_MAX: none does. */
static size_t find_end_of_close(const uint8_t *stream, size_t size)
{
    size_t at = 0;
    while (size - at >= 2) {
        const unsigned first = stream[at], code = stream[at + 1] & 0x7F;
        const size_t mask = stream[at + 1] & 0x80 ? 4 : 0;
        const size_t lengths = code == 126 ? 2 : code == 127 ? 8 : 0;
        uint64_t length = lengths > 0 ? 0 : code;
        if (size - at < 2 + lengths + mask)
            break;
        for (size_t i = 0; i < lengths; i++)
            length = length << 8 | stream[at + 2 + i];
        const bool is_close = first == 0x88 && mask > 0 && length < 126;
        if (length >> 63)
            length = 0;
        at += 2 + lengths + mask;
        if (size - at < length)
            break;
        at += (size_t)length;
        if (is_close)
            return at;
    }
    return SIZE_MAX;
}

/* @param place  How many bytes of the stream there are with these. */
static const char *drop_piece(struct codec *codec, const uint8_t *piece, size_t size, size_t place,
                              size_t end, bool *closed)
{
    if (*closed)
        return NULL;
    uint8_t *received = malloc(size > 0 ? size : 1); /* no more, for AddressSanitizer */
    require(received);
    if (size > 0)
        memcpy(received, piece, size);
    *closed = codec_drop(codec, received, size);
    free(received);
    if (*closed == (end <= place))
        return NULL;
    return *closed ? "a close frame that is none" : "a close frame that was not seen";
}

const char *ws_model_compare_drop(const struct buffer *stream, bool inflates,
                                  uint64_t message_bytes, size_t from, const size_t *cuts,
                                  size_t count)
{
    const uint8_t *bytes = (const uint8_t *)(stream->length > 0 ? stream->bytes : "");
    const size_t end = find_end_of_close(bytes, stream->length);
    struct codec codec;
    struct codec_event event;
    enum codec_event_type type;
    bool closed = false;
    uint8_t *received = malloc(from > 0 ? from : 1);
    require(received);
    memcpy(received, bytes, from);
    struct codec_input input = {received, from, message_bytes};
    codec_init(&codec, inflates);
    do
        type = codec_next(&codec, &input, &event);
    while (type != CODEC_NEEDS_MORE && type != CODEC_CLOSE && type != CODEC_FAULT);
    const bool came_before = type == CODEC_CLOSE || (type == CODEC_FAULT && event.peer_closed);
    const char *wrong = NULL;
    if (!came_before)
        wrong = drop_piece(&codec, input.bytes, input.size, from, end, &closed);
    free(received);
    for (size_t i = 0, at = from; i <= count && !wrong && !came_before; i++) {
        size_t to = i < count ? cuts[i] : stream->length;
        wrong = drop_piece(&codec, bytes + at, to - at, to, end, &closed);
        at = to;
    }
    return wrong;
}

const char *ws_model_compare_drop_all(const struct buffer *stream, bool inflates,
                                      uint64_t message_bytes)
{
    size_t *all = calloc(stream->length + 1, sizeof *all);
    const char *wrong = NULL;
    require(all);
    for (size_t i = 0; i < stream->length; i++)
        all[i] = i;
    for (size_t from = 0; from <= stream->length && !wrong; from++) {
        wrong = ws_model_compare_drop(stream, inflates, message_bytes, from, NULL, 0);
        if (!wrong)
            wrong = ws_model_compare_drop(stream, inflates, message_bytes, from, all + from,
                                          stream->length - from);
        if (!wrong && from < stream->length)
            wrong = ws_model_compare_drop(stream, inflates, message_bytes, from,
                                          all + from + (stream->length - from) / 2, 1);
    }
    free(all);
    return wrong;
}
