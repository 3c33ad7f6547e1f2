/* Compresses and inflates; see deflate.h. */
#include "ws/deflate.h"

#include "ws/frame.h"

#include <stdlib.h>

#define ZLIB_CONST /* what zlib only reads is const then */
#include <zlib.h>

/* Section 7.2.1: what ends a flushed block is not sent. */
static const uint8_t tail[] = {0x00, 0x00, 0xff, 0xff};

/* zlib's word for `no head and no checksum`. */
#define RAW (-DEFLATE_WINDOW_BITS)

/* --- Compressing */

struct deflater {
    z_stream stream;
    struct deflater *next;
};

void deflaters_init(struct deflaters *deflaters)
{
    *deflaters = (struct deflaters){.idle = NULL};
}

static struct deflater *deflater_create(void)
{
    struct deflater *deflater = calloc(1, sizeof *deflater);
    if (!deflater)
        return NULL;
    if (deflateInit2(&deflater->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, RAW, MAX_MEM_LEVEL - 1,
                     Z_DEFAULT_STRATEGY) == Z_OK)
        return deflater;
    free(deflater);
    return NULL;
}

static void deflater_destroy(struct deflater *deflater)
{
    (void)deflateEnd(&deflater->stream);
    free(deflater);
}

void deflaters_finish(struct deflaters *deflaters)
{
    for (struct deflater *deflater = deflaters->idle, *next; deflater; deflater = next) {
        next = deflater->next;
        deflater_destroy(deflater);
    }
}

/* @return One that nobody else uses; NULL on no memory. */
static struct deflater *borrow(struct deflaters *deflaters)
{
    lock_take(&deflaters->lock);
    struct deflater *deflater = deflaters->idle;
    if (deflater)
        deflaters->idle = deflater->next;
    lock_give(&deflaters->lock);
    return deflater ? deflater : deflater_create();
}

static void give_back(struct deflaters *deflaters, struct deflater *deflater)
{
    (void)deflateReset(&deflater->stream);
    lock_take(&deflaters->lock);
    deflater->next = deflaters->idle;
    deflaters->idle = deflater;
    lock_give(&deflaters->lock);
}

/* @param out  As long as the message and its tail: zlib stops at its end.
 * @return How long it is without the tail; the message's size if it doesn't shrink. */
static size_t compress_into(struct deflater *deflater, uint8_t *out, toni_str body)
{
    z_stream *stream = &deflater->stream;
    stream->next_in = (const Bytef *)body.data;
    stream->avail_in = (uInt)body.size;
    stream->next_out = out;
    stream->avail_out = (uInt)(body.size + sizeof tail);
    if (deflate(stream, Z_SYNC_FLUSH) != Z_OK || stream->avail_out == 0)
        return body.size;
    return body.size - stream->avail_out;
}

toni_message *deflaters_shrink(struct deflaters *deflaters, const toni_message *message)
{
    struct deflater *deflater = borrow(deflaters);
    if (!deflater)
        return NULL;
    counter_add_shared(&deflaters->tried, 1);
    size_t before = message->body.size, after = before;
    toni_message *shrunk = malloc(sizeof *shrunk + before + sizeof tail);
    if (shrunk)
        after = compress_into(deflater, (uint8_t *)(shrunk + 1), message->body);
    give_back(deflaters, deflater);
    if (after == before) {
        free(shrunk);
        return NULL;
    }
    *shrunk = *message;
    shrunk->kind |= FRAME_COMPRESSED;
    shrunk->body = toni_str_make((const char *)(shrunk + 1), after);
    counter_add_shared(&deflaters->shrunk, 1);
    counter_add_shared(&deflaters->bytes_before, before);
    counter_add_shared(&deflaters->bytes_after, after);
    return shrunk;
}

/* --- Inflating */

struct inflater {
    z_stream stream;
    uint8_t chunk[16384];
};

struct inflater *inflater_create(void)
{
    struct inflater *inflater = calloc(1, sizeof *inflater);
    if (!inflater)
        return NULL;
    if (inflateInit2(&inflater->stream, RAW) == Z_OK)
        return inflater;
    free(inflater);
    return NULL;
}

void inflater_destroy(struct inflater *inflater)
{
    if (!inflater)
        return;
    (void)inflateEnd(&inflater->stream);
    free(inflater);
}

/* @return INFLATED, or what is wrong. */
static enum inflated judge(int status)
{
    switch (status) {
    case Z_OK:
    case Z_STREAM_END:
    case Z_BUF_ERROR: /* there was nothing left to do */
        return INFLATED;
    case Z_MEM_ERROR:
        return INFLATED_NO_MEMORY;
    default:
        return INFLATED_INVALID;
    }
}

static enum inflated feed(struct inflater *inflater, const uint8_t *bytes, size_t size,
                          size_t limit, struct buffer *message)
{
    z_stream *stream = &inflater->stream;
    stream->next_in = bytes;
    stream->avail_in = (uInt)size;
    do {
        stream->next_out = inflater->chunk;
        stream->avail_out = sizeof inflater->chunk;
        int status = inflate(stream, Z_SYNC_FLUSH);
        size_t more = sizeof inflater->chunk - stream->avail_out;
        if (judge(status) != INFLATED)
            return judge(status);
        if (more > limit - message->length)
            return INFLATED_TOO_BIG;
        if (buffer_append(message, inflater->chunk, more))
            return INFLATED_NO_MEMORY;
        if (status == Z_STREAM_END) /* section 7.2.3.4: a last block need not be the last */
            (void)inflateReset(stream);
    } while (stream->avail_in > 0 || stream->avail_out == 0);
    return INFLATED;
}

enum inflated inflater_inflate(struct inflater *inflater, const void *bytes, size_t size,
                               size_t limit, struct buffer *message)
{
    const int between_blocks = 128; /* in data_type; see inflate() in zlib.h */
    (void)inflateReset(&inflater->stream);
    enum inflated result = feed(inflater, bytes, size, limit, message);
    if (result == INFLATED)
        result = feed(inflater, tail, sizeof tail, limit, message);
    if (result == INFLATED && !(inflater->stream.data_type & between_blocks))
        return INFLATED_INVALID; /* cut off */
    return result;
}

size_t inflater_most(size_t size)
{
    return size + size / 4 + 64;
}
