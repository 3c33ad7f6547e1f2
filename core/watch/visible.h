/* Makes what others have written fit for a terminal: neither a plugin nor a file can move its
 * cursor, clear it, name its window or put words into its input. Knows no terminal. */
#ifndef WATCH_VISIBLE_H
#define WATCH_VISIBLE_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

/** Appends a text in which control characters, and bytes that are not UTF-8, stand as `\xNN`; the
 * end of a line and a tab stay.
 * @param keeps_colours  What compilers and build tools write to a terminal stays: colours (`ESC [
 *                       … m`), `ESC [ K`, which clears the rest of a line, and carriage returns.
 * @return 0, or -1 on no memory; then a part of it may have been appended. */
int visible_append(struct buffer *buffer, const char *text, size_t length, bool keeps_colours);

#endif
