/* Bytes that wait to be written to a socket: bounded, and written together. */
#ifndef REDIS_ENGINE_OUTGOING_H
#define REDIS_ENGINE_OUTGOING_H

#include <stddef.h>

/** All zero but for `most`: empty. */
struct outgoing {
    char *bytes;
    size_t start, end; /* what waits is between them */
    size_t room;
    size_t most; /* bytes that may wait */
};

/** So many bytes more wait, at least one. @return Where the caller writes them at once; NULL: no
 * memory, or more than `most` would wait. Nothing has changed then. */
char *outgoing_add(struct outgoing *outgoing, size_t size);

static inline size_t outgoing_size(const struct outgoing *outgoing)
{
    return outgoing->end - outgoing->start;
}

/** The first @p size bytes were written. */
void outgoing_take(struct outgoing *outgoing, size_t size);

/** Forgets all, and gives back what is allocated. */
void outgoing_clear(struct outgoing *outgoing);

#endif
