/* UTF-8 validation after the table "Well-Formed UTF-8 Byte Sequences" (RFC 3629, section 4), by a
 * state machine whose step is one shift: what a byte does to each state stands in one word, at the
 * bit of which the old state is the number. Nothing of a text is looked at twice, and no state but
 * UTF8_BAD is left for good. */
#include "base/utf8.h"

#include <string.h>

/* Six bits hold a state. UTF8_BAD is 0, where all goes that a word does not speak of. */
enum {
    START = UTF8_START,
    TAIL_1 = 12, /* so many more of 80 to BF */
    TAIL_2 = 18,
    TAIL_3 = 24,
    AFTER_E0 = 30, /* no overlong form */
    AFTER_ED = 36, /* no surrogate */
    AFTER_F0 = 42, /* no overlong form */
    AFTER_F4 = 48, /* nothing above U+10FFFF */
    STATE_BITS = 63,
};

#define MOVE(from, to) ((uint64_t)(to) << (from))
#define ANY_TAIL (MOVE(TAIL_1, START) | MOVE(TAIL_2, TAIL_1) | MOVE(TAIL_3, TAIL_2))
#define ASCII MOVE(START, START)
#define TAIL_8 (ANY_TAIL | MOVE(AFTER_ED, TAIL_1) | MOVE(AFTER_F4, TAIL_2))
#define TAIL_9 (ANY_TAIL | MOVE(AFTER_ED, TAIL_1) | MOVE(AFTER_F0, TAIL_2))
#define TAIL_AB (ANY_TAIL | MOVE(AFTER_E0, TAIL_1) | MOVE(AFTER_F0, TAIL_2))
#define OF_2 MOVE(START, TAIL_1)
#define OF_3 MOVE(START, TAIL_2)
#define OF_4 MOVE(START, TAIL_3)
#define E0 MOVE(START, AFTER_E0)
#define ED MOVE(START, AFTER_ED)
#define F0 MOVE(START, AFTER_F0)
#define F4 MOVE(START, AFTER_F4)

#define ROW(a) a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a

/* clang-format off */
static const uint64_t moves[256] = {
    ROW(ASCII), ROW(ASCII), ROW(ASCII), ROW(ASCII), ROW(ASCII), ROW(ASCII), ROW(ASCII), ROW(ASCII),
    ROW(TAIL_8), ROW(TAIL_9), ROW(TAIL_AB), ROW(TAIL_AB),
    0, 0, OF_2, OF_2, OF_2, OF_2, OF_2, OF_2, OF_2, OF_2, OF_2, OF_2, OF_2, OF_2, OF_2, OF_2,
    ROW(OF_2),
    E0, OF_3, OF_3, OF_3, OF_3, OF_3, OF_3, OF_3, OF_3, OF_3, OF_3, OF_3, OF_3, ED, OF_3, OF_3,
    F0, OF_4, OF_4, OF_4, F4, /* and nothing from F5 on */
};
/* clang-format on */

static uint64_t step(uint64_t state, unsigned char byte)
{
    return moves[byte] >> (state & STATE_BITS);
}

size_t utf8_character(const void *bytes, size_t length)
{
    const unsigned char *b = bytes;
    uint64_t state = START;

    for (size_t i = 0; i < length && (state & STATE_BITS) != UTF8_BAD; i++) {
        state = step(state, b[i]);
        if ((state & STATE_BITS) == START)
            return i + 1;
    }
    return 0;
}

/* So many bytes are looked at together. */
#define ASCII_BLOCK (2 * sizeof(uint64_t))

#define NOT_ASCII UINT64_C(0x8080808080808080)

static uint64_t word_at(const unsigned char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* Two words at a time: most messages are ASCII, and every message is checked.
 * @return How many of the first bytes are, in whole blocks. */
static size_t ascii_blocks(const unsigned char *bytes, size_t length)
{
    size_t at = 0;
    while (length - at >= ASCII_BLOCK &&
           ((word_at(bytes + at) | word_at(bytes + at + sizeof(uint64_t))) & NOT_ASCII) == 0)
        at += ASCII_BLOCK;
    return at;
}

/* What is left is less than a block, and the one that ends with it begins before. */
static bool ends_in_ascii(const unsigned char *bytes, size_t length)
{
    return length >= ASCII_BLOCK && ascii_blocks(bytes + length - ASCII_BLOCK, ASCII_BLOCK) > 0;
}

uint8_t utf8_continue(uint8_t old, const void *bytes, size_t length)
{
    const unsigned char *b = bytes;
    uint64_t state = old;
    size_t at = 0;

    while (length - at >= ASCII_BLOCK) {
        if ((state & STATE_BITS) == START)
            at += ascii_blocks(b + at, length - at);
        if (length - at < ASCII_BLOCK)
            break;
        for (size_t end = at + ASCII_BLOCK; at < end; at++)
            state = step(state, b[at]);
    }
    if (at < length && (state & STATE_BITS) == START && ends_in_ascii(b, length))
        return START;
    for (; at < length; at++)
        state = step(state, b[at]);
    return state & STATE_BITS;
}

bool utf8_valid(const void *bytes, size_t length)
{
    return utf8_continue(UTF8_START, bytes, length) == UTF8_START;
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
