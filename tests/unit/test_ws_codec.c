/* The inbound codec, row by row of RFC 6455 (sections 5, 7.4 and 8.1) and RFC 7692 (section 6),
 * each stream whole, cut at every place, and byte by byte; then random streams beside a plain
 * reader.
 *
 * TONI_TEST_SEED repeats one run, TONI_TEST_RUNS sets how many there are. */
#include "no_memory.h"
#include "runner.h"
#include "ws_model.h"

#include "ws/deflate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 1000 };

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* --- Frames as clients send them */

struct frame {
    unsigned first;
    const char *payload; /* a string */
};

static void append(struct buffer *stream, const void *bytes, size_t size)
{
    ck_assert_int_eq(buffer_append(stream, bytes, size), 0);
}

static void require_events(const struct ws_log *log, const char *events, const char *what)
{
    const int length = (int)log->events.length;
    const char *found = length > 0 ? log->events.bytes : "";
    if ((size_t)length != strlen(events) || memcmp(found, events, (size_t)length) != 0)
        ck_abort_msg("%s: %.*s", what, length, found);
}

/* Of the plain reader these events, and of the codec the same, however the stream is cut. */
static void read_all_ways(const struct buffer *stream, bool inflates, const char *events,
                          const char *what)
{
    struct ws_log expected;
    ws_log_init(&expected);
    ws_model_read(&expected, stream, inflates, LIMIT);
    require_events(&expected, events, what);
    const char *wrong = ws_model_compare_all(&expected, stream, inflates, LIMIT);
    if (!wrong)
        wrong = ws_model_compare_drop_all(stream, inflates, LIMIT);
    if (wrong)
        ck_abort_msg("%s: %s", what, wrong);
    ws_log_finish(&expected);
}

/* --- Row by row: bytes as they come */

#define RAW(text) text, sizeof(text) - 1

