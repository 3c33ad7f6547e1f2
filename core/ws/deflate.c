/* Compresses and inflates; see deflate.h. */
#include "ws/deflate.h"

#include "ws/frame.h"

#include <stdbool.h>
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

/* One step reads and writes no more than this. Both are bounded: a little input may become a lot,
 * and a lot may become nothing, as blocks do that only say how nothing is encoded. */
#define STEP_INPUT 1024
#define STEP_OUTPUT 16384

struct inflater {
    z_stream stream;     /* reads a piece of what is left, or the tail */
    const uint8_t *left; /* behind that piece */
    size_t left_size;
    bool is_in_tail;
    uint8_t chunk[STEP_OUTPUT];
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

void inflater_begin(struct inflater *inflater, const void *bytes, size_t size)
{
    (void)inflateReset(&inflater->stream);
    inflater->stream.next_in = inflater->left = bytes;
    inflater->stream.avail_in = 0;
    inflater->left_size = size;
    inflater->is_in_tail = false;
}

/* Gives zlib its next piece, if there is one. */
static void feed(struct inflater *inflater)
{
    z_stream *stream = &inflater->stream;
    if (inflater->left_size > 0) {
        const size_t size = inflater->left_size < STEP_INPUT ? inflater->left_size : STEP_INPUT;
        stream->next_in = inflater->left;
        stream->avail_in = (uInt)size;
        inflater->left += size;
        inflater->left_size -= size;
    } else if (!inflater->is_in_tail) {
        inflater->is_in_tail = true;
        stream->next_in = tail;
        stream->avail_in = sizeof tail;
    }
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

/* Inflates what zlib has been given, as far as it goes into the chunk. */
static enum inflated inflate_chunk(struct inflater *inflater, size_t limit, struct buffer *message)
{
    z_stream *stream = &inflater->stream;
    stream->next_out = inflater->chunk;
    stream->avail_out = sizeof inflater->chunk;
    const int status = inflate(stream, Z_SYNC_FLUSH);
    const size_t more = sizeof inflater->chunk - stream->avail_out;
    if (judge(status) != INFLATED)
        return judge(status);
    if (more > limit - message->length)
        return INFLATED_TOO_BIG;
    if (buffer_append(message, inflater->chunk, more))
        return INFLATED_NO_MEMORY;
    if (status == Z_STREAM_END) /* section 7.2.3.4: a last block need not be the last */
        (void)inflateReset(stream);
    return stream->avail_in > 0 || stream->avail_out == 0 ? INFLATED_MORE : INFLATED;
}

enum inflated inflater_step(struct inflater *inflater, size_t limit, struct buffer *message)
{
    const int between_blocks = 128; /* in data_type; see inflate() in zlib.h */
    enum inflated result;
    do { /* the second time for the tail, which is next to nothing */
        if (inflater->stream.avail_in == 0)
            feed(inflater);
        result = inflate_chunk(inflater, limit, message);
        if (result == INFLATED && inflater->left_size > 0)
            return INFLATED_MORE;
    } while (result == INFLATED && !inflater->is_in_tail);
    if (result == INFLATED && !(inflater->stream.data_type & between_blocks))
        return INFLATED_INVALID; /* cut off */
    return result;
}

/* Before the tail, what zlib has not read lies right in front of what is left. */
toni_str inflater_left(const struct inflater *inflater)
{
    if (inflater->is_in_tail)
        return toni_str_make("", 0);
    return toni_str_make((const char *)inflater->stream.next_in,
                         inflater->stream.avail_in + inflater->left_size);
}

void inflater_moved(struct inflater *inflater, const void *bytes)
{
    if (inflater->is_in_tail)
        return;
    inflater->stream.next_in = bytes;
    inflater->left = inflater->stream.next_in + inflater->stream.avail_in;
}

size_t inflater_most(size_t size)
{
    return size + size / 4 + 64;
}
