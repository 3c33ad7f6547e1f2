/* Makes what others have written fit for a terminal: neither a plugin nor a file can move its
 * cursor, clear it, name its window or put words into its input. Knows no terminal. */
#ifndef BASE_VISIBLE_H
#define BASE_VISIBLE_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/** Appends a text in which control characters, and bytes that are not UTF-8, stand as `\xNN`; the
 * end of a line and a tab stay.
 * @param keeps_colours  What compilers and build tools write to a terminal stays: colours (`ESC [
 *                       … m`), `ESC [ K`, which clears the rest of a line, and carriage returns.
 * @return 0, or -1 on no memory; then a part of it may have been appended. */
int visible_append(struct buffer *buffer, const char *text, size_t length, bool keeps_colours);

/** Prints a text so, without colours.
 * @return 0, or -1 on no memory or a fault of @p out; a part of it may have been printed. */
int visible_print(FILE *out, const char *text, size_t length);

/** Copies a few words of somebody else's for one line: cut where they are too long, but not within
 * a character. Each control character, and each byte that is not UTF-8, becomes a `?`.
 * @param words  A NUL is put behind them. @param room  Of @p words, in bytes, at least 1. */
void visible_words(char *words, size_t room, const char *text, size_t length);

#endif
