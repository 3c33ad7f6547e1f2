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

/* What is known of a text that comes in pieces, after each of them. Other states: it is UTF-8 but
 * for its last character, of which the rest is missing. */
enum {
    UTF8_BAD = 0,   /* whatever follows */
    UTF8_START = 6, /* nothing is missing */
};

/** Checks the next piece of a text.
 * @param state   UTF8_START at the text's beginning, then what the call before returned.
 * @param bytes   Borrowed for the call; may be NULL when @p length is 0.
 * @param length  How many.
 * @return The state after them.
 * @thread Any. */
uint8_t utf8_continue(uint8_t state, const void *bytes, size_t length);

/** Tells whether @p text holds a control character: U+0000 to U+001F, U+007F to U+009F.
 * @param text    Valid UTF-8, borrowed for the call; may be NULL when @p length is 0.
 * @param length  In bytes.
 * @thread Any. */
bool utf8_has_control(const void *text, size_t length);

#endif
