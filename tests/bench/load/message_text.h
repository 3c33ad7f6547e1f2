/* What is sent, made from templates: %r is the room's name, %m the message, %n its size; the
 * escapes \r and \n are what C has them for. */
#ifndef LOAD_MESSAGE_TEXT_H
#define LOAD_MESSAGE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* What stands for the letters of a template. */
struct message_text {
    const char *room;
    const uint8_t *message;
    size_t size;
};

/** @return How many bytes @p pattern makes at most. */
size_t message_text_bound(const char *pattern, const struct message_text *text);

/** @param out  Has room for message_text_bound bytes. @return How many were written; there is no
 * NUL. */
size_t message_text_write(uint8_t *out, const char *pattern, const struct message_text *text);

#endif
