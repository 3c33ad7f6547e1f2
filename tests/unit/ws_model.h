/* A plain reader of frames to compare the codec with: byte by byte, each rule where RFC 6455 has
 * it, and no cleverness. Of both it is asked for the same: a log of what came, as bytes. */
#ifndef TEST_WS_MODEL_H
#define TEST_WS_MODEL_H

#include "base/buffer.h"
#include "ws/codec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* First bytes of frames. */
#define TEXT 0x81
#define BINARY 0x82
#define TEXT_BEGINS 0x01
#define BINARY_BEGINS 0x02
#define CONTINUES 0x00
#define ENDS 0x80
#define CLOSE 0x88
#define PING 0x89
#define PONG 0x8a
#define RSV1 0x40
#define RSV2 0x20
#define RSV3 0x10

/** Appends a frame as clients send them, in the shortest form. */
void ws_model_append(struct buffer *stream, unsigned first, const void *payload, size_t size,
                     uint32_t mask);

/** What one stream of bytes has led to. Messages are put together: where a part ends depends on how
 * the bytes came. */
struct ws_log {
    struct buffer events; /* such as `message 1(Hello) ping 0() close 1000(bye) fault 1002() ` */
    struct buffer places; /* of each event: after how many bytes of the stream it came */
    struct buffer message;
    bool has_begun;
};

void ws_log_init(struct ws_log *log);

void ws_log_finish(struct ws_log *log);

/** Reads a whole stream the plain way. */
void ws_model_read(struct ws_log *log, const struct buffer *stream, bool inflates,
                   uint64_t message_bytes);

/** Has the codec read the stream in pieces, and keep what it leaves of each as codec.h says.
 * @param expected  What the plain reader read.
 * @param cuts      Where the pieces end, ascending; @p count of them. The stream's end is one more.
 * @return How the codec differs: a string that lives until the next call. NULL: it doesn't. */
const char *ws_model_compare(const struct ws_log *expected, const struct buffer *stream,
                             bool inflates, uint64_t message_bytes, const size_t *cuts,
                             size_t count);

/** The same for the whole stream, for each cut into two, and byte by byte: then each event has to
 * come with the byte that decides it. */
const char *ws_model_compare_all(const struct ws_log *expected, const struct buffer *stream,
                                 bool inflates, uint64_t message_bytes);

/** Has the codec read the first @p from bytes of the stream, then drop what it left of them, and
 * the rest in pieces.
 * @param cuts  Where these end, ascending, none below @p from; @p count of them.
 * @return How codec_drop() differs from the plain reader, which looks for the end of the first
 * close frame; NULL: it doesn't, or that came before. */
const char *ws_model_compare_drop(const struct buffer *stream, bool inflates,
                                  uint64_t message_bytes, size_t from, const size_t *cuts,
                                  size_t count);

/** The same from each place on: in one piece, in two, and byte by byte. */
const char *ws_model_compare_drop_all(const struct buffer *stream, bool inflates,
                                      uint64_t message_bytes);

#endif
