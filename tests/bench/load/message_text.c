/* Templates; see message_text.h. */
#include "message_text.h"

#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 20U

size_t message_text_bound(const char *pattern, const struct message_text *text)
{
    size_t bound = 1;
    for (; *pattern; pattern++) {
        bound += 1;
        if (*pattern == '%')
            bound += strlen(text->room) + text->size + DIGITS_MAX;
    }
    return bound;
}

/* @return How many bytes stand for the letter behind a %; -1 if that means nothing. */
static int write_value(uint8_t *out, char letter, const struct message_text *text)
{
    switch (letter) {
    case 'r':
        memcpy(out, text->room, strlen(text->room));
        return (int)strlen(text->room);
    case 'm':
        if (text->size > 0)
            memcpy(out, text->message, text->size);
        return (int)text->size;
    case 'n':
        return snprintf((char *)out, DIGITS_MAX, "%zu", text->size);
    default:
        return -1;
    }
}

size_t message_text_write(uint8_t *out, const char *pattern, const struct message_text *text)
{
    size_t at = 0;
    for (; *pattern; pattern++) {
        int written = *pattern == '%' ? write_value(out + at, pattern[1], text) : -1;
        if (written >= 0) {
            at += (size_t)written;
            pattern++;
        } else if (*pattern == '\\' && (pattern[1] == 'r' || pattern[1] == 'n')) {
            out[at++] = *++pattern == 'r' ? '\r' : '\n';
        } else {
            out[at++] = (uint8_t)*pattern;
        }
    }
    return at;
}
