/* What is sent, made from templates: a few placeholders in braces stand for what differs from one
 * message to the next; any other brace is a brace, so that JSON needs no escapes. */
#ifndef CLIENT_TEMPLATE_H
#define CLIENT_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum placeholder {
    PLACEHOLDER_NONE,    /* the part is text */
    PLACEHOLDER_ROOM,    /* {room}: the room's name */
    PLACEHOLDER_CLIENT,  /* {client}: the number of the connection, from 0 */
    PLACEHOLDER_NUMBER,  /* {number}: of the message among those of its connection, from 0 */
    PLACEHOLDER_MESSAGE, /* {message}: the message with its mark */
    PLACEHOLDER_SIZE,    /* {size}: the size of that, in bytes */
};

struct template_part {
    enum placeholder kind;
    const char *text; /* of the template's own copy */
    size_t size;
};

struct template
{
    char *text;
    struct template_part *parts;
    size_t count;
};

/* What the placeholders stand for. */
struct template_values {
    const char *room;
    uint32_t client;
    uint32_t number;
    const uint8_t *message;
    size_t size;
};

/** @param has_escapes  \r, \n and \\ are what C has them for; else they are as they are, which JSON
 *                     needs.
 * @return 0, or -1 on no memory. */
int template_init(struct template *template, const char *pattern, bool has_escapes);

/** All 0 is fine. */
void template_finish(struct template *template);

bool template_has(const struct template *template, enum placeholder kind);

/** @return How many bytes it makes at most. */
size_t template_bound(const struct template *template, const struct template_values *values);

/** @param out  Has room for template_bound bytes. @return How many were written; there is no NUL.
 */
size_t template_write(uint8_t *out, const struct template *template,
                      const struct template_values *values);

#endif
