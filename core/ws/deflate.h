/* permessage-deflate (RFC 7692): messages that are compressed one by one, each with a fresh context
 * (section 7.2.1). So one compressed message serves all clients that agreed on it, and nothing has
 * to be kept for a client between two messages. Knows neither frames nor who agreed; the only file
 * of the host that asks zlib. */
#ifndef WS_DEFLATE_H
#define WS_DEFLATE_H

#include "base/buffer.h"
#include "base/counter.h"
#include "base/lock.h"

#include <toni/types.h>

#include <stddef.h>

/* The largest window there is. Who asks for a smaller one gets nothing compressed. */
#define DEFLATE_WINDOW_BITS 15

/* --- Compressing */

struct deflater;

/* As many contexts as threads ever compressed at the same time. */
struct deflaters {
    struct lock lock; /* a leaf: nothing is locked under it */
    struct deflater *idle;
    struct counter tried;        /* messages */
    struct counter shrunk;       /* of these; the others went out as they were */
    struct counter bytes_before; /* of those that shrank */
    struct counter bytes_after;
};

void deflaters_init(struct deflaters *deflaters);

void deflaters_finish(struct deflaters *deflaters);

/** Compresses one message.
 * @return The message as it goes out, to be given to free(): its kind holds FRAME_COMPRESSED too.
 * NULL if it doesn't shrink, or on no memory: then it goes out as it is. @thread Any. */
toni_message *deflaters_shrink(struct deflaters *deflaters, const toni_message *message);

/* --- Inflating. One thread at a time.
 *
 *     inflater_begin(inflater, bytes, size);
 *     while ((result = inflater_step(inflater, limit, &message)) == INFLATED_MORE)
 *         ... others may have their turn
 */

struct inflater;

/* What one takes, in bytes, about: zlib's state and window, and our own. */
#define INFLATER_MEMORY 57344

enum inflated {
    INFLATED,
    INFLATED_MORE,      /* not the end yet */
    INFLATED_INVALID,   /* not what section 7.2.1 makes */
    INFLATED_TOO_BIG,   /* the rest was not looked at */
    INFLATED_NO_MEMORY, /* the same */
};

/** @return NULL on no memory. */
struct inflater *inflater_create(void);

/** @param inflater  NULL is fine. */
void inflater_destroy(struct inflater *inflater);

/** Begins a message; one that has not come to its end is forgotten.
 * @param bytes  The payloads of its frames; borrowed up to its end. */
void inflater_begin(struct inflater *inflater, const void *bytes, size_t size);

/** Inflates the next piece: of so little that it takes some microseconds, or some ten if the
 * message was made to take long.
 * @param limit    Of the inflated message, in bytes.
 * @param message  Empty at first; what was inflated is appended. The caller's, whatever is
 *                 returned. */
enum inflated inflater_step(struct inflater *inflater, size_t limit, struct buffer *message);

/** @return Of the bytes that the message began with: what was not read yet. */
toni_str inflater_left(const struct inflater *inflater);

/** Those bytes lie elsewhere from now on.
 * @param bytes  What inflater_left() has said, copied or moved; borrowed up to the message's end.
 */
void inflater_moved(struct inflater *inflater, const void *bytes);

/** @return How many bytes of a compressed message are taken if @p size are allowed inflated. What
 * does not compress grows by less than that. */
size_t inflater_most(size_t size);

#endif
