/* Tests of base/utf8: exhaustive where that is possible, against a decoder that is plain to read.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "runner.h"

#define LAST_CODE_POINT 0x10FFFF

/* Decodes one character the arithmetical way: what does it stand for, and is that the shortest form
 * of something that may be encoded? Returns its length, or 0. */
static size_t decode(const unsigned char *bytes, size_t length, uint32_t *code)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = 0;

    if (bytes[0] < 0x80) {
        size = 1;
        *code = bytes[0];
    } else if ((bytes[0] & 0xE0) == 0xC0) {
        size = 2;
        *code = bytes[0] & 0x1F;
    } else if ((bytes[0] & 0xF0) == 0xE0) {
        size = 3;
        *code = bytes[0] & 0x0F;
    } else if ((bytes[0] & 0xF8) == 0xF0) {
        size = 4;
        *code = bytes[0] & 0x07;
    }
    if (size == 0 || size > length)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
        *code = *code << 6 | (bytes[i] & 0x3F);
    }
    if (*code < smallest[size] || *code > LAST_CODE_POINT || (*code >= 0xD800 && *code <= 0xDFFF))
        return 0;
    return size;
}

static bool reference_valid(const unsigned char *bytes, size_t length)
{
    while (length > 0) {
        uint32_t code;
        const size_t size = decode(bytes, length, &code);
        if (size == 0)
            return false;
        bytes += size;
        length -= size;
    }
    return true;
}

