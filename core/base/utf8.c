/* UTF-8 validation after the table "Well-Formed UTF-8 Byte Sequences" (RFC 3629, section 4). */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

static bool in_range(unsigned char byte, unsigned char low, unsigned char high)
{
    return byte >= low && byte <= high;
}

/* @return Whether @p byte may begin a character; @p state says what may follow then. */
static inline bool begin_character(struct utf8_state *state, unsigned char byte)
{
    *state = (struct utf8_state){.low = 0x80, .high = 0xBF};
    if (byte < 0x80)
        return true;
    if (in_range(byte, 0xC2, 0xDF)) {
        state->missing = 1;
    } else if (in_range(byte, 0xE0, 0xEF)) { /* no overlong form, no surrogate */
        state->missing = 2;
        state->low = byte == 0xE0 ? 0xA0 : 0x80;
        state->high = byte == 0xED ? 0x9F : 0xBF;
    } else if (in_range(byte, 0xF0, 0xF4)) { /* no overlong form, nothing above U+10FFFF */
        state->missing = 3;
        state->low = byte == 0xF0 ? 0x90 : 0x80;
        state->high = byte == 0xF4 ? 0x8F : 0xBF;
    }
    return state->missing > 0;
}

static inline bool continue_character(struct utf8_state *state, unsigned char byte)
{
    if (!in_range(byte, state->low, state->high))
        return false;
    *state = (struct utf8_state){.missing = state->missing - 1, .low = 0x80, .high = 0xBF};
    return true;
}

size_t utf8_character(const void *bytes, size_t length)
{
    const unsigned char *b = bytes;
    struct utf8_state state;
    size_t size = 1;

    if (!begin_character(&state, b[0]))
        return 0;
    for (; state.missing > 0; size++) {
        if (size == length || !continue_character(&state, b[size]))
            return 0;
    }
    return size;
}

/* Eight at a time: most messages are ASCII, and every message is checked. */
static bool is_ascii_word(const unsigned char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return (word & UINT64_C(0x8080808080808080)) == 0;
}

bool utf8_continue(struct utf8_state *state, const void *bytes, size_t length)
{
    const unsigned char *b = bytes;
    struct utf8_state now = *state;
    size_t at = 0;

    while (at < length) {
        if (now.missing > 0) {
            if (!continue_character(&now, b[at++]))
                return false;
        } else if (length - at >= sizeof(uint64_t) && is_ascii_word(b + at)) {
            at += sizeof(uint64_t);
        } else if (!begin_character(&now, b[at++])) {
            return false;
        }
    }
    *state = now;
    return true;
}

bool utf8_valid(const void *bytes, size_t length)
{
    struct utf8_state state = {.missing = 0};
    return utf8_continue(&state, bytes, length) && state.missing == 0;
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
