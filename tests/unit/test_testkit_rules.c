/* The rules of the test kit beside those of the host, row by row: what one refuses the other does.
 */
#include "base/utf8.h"
#include "rooms/room_rules.h"
#include "rooms/rules.h"
#include "runner.h"
#include "toni_testkit_rules.h"
#include "ws/field.h"
#include "ws/frame.h"

#include <stdlib.h>
#include <string.h>

#define BYTES(text)                                                                                \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const toni_str rows[] = {
    BYTES(""),
    BYTES("r"),
    BYTES("lobby:1"),
    BYTES("a b"),
    BYTES("a\nb"),
    BYTES("\0"),
    BYTES("\x1f"),
    BYTES("\x20"),
    BYTES("\x7f"),
    BYTES("\x80"),
    BYTES("\xc0\x80"),
    BYTES("\xc1\xbf"),
    BYTES("\xc2"),
    BYTES("\xc2\x80"),
    BYTES("\xc2\x9f"),
    BYTES("\xc2\xa0"),
    BYTES("\xc3\xa4"),
    BYTES("\xdf\xbf"),
    BYTES("\xe0\x9f\xbf"),
    BYTES("\xe0\xa0\x80"),
    BYTES("\xe2\x82"),
    BYTES("\xe2\x82\xac"),
    BYTES("\xe2\x82\x41"),
    BYTES("\xed\x9f\xbf"),
    BYTES("\xed\xa0\x80"),
    BYTES("\xef\xbf\xbf"),
    BYTES("\xf0\x8f\xbf\xbf"),
    BYTES("\xf0\x90\x80\x80"),
    BYTES("\xf0\x9f\x98\x80"),
    BYTES("\xf0\x9f\x98"),
    BYTES("\xf4\x8f\xbf\xbf"),
    BYTES("\xf4\x90\x80\x80"),
    BYTES("\xf5\x80\x80\x80"),
    BYTES("\xff"),
};

/* No assertion for each: those write to a pipe. */
static void compare(long fake, long real, toni_str text)
{
    if (fake != real)
        ck_abort_msg("%ld, a host %ld, for %zu bytes that begin with %02x", fake, real, text.size,
                     text.size > 0 ? (unsigned char)text.data[0] : 0);
}

static void compare_text(toni_str text)
{
    const toni_message message = toni_text(text);

    compare(toni_fake_is_room(text), room_name_valid(text), text);
    compare(toni_fake_is_close(1000, text), close_valid(1000, text), text);
    compare(toni_fake_is_field_value(text), field_value_valid(text), text);
    if (utf8_valid(text.data, text.size))
        compare(toni_fake_has_control(text), utf8_has_control(text.data, text.size), text);
    compare(toni_fake_message_check(&message, TONI_FAKE_SEND_MAX),
            message_check(&message, TONI_FAKE_SEND_MAX), text);
}

START_TEST(texts)
{
    unsigned refused = 0;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        compare_text(rows[i]);
        refused += !toni_fake_is_utf8(rows[i]);
    }
    ck_assert_uint_eq(refused, 13);
}
END_TEST

/* Each sequence of two bytes, alone and with what completes it. */
START_TEST(beginnings_of_texts)
{
    for (unsigned pair = 0; pair <= 0xffff; pair++) {
        const char bytes[] = {(char)(pair >> 8), (char)pair, '\xbf', '\x80'};

        for (size_t size = 1; size <= sizeof bytes; size++)
            compare_text(toni_str_make(bytes, size));
    }
}
END_TEST

START_TEST(patterns)
{
    static const toni_str said[] = {
        BYTES(""),        BYTES("*"),        BYTES("**"),     BYTES("a"),     BYTES("a*"),
        BYTES("a*b"),     BYTES("*a"),       BYTES("claim:"), BYTES("claim"), BYTES("claim:a"),
        BYTES("claim:*"), BYTES("claim:a*"), BYTES("a\n*"),   BYTES("\xff*"), BYTES("public-*")};
    static const toni_str rooms[] = {BYTES("a"),  BYTES("ab"),      BYTES("b"),
                                     BYTES("a*"), BYTES("public-"), BYTES("claim:a")};

    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        struct room_pattern pattern;
        const bool is_good = !room_pattern_parse(said[i], &pattern);
        compare(toni_fake_is_pattern(said[i]), is_good, said[i]);
        if (!is_good || pattern.kind == PATTERN_CLAIMS)
            continue;
        for (size_t j = 0; j < sizeof rooms / sizeof rooms[0]; j++)
            compare(toni_fake_pattern_fits(said[i], rooms[j]),
                    room_pattern_fits(&pattern, rooms[j]), said[i]);
    }
}
END_TEST

START_TEST(lengths)
{
    static const size_t sizes_to_try[] = {0, 1, 122, 123, 124, 254, 255, 256, 257, 1000};
    char text[1000];

    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < sizeof sizes_to_try / sizeof sizes_to_try[0]; i++)
        compare_text(toni_str_make(text, sizes_to_try[i]));
}
END_TEST

START_TEST(close_codes)
{
    for (unsigned code = 0; code <= UINT16_MAX; code++)
        ck_assert_int_eq(toni_fake_is_close((uint16_t)code, toni_str_of("x")),
                         close_valid((uint16_t)code, toni_str_of("x")));
}
END_TEST

START_TEST(sizes)
{
    char *bytes = calloc(1, TONI_FAKE_BROADCAST_MAX + 1);

    ck_assert_ptr_nonnull(bytes);
    for (uint64_t size = 0; size < 300000; size += size < 65000 || size > 132000 ? 61 : 1)
        ck_assert_uint_eq(toni_fake_wire_size(size), frame_message_size(size));
    for (int more = -400; more <= 1; more++) {
        for (int kind = 0; kind < 2; kind++) {
            const uint64_t most = kind ? TONI_FAKE_BROADCAST_MAX : TONI_FAKE_SEND_MAX;
            const size_t size = (size_t)((int64_t)most + more);
            const toni_message message = toni_binary(toni_str_make(bytes, size));
            ck_assert_int_eq(toni_fake_message_check(&message, most),
                             message_check(&message, most));
        }
    }
    free(bytes);
}
END_TEST

START_TEST(messages_that_are_none)
{
    toni_message message = toni_text(toni_str_of("x"));

    message.kind = 7;
    ck_assert_int_eq(toni_fake_message_check(&message, 100), message_check(&message, 100));
    message.kind = TONI_TEXT;
    message.struct_size = TONI_MESSAGE_SIZE_1_0 - 1;
    ck_assert_int_eq(toni_fake_message_check(&message, 100), message_check(&message, 100));
    ck_assert_int_eq(message_check(&message, 100), TONI_ERR_INVALID);
}
END_TEST

/* What a host allows if gateways.conf says nothing else. */
START_TEST(limits_are_the_defaults)
{
    const struct limits limits = limits_default();

    ck_assert_uint_eq(TONI_FAKE_SEND_MAX, limits.outbox_bytes);
    ck_assert_uint_eq(TONI_FAKE_BROADCAST_MAX, limits.pending_bytes_per_room);
    ck_assert_uint_le(TONI_FAKE_BROADCAST_MAX, limits.pending_bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("testkit/rules");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, texts);
    tcase_add_test(cases, beginnings_of_texts);
    tcase_add_test(cases, patterns);
    tcase_add_test(cases, lengths);
    tcase_add_test(cases, close_codes);
    tcase_add_test(cases, sizes);
    tcase_add_test(cases, messages_that_are_none);
    tcase_add_test(cases, limits_are_the_defaults);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