static const struct {
    const char *what;
    const char *bytes;
    size_t size;
    const char *events;
} raw_rows[] = {
    {"5.7: a masked text", RAW("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
     "message 1(Hello) "},
    {"5.7: a masked pong", RAW("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "pong 0(Hello) "},
    {"5.1: no mask", RAW("\x81\x05Hello"), "fault 1002() "},
    {"5.1: an empty text without a mask", RAW("\x81\x00"), "fault 1002() "},
    {"5.1: a ping without a mask", RAW("\x89\x00"), "fault 1002() "},
    {"5.1: a close without a mask", RAW("\x88\x02\x03\xe8"), "fault 1002() "},
    {"5.2: 5 in 16 bits", RAW("\x81\xfe\x00\x05\0\0\0\0Hello"), "fault 1002() "},
    {"5.2: 125 in 16 bits", RAW("\x81\xfe\x00\x7d"), "fault 1002() "},
    {"5.2: 126 in 64 bits", RAW("\x81\xff\0\0\0\0\0\0\0\x7e"), "fault 1002() "},
    {"5.2: 65535 in 64 bits", RAW("\x81\xff\0\0\0\0\0\0\xff\xff"), "fault 1002() "},
    {"5.2: 2^63 bytes", RAW("\x82\xff\x80\0\0\0\0\0\0\0"), "fault 1002() "},
    {"5.2: 2^64-1 bytes", RAW("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "fault 1002() "},
    {"10.4: 2^63-1 bytes", RAW("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"),
     "fault 1009() "},
    {"10.4: one byte above the limit", RAW("\x82\xfe\x03\xe9\0\0\0\0"), "fault 1009() "},
    {"10.4: in fragments", RAW("\x02\xfe\x03\xe7\0\0\0\0"), ""},
    {"5.5: 126 bytes of a ping", RAW("\x89\xfe\x00\x7e"), "fault 1002() "},
    {"5.5: 126 bytes of a close, as soon as it says so", RAW("\x88\xfe"), "fault 1002() "},
    {"5.5: 64 bits of length in a pong", RAW("\x8a\xff"), "fault 1002() "},
    {"a head that isn't whole", RAW("\x81"), ""},
    {"a mask that isn't whole", RAW("\x81\x85\x37\xfa\x21"), ""},
    {"a length that isn't whole", RAW("\x81\xff\0\0\0\0\0\0\1"), ""},
    {"a payload that isn't whole", RAW("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51"), ""},
    {"a ping that isn't whole", RAW("\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51"), ""},
    {"nothing", RAW(""), ""},
};

START_TEST(bytes_as_they_come)
{
    struct buffer stream;
    buffer_init(&stream);
    append(&stream, raw_rows[_i].bytes, raw_rows[_i].size);
    read_all_ways(&stream, false, raw_rows[_i].events, raw_rows[_i].what);
    buffer_finish(&stream);
}
END_TEST

/* --- Row by row: frames */

enum { FRAMES = 6 };

static const struct {
    const char *what;
    struct frame frames[FRAMES];
    const char *events;
} rows[] = {
    /* 5.2 and 5.6: data */
    {"an empty text", {{TEXT, ""}}, "message 1() "},
    {"an empty binary message", {{BINARY, ""}}, "message 2() "},
    {"a text", {{TEXT, "abc"}}, "message 1(abc) "},
    {"a binary message need not be text", {{BINARY, "\xff\xfe"}}, "message 2(\xff\xfe) "},
    {"two in a row", {{TEXT, "a"}, {BINARY, "b"}}, "message 1(a) message 2(b) "},
    {"RSV1 without an agreement", {{TEXT | RSV1, "a"}}, "fault 1002() "},
    {"RSV2", {{TEXT | RSV2, "a"}}, "fault 1002() "},
    {"RSV3", {{BINARY | RSV3, "a"}}, "fault 1002() "},
    {"RSV1 to 3", {{TEXT | RSV1 | RSV2 | RSV3, "a"}}, "fault 1002() "},
    {"RSV1 in a ping", {{PING | RSV1, ""}}, "fault 1002() "},
    {"RSV2 in a close", {{CLOSE | RSV2, ""}}, "fault 1002() "},
    {"RSV1 in a continuation", {{TEXT_BEGINS, "a"}, {ENDS | RSV1, "b"}}, "fault 1002() "},
    {"opcode 3", {{0x83, ""}}, "fault 1002() "},
    {"opcode 4, fragment", {{0x04, ""}}, "fault 1002() "},
    {"opcode 5", {{0x85, "a"}}, "fault 1002() "},
    {"opcode 6", {{0x86, "a"}}, "fault 1002() "},
    {"opcode 7", {{0x87, "a"}}, "fault 1002() "},
    {"opcode 11", {{0x8b, ""}}, "fault 1002() "},
    {"opcode 12", {{0x8c, ""}}, "fault 1002() "},
    {"opcode 13", {{0x8d, "a"}}, "fault 1002() "},
    {"opcode 14", {{0x8e, "a"}}, "fault 1002() "},
    {"opcode 15", {{0x8f, "a"}}, "fault 1002() "},
    {"a fault ends all", {{TEXT, "a"}, {0x83, ""}, {TEXT, "b"}}, "message 1(a) fault 1002() "},

    /* 5.4: fragments */
    {"two fragments", {{TEXT_BEGINS, "ab"}, {ENDS, "c"}}, "message 1(abc) "},
    {"three", {{BINARY_BEGINS, "a"}, {CONTINUES, "b"}, {ENDS, "c"}}, "message 2(abc) "},
    {"empty fragments",
     {{TEXT_BEGINS, ""}, {CONTINUES, ""}, {ENDS, ""}},
     "empty 0() empty 0() message 1() "},
    {"an empty one at the end", {{TEXT_BEGINS, "a"}, {ENDS, ""}}, "message 1(a) "},
    {"an empty one in the middle",
     {{TEXT_BEGINS, "a"}, {CONTINUES, ""}, {ENDS, "b"}},
     "empty 0() message 1(ab) "},
    {"a ping between",
     {{TEXT_BEGINS, "a"}, {PING, "p"}, {ENDS, "b"}, {TEXT, "c"}},
     "ping 0(p) message 1(ab) message 1(c) "},
    {"a pong and pings between",
     {{TEXT_BEGINS, "a"}, {PING, "1"}, {CONTINUES, "b"}, {PING, "2"}, {PONG, ""}, {ENDS, "c"}},
     "ping 0(1) ping 0(2) pong 0() message 1(abc) "},
    {"a close between", {{TEXT_BEGINS, "a"}, {CLOSE, "\x03\xe8"}, {ENDS, "b"}}, "close 1000() "},
    {"nothing to continue", {{ENDS, "a"}}, "fault 1002() "},
    {"nothing to continue, not final", {{CONTINUES, "a"}}, "fault 1002() "},
    {"nothing to continue any more",
     {{TEXT_BEGINS, "a"}, {ENDS, "b"}, {ENDS, "c"}},
     "message 1(ab) fault 1002() "},
    {"a text within a text", {{TEXT_BEGINS, "a"}, {TEXT, "b"}}, "fault 1002() "},
    {"a message begins within another",
     {{TEXT_BEGINS, "a"}, {BINARY_BEGINS, "b"}},
     "fault 1002() "},

    /* 5.5: control frames */
    {"an empty ping", {{PING, ""}}, "ping 0() "},
    {"a ping", {{PING, "payload"}}, "ping 0(payload) "},
    {"of several pings each", {{PING, "1"}, {PING, "2"}}, "ping 0(1) ping 0(2) "},
    {"a pong that nobody asked for", {{PONG, "payload"}}, "pong 0(payload) "},
    {"a ping need not be text", {{PING, "\xfe\xff"}}, "ping 0(\xfe\xff) "},
    {"a ping in fragments", {{0x09, "a"}, {ENDS, "b"}}, "fault 1002() "},
    {"a pong in fragments", {{0x0a, ""}}, "fault 1002() "},
    {"a close in fragments", {{0x08, ""}}, "fault 1002() "},

    /* 5.5.1: close */
    {"an empty close", {{CLOSE, ""}}, "close 0() "},
    {"after a close comes nothing", {{CLOSE, ""}, {PING, ""}, {0x83, ""}}, "close 0() "},
    {"a code of one byte", {{CLOSE, "\x03"}}, "fault 1002() "},
    {"a reason",
     {{CLOSE, "\x03\xe8"
              "bye"}},
     "close 1000(bye) "},
    {"a reason in many languages",
     {{CLOSE, "\x0f\xa0\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"}},
     "close 4000(\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80) "},
    {"a reason that isn't UTF-8", {{CLOSE, "\x03\xe8\xff"}}, "fault 1007() "},
    {"a reason that is cut off", {{CLOSE, "\x03\xe8\xe2\x82"}}, "fault 1007() "},
    {"a bad code is worse than its reason", {{CLOSE, "\x03\xed\xff"}}, "fault 1002() "},

    /* 8.1: UTF-8 */
    {"one character in two fragments",
     {{TEXT_BEGINS, "\xe2\x82"}, {ENDS, "\xac"}},
     "message 1(\xe2\x82\xac) "},
    {"in four, with a ping between",
     {{TEXT_BEGINS, "\xf0"}, {CONTINUES, "\x9f"}, {PING, ""}, {CONTINUES, "\x98"}, {ENDS, "\x80"}},
     "ping 0() message 1(\xf0\x9f\x98\x80) "},
    {"an empty fragment within a character",
     {{TEXT_BEGINS, "\xe2"}, {CONTINUES, ""}, {ENDS, "\x82\xac"}},
     "empty 0() message 1(\xe2\x82\xac) "},
    {"a character cut off by the end", {{TEXT, "ab\xe2\x82"}}, "fault 1007() "},
    {"by an empty last fragment", {{TEXT_BEGINS, "\xe2\x82"}, {ENDS, ""}}, "fault 1007() "},
    {"by ASCII", {{TEXT_BEGINS, "\xe2\x82"}, {ENDS, "aaaaaaaaaaaaaaaa"}}, "fault 1007() "},
    {"a surrogate", {{TEXT, "\xed\xa0\x80"}}, "fault 1007() "},
    {"an overlong form", {{TEXT, "\xc0\xaf"}}, "fault 1007() "},
    {"above U+10FFFF", {{TEXT, "\xf4\x90\x80\x80"}}, "fault 1007() "},
    {"before the message ends", {{TEXT_BEGINS, "a\xff"}, {ENDS, "b"}}, "fault 1007() "},
    {"behind sixteen good bytes", {{TEXT, "0123456789abcdef\xff"}}, "fault 1007() "},
    {"the next text begins anew",
     {{TEXT, "\xc3\xa9"}, {TEXT, "a"}, {TEXT, "\xa9"}},
     "message 1(\xc3\xa9) message 1(a) fault 1007() "},
};

static void append_frames(struct buffer *stream, const struct frame *frames)
{
    for (size_t i = 0; i < FRAMES && frames[i].payload; i++)
        ws_model_append(stream, frames[i].first, frames[i].payload, strlen(frames[i].payload),
                        0x9a3b5c7du + (uint32_t)i);
}

START_TEST(frames_of_all_kinds)
{
    struct buffer stream;
    buffer_init(&stream);
    append_frames(&stream, rows[_i].frames);
    read_all_ways(&stream, false, rows[_i].events, rows[_i].what);
    buffer_finish(&stream);
}
END_TEST

/* --- RFC 7692, section 6: an agreement on permessage-deflate */

static const struct {
    const char *what;
    struct frame frames[FRAMES];
    const char *events;
} deflate_rows[] = {
    {"compressed", {{TEXT | RSV1, "\xff\xfe"}}, "message 65(\xff\xfe) "},
    {"compressed binary", {{BINARY | RSV1, "x"}}, "message 66(x) "},
    {"and one that isn't", {{TEXT | RSV1, "x"}, {TEXT, "y"}}, "message 65(x) message 1(y) "},
    {"fragments",
     {{TEXT_BEGINS | RSV1, "\xff"}, {ENDS, "y"}},
     "message 65(\xff"
     "y) "},
    {"RSV1 in a later fragment", {{TEXT_BEGINS | RSV1, "x"}, {ENDS | RSV1, "y"}}, "fault 1002() "},
    {"in a later one alone", {{TEXT_BEGINS, "x"}, {ENDS | RSV1, "y"}}, "fault 1002() "},
    {"in a ping", {{PING | RSV1, ""}}, "fault 1002() "},
    {"in a ping between", {{TEXT_BEGINS | RSV1, "x"}, {PING | RSV1, ""}}, "fault 1002() "},
    {"in a pong", {{PONG | RSV1, ""}}, "fault 1002() "},
    {"in a close", {{CLOSE | RSV1, ""}}, "fault 1002() "},
    {"RSV2 beside it", {{TEXT | RSV1 | RSV2, "x"}}, "fault 1002() "},
    {"text that isn't compressed is checked", {{TEXT, "\xff"}}, "fault 1007() "},
};

START_TEST(frames_where_deflate_is_agreed)
{
    struct buffer stream;
    buffer_init(&stream);
    append_frames(&stream, deflate_rows[_i].frames);
    read_all_ways(&stream, true, deflate_rows[_i].events, deflate_rows[_i].what);
    buffer_finish(&stream);
}
END_TEST

/* --- Section 7.4: every close code */

static bool may_be_received(unsigned code)
{
    static const unsigned defined[] = {1000, 1001, 1002, 1003, 1007, 1008,
                                       1009, 1010, 1011, 1012, 1013, 1014};
    for (size_t i = 0; i < COUNT(defined); i++) {
        if (code == defined[i])
            return true;
    }
    return code >= 3000 && code <= 4999;
}

START_TEST(close_codes)
{
    for (unsigned code = 0; code <= UINT16_MAX; code++) {
        uint8_t bytes[] = {CLOSE, 0x82, 0, 0, 0, 0, (uint8_t)(code >> 8), (uint8_t)code};
        struct codec codec;
        struct codec_input input = {bytes, sizeof bytes, LIMIT};
        struct codec_event event;
        codec_init(&codec, false);
        enum codec_event_type type = codec_next(&codec, &input, &event);
        if (type != (may_be_received(code) ? CODEC_CLOSE : CODEC_FAULT) ||
            event.code != (may_be_received(code) ? code : 1002) ||
            (type == CODEC_FAULT && !event.peer_closed))
            ck_abort_msg("code %u", code);
    }
}
END_TEST

/* Whoever has said close says no more: it is not waited for. */
START_TEST(only_a_fault_in_a_close_frame_is_the_peers_close)
{
    static const struct {
        const char *bytes;
        size_t size;
        bool peer_closed;
    } faults[] = {{RAW("\x88\x81\0\0\0\0\x03"), true},
                  {RAW("\x88\x83\0\0\0\0\x03\xe8\xff"), true},
                  {RAW("\x88\xfe"), false},
                  {RAW("\x83\x80"), false},
                  {RAW("\x81\x81\0\0\0\0\xff"), false}};
    for (size_t i = 0; i < COUNT(faults); i++) {
        uint8_t bytes[16];
        struct codec codec;
        struct codec_input input = {bytes, faults[i].size, LIMIT};
        struct codec_event event;
        memcpy(bytes, faults[i].bytes, faults[i].size);
        memset(&event, 0xff, sizeof event);
        codec_init(&codec, false);
        ck_assert_int_eq(codec_next(&codec, &input, &event), CODEC_FAULT);
        ck_assert_int_eq(event.peer_closed, faults[i].peer_closed);
        ck_assert_ptr_nonnull(event.text);
        ck_assert_int_eq(codec_next(&codec, &input, &event), CODEC_NEEDS_MORE);
        ck_assert_uint_eq(input.size, 0);
    }
}
END_TEST

/* --- After the host's own close, or a fault */

static const struct {
    const char *what;
    const char *bytes;
    size_t size;
    bool closed;
} drop_rows[] = {
    {"a close", RAW("\x88\x82\1\2\3\4\2\xea"), true},
    {"an empty one", RAW("\x88\x80\1\2\3\4"), true},
    {"one without a mask is none", RAW("\x88\x00"), false},
    {"nor one in fragments", RAW("\x08\x80\1\2\3\4"), false},
    {"nor one with a reserved bit", RAW("\xc8\x80\1\2\3\4"), false},
    {"nor one whose length has 16 bits", RAW("\x88\xfe\x00\x7e\1\2\3\4"), false},
    {"a close behind these", RAW("\x88\x00\x08\x80\1\2\3\4\x88\x80\1\2\3\4"), true},
    {"one that isn't whole", RAW("\x88\x82\1\2\3\4\2"), false},
    {"its head isn't", RAW("\x88\x80\1\2\3"), false},
    {"behind a message", RAW("\x81\x81\1\2\3\4x\x88\x80\1\2\3\4"), true},
    {"within one", RAW("\x81\x87\0\0\0\0x\x88\x80\1\2\3\4"), false},
    {"within one whose length has 16 bits", RAW("\x82\xfe\x00\x07\0\0\0\0x\x88\x80\1\2\3\4"),
     false},
    {"behind a reserved opcode", RAW("\x83\x80\1\2\3\4\x88\x80\1\2\3\4"), true},
    {"behind a message that isn't UTF-8", RAW("\x81\x82\0\0\0\0\xffx\x88\x80\1\2\3\4"), true},
    {"behind one without a mask", RAW("\x81\x01x\x88\x80\1\2\3\4"), true},
    {"behind a length that can't be", RAW("\x82\xff\x80\0\0\0\0\0\0\0\1\2\3\4\x88\x80\1\2\3\4"),
     true},
    {"and bytes behind it", RAW("\x88\x80\1\2\3\4\x81"), true},
};

START_TEST(a_close_is_seen_though_all_is_dropped)
{
    struct buffer stream;
    struct codec codec;
    buffer_init(&stream);
    append(&stream, drop_rows[_i].bytes, drop_rows[_i].size);
    codec_init(&codec, false);
    ck_assert_msg(codec_drop(&codec, (const uint8_t *)stream.bytes, stream.length) ==
                      drop_rows[_i].closed,
                  "%s", drop_rows[_i].what);
    const char *wrong = ws_model_compare_drop_all(&stream, false, LIMIT);
    if (wrong)
        ck_abort_msg("%s: %s", drop_rows[_i].what, wrong);
    buffer_finish(&stream);
}
END_TEST

/* Nobody sends so much: but what is announced is counted, not kept. */
START_TEST(a_close_behind_what_was_too_big_is_seen)
{
    uint8_t head[] = {BINARY, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4};
    static const uint8_t zeroes[4096], close[] = {CLOSE, 0x80, 1, 2, 3, 4};
    struct codec codec;
    struct codec_input input = {head, sizeof head, LIMIT};
    struct codec_event event;
    codec_init(&codec, false);
    ck_assert_int_eq(codec_next(&codec, &input, &event), CODEC_FAULT);
    ck_assert_uint_eq(event.code, 1009);
    ck_assert(!codec_drop(&codec, input.bytes, input.size));
    for (size_t dropped = 0; dropped < 65536; dropped += sizeof zeroes)
        ck_assert(!codec_drop(&codec, zeroes, sizeof zeroes));
    ck_assert(codec_drop(&codec, close, sizeof close));
}
END_TEST

/* --- Sizes */

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 7 + at / 256);
}

/* A message of any size, at any place in the buffer, under each mask's rotation: no byte beside it
 * is touched. */
START_TEST(payloads_of_all_small_sizes)
{
    for (size_t size = 0; size <= 200; size++) {
        for (size_t shift = 0; shift < 8; shift++) {
            struct buffer stream;
            uint8_t payload[200];
            buffer_init(&stream);
            append(&stream, "guarding", shift);
            for (size_t i = 0; i < size; i++)
                payload[i] = pattern(i);
            ws_model_append(&stream, BINARY, payload, size, 0xa1b2c3d4);
            append(&stream, "guard", 5);
            struct codec codec;
            struct codec_input input = {(uint8_t *)stream.bytes + shift, stream.length - shift - 5,
                                        LIMIT};
            struct codec_event event;
            codec_init(&codec, false);
            ck_assert_int_eq(codec_next(&codec, &input, &event), CODEC_MESSAGE);
            ck_assert_uint_eq(event.size, size);
            ck_assert(memcmp(event.bytes, payload, size) == 0);
            ck_assert_uint_eq(input.size, 0);
            ck_assert(memcmp(stream.bytes, "guarding", shift) == 0);
            ck_assert_mem_eq(stream.bytes + stream.length - 5, "guard", 5);
            buffer_finish(&stream);
        }
    }
}
END_TEST

START_TEST(a_message_that_is_whole_is_handed_on_where_it_lies)
{
    struct buffer stream;
    struct codec codec;
    struct codec_event event;
    buffer_init(&stream);
    ws_model_append(&stream, TEXT, "first", 5, 1);
    ws_model_append(&stream, TEXT, "second", 6, 2);
    struct codec_input input = {(uint8_t *)stream.bytes, stream.length, LIMIT};
    codec_init(&codec, false);
    ck_assert_int_eq(codec_next(&codec, &input, &event), CODEC_MESSAGE);
    ck_assert_ptr_eq(event.bytes, stream.bytes + 6);
    ck_assert(event.is_first && event.is_last);
    ck_assert_int_eq(codec_next(&codec, &input, &event), CODEC_MESSAGE);
    ck_assert_ptr_eq(event.bytes, stream.bytes + 6 + 5 + 6);
    ck_assert_int_eq(codec_next(&codec, &input, &event), CODEC_NEEDS_MORE);
    ck_assert(!codec_is_within_message(&codec));
    buffer_finish(&stream);
}
END_TEST

START_TEST(large_messages)
{
    static const size_t sizes[] = {125, 126, 127, 65535, 65536, 70000};
    static const size_t cuts[] = {3, 16384, 32768, 65536, 65541};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        uint8_t *payload = malloc(sizes[i]);
        struct buffer stream;
        struct ws_log log;
        ck_assert_ptr_nonnull(payload);
        for (size_t at = 0; at < sizes[i]; at++)
            payload[at] = pattern(at);
        buffer_init(&stream);
        ws_log_init(&log);
        ws_model_append(&stream, BINARY, payload, sizes[i], 0x01020304);
        size_t count = 0;
        while (count < COUNT(cuts) && cuts[count] < stream.length)
            count++;
        ws_model_read(&log, &stream, false, sizes[i]);
        ck_assert_uint_gt(log.events.length, sizes[i]);
        ck_assert_ptr_null(ws_model_compare(&log, &stream, false, sizes[i], cuts, count));
        ws_log_finish(&log);
        ws_log_init(&log);
        ws_model_read(&log, &stream, false, sizes[i] - 1);
        require_events(&log, "fault 1009() ", "above the limit");
        ck_assert_ptr_null(ws_model_compare(&log, &stream, false, sizes[i] - 1, cuts, count));
        ws_log_finish(&log);
        buffer_finish(&stream);
        free(payload);
    }
}
END_TEST

struct sized {
    unsigned first;
    size_t size;
};

static enum codec_event_type last_event(const struct sized *sent, size_t count,
                                        struct codec_event *event)
{
    struct buffer stream;
    struct codec codec;
    enum codec_event_type type = CODEC_NEEDS_MORE, next;
    static char payload[2 * LIMIT];
    memset(payload, 'x', sizeof payload);
    buffer_init(&stream);
    for (size_t i = 0; i < count; i++)
        ws_model_append(&stream, sent[i].first, payload, sent[i].size, 7);
    struct codec_input input = {(uint8_t *)stream.bytes, stream.length, LIMIT};
    codec_init(&codec, true);
    while ((next = codec_next(&codec, &input, event)) != CODEC_NEEDS_MORE)
        type = next;
    buffer_finish(&stream);
    return type;
}

START_TEST(the_limit_is_for_the_message)
{
    struct codec_event event;
    const struct sized just[] = {{BINARY_BEGINS, 500}, {PING, 100}, {ENDS, 500}};
    ck_assert_int_eq(last_event(just, 3, &event), CODEC_PART);
    ck_assert(event.is_last);
    const struct sized above[] = {{BINARY_BEGINS, 500}, {CONTINUES, 500}, {ENDS, 1}};
    ck_assert_int_eq(last_event(above, 3, &event), CODEC_FAULT);
    ck_assert_uint_eq(event.code, 1009);
    const struct sized next[] = {{TEXT, LIMIT}, {TEXT, LIMIT}};
    ck_assert_int_eq(last_event(next, 2, &event), CODEC_MESSAGE);
    /* What does not shrink may grow by compressing. */
    const struct sized grown[] = {{BINARY | RSV1, inflater_most(LIMIT)}};
    ck_assert_int_eq(last_event(grown, 1, &event), CODEC_MESSAGE);
    const struct sized too_big[] = {{BINARY | RSV1, inflater_most(LIMIT) + 1}};
    ck_assert_int_eq(last_event(too_big, 1, &event), CODEC_FAULT);
    ck_assert_uint_eq(event.code, 1009);
}
END_TEST

/* --- Memory */

START_TEST(nothing_is_allocated)
{
    struct buffer stream;
    struct codec codec;
    struct codec_event event;
    enum codec_event_type type;
    unsigned events = 0;
    buffer_init(&stream);
    ws_model_append(&stream, TEXT_BEGINS, "\xe2\x82", 2, 1);
    ws_model_append(&stream, PING, "ping", 4, 2);
    ws_model_append(&stream, ENDS, "\xac", 1, 3);
    ws_model_append(&stream, TEXT, "\xc3\xa9 and more than that", 20, 4);
    ws_model_append(&stream, BINARY | RSV1, "compressed", 10, 5);
    ws_model_append(&stream, CLOSE, "\x03\xe8\xc3\xa9", 4, 6);
    struct codec_input input = {(uint8_t *)stream.bytes, stream.length, LIMIT};
    codec_init(&codec, true);
    WITH_ALLOCATIONS(0, {
        do {
            type = codec_next(&codec, &input, &event);
            events++;
        } while (type != CODEC_CLOSE && type != CODEC_FAULT && type != CODEC_NEEDS_MORE);
    });
    ck_assert(!allocation_failed());
    ck_assert_int_eq(type, CODEC_CLOSE);
    ck_assert_uint_eq(events, 6);
    ck_assert_uint_le(sizeof codec, 32);
    buffer_finish(&stream);
}
END_TEST

int main(void)
{
    if (!no_memory_works())
        return NO_MEMORY_SKIPPED;
    Suite *suite = suite_create("ws/codec");
    TCase *cases = tcase_create("all");

    tcase_add_loop_test(cases, bytes_as_they_come, 0, COUNT(raw_rows));
    tcase_add_loop_test(cases, frames_of_all_kinds, 0, COUNT(rows));
    tcase_add_loop_test(cases, frames_where_deflate_is_agreed, 0, COUNT(deflate_rows));
    tcase_add_test(cases, close_codes);
    tcase_add_test(cases, only_a_fault_in_a_close_frame_is_the_peers_close);
    tcase_add_loop_test(cases, a_close_is_seen_though_all_is_dropped, 0, COUNT(drop_rows));
    tcase_add_test(cases, a_close_behind_what_was_too_big_is_seen);
    tcase_add_test(cases, payloads_of_all_small_sizes);
    tcase_add_test(cases, a_message_that_is_whole_is_handed_on_where_it_lies);
    tcase_add_test(cases, large_messages);
    tcase_add_test(cases, the_limit_is_for_the_message);
    tcase_add_test(cases, nothing_is_allocated);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
