/* Frames to clients, written out by hand at every border of a head's size, and read back. */
#include "dice.h"
#include "runner.h"

#include "ws/frame.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    size_t size;
    uint64_t wire;
    uint32_t frames;
} sizes[] = {
    {0, 2, 1},
    {1, 3, 1},
    {125, 127, 1},
    {126, 130, 1},
    {127, 131, 1},
    {65531, 65535, 1},
    {65532, 65536, 1},
    {65533, 65536 + 3, 2},
    {65532 + 125, 65536 + 127, 2},
    {65532 + 126, 65536 + 130, 2},
    {2 * 65532 - 1, 2 * 65536 - 1, 2},
    {2 * 65532, 2 * 65536, 2},
    {2 * 65532 + 1, 2 * 65536 + 3, 3},
    {1048576, 16 * 65536 + 2 + 64, 17},
};

static uint8_t *random_bytes_of(size_t size)
{
    struct dice dice = {.state = size};
    uint8_t *bytes = malloc(size + 1);
    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)dice_next(&dice);
    return bytes;
}

/* Takes one frame of a message apart: a first one, and the only one that is final the last; each of
 * its length in the shortest form.
 * @return How many bytes it has. */
static size_t read_frame(const uint8_t *at, bool is_first, bool is_last, unsigned kind,
                         const uint8_t **payload, size_t *size)
{
    ck_assert_uint_eq(at[0], (is_last ? 0x80u : 0) | (is_first ? kind : 0));
    *size = at[1];
    *payload = at + 2;
    ck_assert_uint_lt(*size, 127);
    if (*size == 126) {
        *size = (size_t)at[2] << 8 | at[3];
        *payload = at + 4;
        ck_assert_uint_gt(*size, 125);
    }
    return (size_t)(*payload - at) + *size;
}

START_TEST(a_message_of_any_size)
{
    size_t size = sizes[_i].size;
    uint64_t wire = frame_message_size(size);
    ck_assert_uint_eq(wire, sizes[_i].wire);
    for (unsigned kind = FRAME_TEXT; kind <= FRAME_BINARY; kind++) {
        uint8_t *payload = random_bytes_of(size), *out = malloc((size_t)wire + 1);
        size_t at = 0, taken = 0;
        ck_assert_ptr_nonnull(out);
        out[wire] = 0xa5;
        frame_encode_message(out, kind, payload, size);
        ck_assert_uint_eq(out[wire], 0xa5);
        for (uint32_t frame = 1; frame <= sizes[_i].frames; frame++) {
            const uint8_t *part;
            size_t length;
            at += read_frame(out + at, frame == 1, frame == sizes[_i].frames, kind, &part, &length);
            ck_assert(taken + length <= size && memcmp(part, payload + taken, length) == 0);
            taken += length;
        }
        ck_assert_uint_eq(taken, size);
        ck_assert_uint_eq(at, wire);
        free(payload);
        free(out);
    }
}
END_TEST

START_TEST(heads_byte_by_byte)
{
    static uint8_t payload[65533], out[65536 + 3];
    frame_encode_message(out, FRAME_TEXT, NULL, 0);
    ck_assert_mem_eq(out, "\x81\x00", 2);
    frame_encode_message(out, FRAME_BINARY, "a", 1);
    ck_assert_mem_eq(out,
                     "\x82\x01"
                     "a",
                     3);
    frame_encode_message(out, FRAME_TEXT, payload, 125);
    ck_assert_mem_eq(out, "\x81\x7d", 2);
    frame_encode_message(out, FRAME_TEXT, payload, 126);
    ck_assert_mem_eq(out, "\x81\x7e\x00\x7e", 4);
    frame_encode_message(out, FRAME_TEXT, payload, 65532);
    ck_assert_mem_eq(out, "\x81\x7e\xff\xfc", 4);
    frame_encode_message(out, FRAME_TEXT, payload, 65533);
    ck_assert_mem_eq(out, "\x01\x7e\xff\xfc", 4);
    ck_assert_mem_eq(out + 65536, "\x80\x01", 2);
}
END_TEST

START_TEST(the_size_of_very_large_messages)
{
    ck_assert_uint_eq(frame_message_size(UINT32_MAX), 65540ull * 65536 + 2 + 15);
    ck_assert_uint_eq(frame_message_size(65532ull * 1000000), 65536ull * 1000000);
}
END_TEST

START_TEST(control_frames)
{
    uint8_t out[2 + FRAME_CONTROL_MAX];
    char payload[FRAME_CONTROL_MAX];
    memset(payload, 'p', sizeof payload);
    ck_assert_uint_eq(frame_encode_control(out, FRAME_PING, NULL, 0), 2);
    ck_assert_mem_eq(out, "\x89\x00", 2);
    ck_assert_uint_eq(frame_encode_control(out, FRAME_PONG, payload, 125), 127);
    ck_assert_mem_eq(out, "\x8a\x7d", 2);
    ck_assert_mem_eq(out + 2, payload, 125);
}
END_TEST

START_TEST(close_frames)
{
    uint8_t out[2 + FRAME_CONTROL_MAX];
    char reason[FRAME_REASON_MAX];
    memset(reason, 'r', sizeof reason);
    ck_assert_uint_eq(frame_encode_close(out, 0, NULL, 0), 2);
    ck_assert_mem_eq(out, "\x88\x00", 2);
    ck_assert_uint_eq(frame_encode_close(out, 1000, NULL, 0), 4);
    ck_assert_mem_eq(out, "\x88\x02\x03\xe8", 4);
    ck_assert_uint_eq(frame_encode_close(out, 4999, "no", 2), 6);
    ck_assert_mem_eq(out, "\x88\x04\x13\x87no", 6);
    ck_assert_uint_eq(frame_encode_close(out, 1008, reason, sizeof reason), sizeof out);
    ck_assert_mem_eq(out, "\x88\x7d\x03\xf0", 4);
    ck_assert_mem_eq(out + 4, reason, sizeof reason);
}
END_TEST

START_TEST(boundaries)
{
    static const size_t begins[] = {0, 2, 3 + 2, 130 + 3 + 2, 65536 + 130 + 3 + 2};
    static uint8_t out[2 * 65536], payload[65532];
    frame_encode_message(out, FRAME_TEXT, "", 0);
    frame_encode_message(out + begins[1], FRAME_TEXT, "x", 1);
    frame_encode_message(out + begins[2], FRAME_BINARY, payload, 126);
    frame_encode_message(out + begins[3], FRAME_BINARY, payload, sizeof payload);
    ck_assert_uint_eq(frame_boundary(out, 0), 0);
    for (size_t i = 1; i < sizeof begins / sizeof begins[0]; i++) {
        ck_assert_uint_eq(frame_boundary(out, begins[i - 1] + 1), begins[i]);
        ck_assert_uint_eq(frame_boundary(out, begins[i] - 1), begins[i]);
        ck_assert_uint_eq(frame_boundary(out, begins[i]), begins[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/frame");
    TCase *cases = tcase_create("all");

    tcase_add_loop_test(cases, a_message_of_any_size, 0, sizeof sizes / sizeof sizes[0]);
    tcase_add_test(cases, heads_byte_by_byte);
    tcase_add_test(cases, the_size_of_very_large_messages);
    tcase_add_test(cases, control_frames);
    tcase_add_test(cases, close_frames);
    tcase_add_test(cases, boundaries);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
