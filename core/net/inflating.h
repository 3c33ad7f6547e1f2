/* A compressed message while it is inflated: it may become a thousand times as large as it came, so
 * it is inflated in pieces, and may be set aside between two of them. All on one worker. */
#ifndef NET_INFLATING_H
#define NET_INFLATING_H

#include "base/buffer.h"
#include "net/turn_share.h"
#include "ws/deflate.h"

#include <stddef.h>
#include <stdint.h>

struct inflating {
    struct inflater *inflater; /* NULL: there was no memory for one */
    struct buffer compressed;  /* what it reads; empty: that is borrowed */
    struct buffer message;     /* as far as it is inflated */
    uint8_t kind;              /* FRAME_TEXT or FRAME_BINARY */
};

/** Begins one.
 * @param spare  An inflater that nobody uses, or NULL; is taken if it is there.
 * @param bytes  Borrowed until it is set aside or finished. */
void inflating_begin(struct inflating *inflating, struct inflater **spare, uint8_t kind,
                     const void *bytes, size_t size);

/** Inflates on until the end, or until the share is used up.
 * @param limit  Of the inflated message, in bytes.
 * @return INFLATED_MORE: the share is used up. */
enum inflated inflating_go_on(struct inflating *inflating, struct turn_share *share, size_t limit);

/** It is to go on later: copies what it has borrowed and not read.
 * @return The same in memory of its own, which inflating_free() ends; NULL on no memory, and then
 * it is as it was. */
struct inflating *inflating_set_aside(struct inflating *inflating);

/** @return How much memory one takes that was set aside. */
size_t inflating_memory(const struct inflating *inflating);

/** Ends it, at its end or before.
 * @param spare  Is given the inflater, if it has none. */
void inflating_finish(struct inflating *inflating, struct inflater **spare);

/** The same for one that was set aside. @param inflating  NULL is fine. */
void inflating_free(struct inflating *inflating, struct inflater **spare);

#endif