static size_t encode(uint32_t code, unsigned char bytes[4])
{
    if (code < 0x80) {
        bytes[0] = (unsigned char)code;
        return 1;
    }
    const size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char marks[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = size - 1; i > 0; i--) {
        bytes[i] = (unsigned char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    bytes[0] = (unsigned char)(marks[size] | code);
    return size;
}

static void compare_with_reference(const unsigned char *bytes, size_t length)
{
    /* Check's macros are slow; there are sixteen million calls. */
    if (utf8_valid(bytes, length) != reference_valid(bytes, length))
        ck_abort_msg("%zu bytes: %02x %02x %02x", length, bytes[0], bytes[1], bytes[2]);
}

START_TEST(every_code_point_but_surrogates_is_valid)
{
    for (uint32_t code = 0; code <= LAST_CODE_POINT; code++) {
        unsigned char bytes[4];
        const size_t size = encode(code, bytes);
        const bool surrogate = code >= 0xD800 && code <= 0xDFFF;

        if (utf8_valid(bytes, size) == surrogate ||
            utf8_character(bytes, size) != (surrogate ? 0 : size))
            ck_abort_msg("U+%04X", code);
        /* Cut short it is not. */
        if (size > 1 && (utf8_valid(bytes, size - 1) || utf8_character(bytes, size - 1) != 0))
            ck_abort_msg("U+%04X without its end", code);
    }
}
END_TEST

START_TEST(every_one_to_three_bytes_agree_with_the_reference)
{
    for (uint32_t word = 0; word < 1U << 24; word++) {
        const unsigned char bytes[3] = {(unsigned char)word, (unsigned char)(word >> 8),
                                        (unsigned char)(word >> 16)};

        compare_with_reference(bytes, 3);
        if (word < 1U << 16)
            compare_with_reference(bytes, 2);
        if (word < 1U << 8)
            compare_with_reference(bytes, 1);
    }
}
END_TEST

START_TEST(four_bytes_agree_with_the_reference_at_their_borders)
{
    static const unsigned char thirds[] = {0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF};
    const size_t count = sizeof thirds;

    for (unsigned first = 0xE0; first <= 0xFF; first++) {
        for (unsigned second = 0; second <= 0xFF; second++) {
            for (size_t i = 0; i < count * count; i++) {
                const unsigned char bytes[4] = {(unsigned char)first, (unsigned char)second,
                                                thirds[i / count], thirds[i % count]};
                compare_with_reference(bytes, 4);
            }
        }
    }
}
END_TEST

START_TEST(named_faults_are_refused)
{
    static const char *const faults[] = {
        "\x80",             /* a tail alone */
        "\xC0\xAF",         /* overlong `/` */
        "\xC1\xBF",         /* overlong DEL */
        "\xE0\x9F\xBF",     /* overlong U+07FF */
        "\xED\xA0\x80",     /* U+D800 */
        "\xED\xBF\xBF",     /* U+DFFF */
        "\xF0\x8F\xBF\xBF", /* overlong U+FFFF */
        "\xF4\x90\x80\x80", /* U+110000 */
        "\xF5\x80\x80\x80", /* above it */
        "\xF8\x88\x80\x80\x80",
        "\xFE",
        "\xFF",
        "\xE2\x82",     /* cut off */
        "\xE2\x82\x41", /* cut off by another character */
        "\xCE\xBA\xED\xA0\x80" /* valid at first */,
    };

    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        ck_assert_msg(!utf8_valid(faults[i], strlen(faults[i])), "fault %zu", i);
}
END_TEST

/* The eight-byte steps must neither skip a fault nor read past the end (which ASan would see). */
START_TEST(a_fault_is_found_wherever_it_is)
{
    for (size_t length = 1; length <= 40; length++) {
        unsigned char *bytes = malloc(length);
        ck_assert_ptr_nonnull(bytes);
        memset(bytes, 'a', length);
        ck_assert(utf8_valid(bytes, length));

        for (size_t i = 0; i < length; i++) {
            bytes[i] = 0x80;
            ck_assert(!utf8_valid(bytes, length));
            bytes[i] = 'a';
            if (i + 1 < length) {
                bytes[i] = 0xC3;
                bytes[i + 1] = 0xA9;
                ck_assert(utf8_valid(bytes, length));
                bytes[i] = bytes[i + 1] = 'a';
            }
        }
        free(bytes);
    }
}
END_TEST

/* Whether these may be the beginning of a text: some end makes them one. */
static bool reference_viable(const unsigned char *bytes, size_t length)
{
    static const unsigned char nexts[] = {0x80, 0x90, 0xA0};
    unsigned char text[16];

    memcpy(text, bytes, length);
    memset(text + length, 0x80, 3);
    for (size_t i = 0; i < sizeof nexts; i++) {
        text[length] = nexts[i];
        for (size_t more = 0; more <= 3; more++) {
            if (reference_valid(text, length + more))
                return true;
        }
    }
    return false;
}

/* @return How many of @p length bytes are taken when they come in two pieces, the second byte by
 * byte. */
static size_t taken_in_pieces(const unsigned char *bytes, size_t length, size_t cut)
{
    uint8_t state = utf8_continue(UTF8_START, bytes, cut);

    if (state == UTF8_BAD)
        return 0; /* somewhere before the cut */
    for (size_t i = cut; i < length; i++) {
        state = utf8_continue(state, bytes + i, 1);
        if (state == UTF8_BAD)
            return i;
    }
    ck_assert_int_eq(state == UTF8_START, reference_valid(bytes, length));
    ck_assert_uint_eq(state, utf8_continue(UTF8_START, bytes, length));
    return length;
}

START_TEST(a_text_in_pieces_fails_at_its_first_bad_byte)
{
    static const char *const pieces[] = {"a",    "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                         "\x80", "\xE0\x9F", "\xED\xA0",     "\xF0\x8F",
                                         "\xC1", "\xF4\x90", "\xF5",         "\xE2\x82"};
    const size_t count = sizeof pieces / sizeof pieces[0];

    for (size_t i = 0; i < count * count * count; i++) {
        unsigned char bytes[13];
        const size_t length =
            (size_t)snprintf((char *)bytes, sizeof bytes, "%s%s%s", pieces[i / count / count],
                             pieces[i / count % count], pieces[i % count]);
        size_t good = 0;

        while (good < length && reference_viable(bytes, good + 1))
            good++;
        for (size_t cut = 0; cut <= length; cut++)
            ck_assert_uint_eq(taken_in_pieces(bytes, length, cut), cut <= good ? good : 0);
    }
}
END_TEST

START_TEST(no_bytes_are_valid_and_hold_no_control)
{
    ck_assert(utf8_valid(NULL, 0));
    ck_assert(utf8_valid("", 0));
    ck_assert(!utf8_has_control(NULL, 0));
}
END_TEST

START_TEST(exactly_the_controls_are_controls)
{
    for (uint32_t code = 0; code <= LAST_CODE_POINT; code++) {
        unsigned char bytes[6] = {'a'};
        const size_t size = encode(code, bytes + 1);
        const bool control = code < 0x20 || (code >= 0x7F && code <= 0x9F);

        if (code >= 0xD800 && code <= 0xDFFF)
            continue;
        bytes[1 + size] = 'z';
        if (utf8_has_control(bytes, size + 2) != control ||
            utf8_has_control(bytes + 1, size) != control)
            ck_abort_msg("U+%04X", code);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/utf8");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, every_code_point_but_surrogates_is_valid);
    tcase_add_test(cases, every_one_to_three_bytes_agree_with_the_reference);
    tcase_add_test(cases, four_bytes_agree_with_the_reference_at_their_borders);
    tcase_add_test(cases, named_faults_are_refused);
    tcase_add_test(cases, a_fault_is_found_wherever_it_is);
    tcase_add_test(cases, a_text_in_pieces_fails_at_its_first_bad_byte);
    tcase_add_test(cases, no_bytes_are_valid_and_hold_no_control);
    tcase_add_test(cases, exactly_the_controls_are_controls);
    tcase_set_timeout(cases, 300);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
