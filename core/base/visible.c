/* Visible text; see visible.h. */
#include "base/visible.h"

#include "base/utf8.h"

#include <string.h>

#define ESCAPE '\x1B'

/* How long a sequence is that may stay: parameters are digits, `;` and `:`. @return 0: it is none
 * such, or not whole. */
static size_t colour_length(const char *text, size_t length)
{
    static const char parameters[] = "0123456789;:";
    size_t at = 2;

    if (length < 3 || text[0] != ESCAPE || text[1] != '[')
        return 0;
    while (at < length && text[at] != '\0' && strchr(parameters, text[at]))
        at++;
    return at < length && (text[at] == 'm' || text[at] == 'K') ? at + 1 : 0;
}

/* @return How much of the text can be taken as it is; 0: its first byte can't. */
static size_t take(const char *text, size_t length, bool keeps_colours)
{
    const size_t size = utf8_character(text, length);

    if (text[0] == '\n' || text[0] == '\t' || (keeps_colours && text[0] == '\r'))
        return 1;
    if (keeps_colours && text[0] == ESCAPE)
        return colour_length(text, length);
    return size > 0 && !utf8_has_control(text, size) ? size : 0;
}

int visible_append(struct buffer *buffer, const char *text, size_t length, bool keeps_colours)
{
    size_t from = 0, at = 0;

    while (at < length) {
        const size_t taken = take(text + at, length - at, keeps_colours);
        if (taken > 0) {
            at += taken;
            continue;
        }
        if (buffer_append(buffer, text + from, at - from) ||
            buffer_appendf(buffer, "\\x%02X", (unsigned)(unsigned char)text[at]))
            return -1;
        from = ++at;
    }
    return buffer_append(buffer, text + from, at - from);
}

int visible_print(FILE *out, const char *text, size_t length)
{
    struct buffer shown;
    buffer_init(&shown);
    int result = visible_append(&shown, text, length, false);
    if (result == 0 && shown.length > 0 &&
        fwrite(shown.bytes, 1, shown.length, out) != shown.length)
        result = -1;
    buffer_finish(&shown);
    return result;
}

void visible_words(char *words, size_t room, const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        const size_t size = utf8_character(text + at, length - at);
        const bool is_shown = size > 0 && !utf8_has_control(text + at, size);
        const size_t shown = is_shown ? size : 1;

        if (shown >= room)
            break;
        if (is_shown)
            memcpy(words, text + at, size);
        else
            *words = '?';
        words += shown;
        room -= shown;
        at += size > 0 ? size : 1;
    }
    *words = '\0';
}
