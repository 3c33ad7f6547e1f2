/* A batch: the encoded frames of consecutive messages, shared by all who must receive them. One
 * room's messages of one turn make a batch, and so do direct sends to one client. Knows neither who
 * receives it nor when.
 *
 * Its maker appends to it, under a lock of its own, while any thread that was told of a message
 * reads it: what has been appended never changes and never moves. An array that has to grow is
 * copied, and the old one stays until the batch ends. */
#ifndef ROOMS_BATCH_H
#define ROOMS_BATCH_H

#include "rooms/budget.h"
#include "rooms/topic.h"
#include "ws/frame.h"

#include <toni/types.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A batch of several messages is no larger than one write. A larger message has a batch of its own.
 */
#define BATCH_MAX FRAME_MAX

/* Most batches are as small as this, or smaller: their memory is used again, see spares.h. */
#define BATCH_SMALL 192

/* Ends that lie in the batch itself: most batches of a quiet room hold a message or two. */
#define BATCH_INLINE_ENDS 4

struct batch {
    atomic_uint refs;
    bool is_broadcast;      /* a full outbox may drop it; direct sends and closes never */
    bool is_control;        /* pings and pongs: they are no messages, and no limit counts them */
    bool is_notice;         /* a gap notice: no message either, and never dropped */
    bool is_small;          /* it was made with BATCH_SMALL bytes */
    struct topic *topic;    /* what these messages are about, one reference; NULL: no one room */
    uint32_t count;         /* messages */
    uint32_t size;          /* bytes */
    uint32_t capacity;      /* bytes */
    uint32_t end_capacity;  /* messages */
    atomic_uint deliveries; /* commands with it on their way */
    uint32_t charged;       /* bytes counted as pending in its room; guarded by the room's lock */
    atomic_bool is_taken;   /* some lane has delivered from it: it is not to grow any more */
    struct batch
        *deflated; /* its compressed variant, or NULL: the same messages, smaller where they shrink,
                      for clients that agreed on that; one reference. Has none itself */
    _Atomic(struct budget *) holder; /* where its memory is charged since it waits in some outbox;
                                        NULL: nowhere */
    uint64_t held_bytes;             /* so much is */
    atomic_uint_fast64_t memory;     /* bytes that it has */
    struct grown *grown;             /* arrays that were allocated, the latest first */
    uint32_t *_Atomic ends;          /* where message i ends in bytes; inline_ends, or allocated */
    uint8_t *_Atomic bytes;          /* inline_bytes, or allocated */
    uint32_t inline_ends[BATCH_INLINE_ENDS];
    uint8_t inline_bytes[];
};

/** @param size  Of the first messages to come, encoded.
 * @return A batch of direct sends, without messages yet and with one reference; NULL on no memory.
 */
struct batch *batch_create(uint64_t size);

/** The same for broadcasts.
 * @param topic  The batch takes a reference; NULL: of no one room. */
struct batch *batch_create_broadcast(struct topic *topic, uint64_t size);

/** Gives a batch of broadcasts a compressed variant; before its first message.
 * @param size  Of the first messages to come, as the variant encodes them.
 * @return 0, or -1 on no memory. */
int batch_add_variant(struct batch *batch, uint64_t size);

/** Ends that again: nobody gets anything compressed of this batch. */
void batch_drop_variant(struct batch *batch);

/** @return @p batch. @thread Any. */
struct batch *batch_ref(struct batch *batch);

/** Drops one reference, and frees the batch with the last. @param batch  NULL is fine. @thread Any.
 */
void batch_unref(struct batch *batch);

/* References to one batch that a worker has at hand: the batch that a turn brings is referenced by
 * many clients one after the other, and each of these would be a locked instruction, on a cache
 * line that other workers want at the same time. Zero is none. */
struct batch_refs {
    struct batch *batch;
    uint32_t count;
};

/** As batch_ref, with one of the references at hand.
 * @param refs  The calling worker's; NULL: there are none. */
struct batch *batch_take(struct batch_refs *refs, struct batch *batch);

/** As batch_unref: puts one reference to those at hand. @param refs  As with batch_take. */
void batch_give(struct batch_refs *refs, struct batch *batch);

/** Drops those that are at hand: at the end of a turn, so that batches end. */
void batch_refs_drop(struct batch_refs *refs);

/** Charges a batch's memory, and its variant's, to a budget, once however many outboxes it
 * waits in; whoever frees the batch takes it back. @thread Any. */
void batch_hold(struct batch *batch, struct budget *budget);

/** @return Whether one more message of @p encoded_size bytes belongs into this batch. */
bool batch_has_room(const struct batch *batch, uint64_t encoded_size);

/** Appends a message.
 * @param kind  TONI_TEXT or TONI_BINARY, which are the opcodes; with FRAME_COMPRESSED if it is.
 * @return 0, or -1 on no memory; then nothing is changed. */
int batch_append(struct batch *batch, uint32_t kind, const void *payload, size_t size);

/** Appends a message to a batch, and to its variant if it has one.
 * @param deflated  What the variant gets; NULL: the message as it is.
 * @return 0, or -1 on no memory; then nothing is changed. */
int batch_append_both(struct batch *batch, const toni_message *message,
                      const toni_message *deflated);

/** @return A batch with a close frame, counted as a message, and with one reference; NULL on no
 * memory. */
struct batch *batch_create_close(uint16_t code, toni_str reason);

/** Appends a ping or a pong, which makes the batch one of control frames.
 * @param size  At most FRAME_CONTROL_MAX.
 * @return 0, or -1 on no memory; then nothing is changed. */
int batch_append_control(struct batch *batch, enum frame_opcode opcode, const void *payload,
                         size_t size);

/** @return How many bytes it holds, its variant included. */
static inline uint64_t batch_bytes(const struct batch *batch)
{
    return (uint64_t)batch->size + (batch->deflated ? batch->deflated->size : 0);
}

/** @return Where message @p index begins in the batch's bytes; for index = count: where the last
 * one ends. */
static inline uint32_t batch_offset(const struct batch *batch, uint32_t index)
{
    return index == 0 ? 0 : atomic_load_explicit(&batch->ends, memory_order_acquire)[index - 1];
}

/** @return The bytes from there on. */
static inline const uint8_t *batch_at(const struct batch *batch, uint32_t offset)
{
    return atomic_load_explicit(&batch->bytes, memory_order_acquire) + offset;
}

#endif
