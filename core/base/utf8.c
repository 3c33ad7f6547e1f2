/* UTF-8 validation after the table "Well-Formed UTF-8 Byte Sequences" (RFC 3629, section 4). */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

static bool in_range(unsigned char byte, unsigned char low, unsigned char high)
{
    return byte >= low && byte <= high;
}

static bool is_tail(unsigned char byte)
{
    return in_range(byte, 0x80, 0xBF);
}

/* What may follow the first byte of three: E0 must not begin an overlong form, ED no surrogate. */
static bool is_second_of_three(unsigned char first, unsigned char second)
{
    return in_range(second, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF);
}

/* And of four: F0 must not begin an overlong form, F4 nothing above U+10FFFF. */
static bool is_second_of_four(unsigned char first, unsigned char second)
{
    return in_range(second, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF);
}

size_t utf8_character(const void *bytes, size_t length)
{
    const unsigned char *b = bytes;

    if (b[0] < 0x80)
        return 1;
    if (in_range(b[0], 0xC2, 0xDF))
        return length >= 2 && is_tail(b[1]) ? 2 : 0;
    if (in_range(b[0], 0xE0, 0xEF))
        return length >= 3 && is_second_of_three(b[0], b[1]) && is_tail(b[2]) ? 3 : 0;
    if (in_range(b[0], 0xF0, 0xF4))
        return length >= 4 && is_second_of_four(b[0], b[1]) && is_tail(b[2]) && is_tail(b[3]) ? 4
                                                                                              : 0;
    return 0;
}

/* Eight at a time: most messages are ASCII, and every message is checked. */
static bool is_ascii_word(const unsigned char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return (word & UINT64_C(0x8080808080808080)) == 0;
}

bool utf8_valid(const void *bytes, size_t length)
{
    const unsigned char *at = bytes;

    while (length > 0) {
        if (length >= sizeof(uint64_t) && is_ascii_word(at)) {
            at += sizeof(uint64_t);
            length -= sizeof(uint64_t);
            continue;
        }

        const size_t size = utf8_character(at, length);
        if (size == 0)
            return false;
        at += size;
        length -= size;
    }
    return true;
}

bool utf8_has_control(const void *text, size_t length)
{
    const unsigned char *b = text;

    for (size_t i = 0; i < length; i++) {
        if (b[i] < 0x20 || b[i] == 0x7F)
            return true;
        /* U+0080 to U+009F are C2 80 to C2 9F, and in valid text C2 is always a first byte. */
        if (b[i] == 0xC2 && i + 1 < length && b[i + 1] < 0xA0)
            return true;
    }
    return false;
}
