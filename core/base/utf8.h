/* UTF-8 as RFC 3629 has it: is it valid, does it hold control characters. Not for changing text,
 * and not for anything that needs Unicode's tables. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Measures the character that @p bytes begin with.
 * @param bytes   Borrowed for the call.
 * @param length  How many there are, at least 1; no more are read.
 * @return Its length, 1 to 4 bytes, or 0 when they begin with no valid (or no whole) character.
 * @thread Any. */
size_t utf8_character(const void *bytes, size_t length);

/** Tells whether @p bytes are UTF-8: no overlong form, no surrogate, nothing above U+10FFFF, no
 * character cut off at the end. NUL is a character like others; no bytes at all are valid.
 * @param bytes   Borrowed for the call; may be NULL when @p length is 0.
 * @param length  How many.
 * @thread Any. */
bool utf8_valid(const void *bytes, size_t length);

/** Where a text that comes in pieces was cut: what may follow. All 0 between two characters. */
struct utf8_state {
    uint8_t missing; /* bytes of the character that has begun */
    uint8_t low;     /* the next one is at least this */
    uint8_t high;    /* and at most this */
};

/** Checks the next piece of a text, as utf8_valid() would.
 * @param state   All 0 at the text's beginning; moved on. The text has ended well if nothing is
 *                missing after its last piece.
 * @param bytes   Borrowed for the call; may be NULL when @p length is 0.
 * @param length  How many.
 * @return Whether all bytes up to here may be the beginning of UTF-8. If not, @p state is of no
 * use.
 * @thread Any. */
bool utf8_continue(struct utf8_state *state, const void *bytes, size_t length);

/** Tells whether @p text holds a control character: U+0000 to U+001F, U+007F to U+009F.
 * @param text    Valid UTF-8, borrowed for the call; may be NULL when @p length is 0.
 * @param length  In bytes.
 * @thread Any. */
bool utf8_has_control(const void *text, size_t length);

#endif
