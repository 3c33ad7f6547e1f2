/* An outbox: what one client has yet to be sent, as references into batches, in order. Belongs to
 * the client's worker; not locked. It only keeps and counts; what is dropped of it dropping.h
 * says, limits and what happens at them are receiver.c's. */
#ifndef ROOMS_OUTBOX_H
#define ROOMS_OUTBOX_H

#include "rooms/batch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many pings and pongs may wait in an outbox; of more the last takes the place of the one before
 * it, as RFC 6455, section 5.5.3, allows. */
#define OUTBOX_CONTROLS_MAX 16

/* The `first` of an entry that is a mark. */
#define OUTBOX_MARK UINT32_MAX

/* Consecutive messages of one batch; or a mark: so many are missing there, see marks.h. */
struct outbox_entry {
    union {
        struct batch *batch; /* one reference */
        struct topic *topic; /* of a mark: one reference, or NULL: it is not one room's */
    };
    uint32_t first; /* message, or OUTBOX_MARK */
    uint32_t count; /* messages */
};

struct outbox {
    struct batch_refs *refs;      /* its worker's, borrowed, or NULL: see batch_take */
    struct outbox_entry *entries; /* a ring; NULL as long as nothing was put in */
    uint32_t head;
    uint32_t count;
    uint32_t capacity; /* 0 or a power of two */
    uint32_t begun; /* bytes of the first message that are written already: it may not be dropped */
    uint32_t held;  /* entries, from the first on, that outbox_hold has seen */
    uint32_t direct_messages; /* of these: direct sends, and a close */
    uint32_t controls;        /* entries that are pings and pongs; they are no messages */
    uint32_t marks : 31;      /* entries that are marks */
    uint32_t has_moved : 1;   /* something was taken out, and not all; whoever looks clears it */
    uint64_t messages;
    uint64_t bytes;
    uint64_t direct_bytes; /* the same */
};

void outbox_init(struct outbox *outbox);

/** Drops everything. @return How many messages that were. */
uint64_t outbox_clear(struct outbox *outbox);

/** Puts messages behind all others. Takes a reference of its own.
 * @return 0, or -1 on no memory; then nothing is changed. */
int outbox_push(struct outbox *outbox, struct batch *batch, uint32_t first, uint32_t count);

/** Charges what has come since the last call, and still waits, to a budget (see batch_hold), and
 * counts what of it are direct sends. */
void outbox_hold(struct outbox *outbox, struct budget *budget);

/** Finds the next bytes to write: FRAME_MAX bytes at most, up to the end of a frame. If they lie in
 * one batch they are not copied.
 * @param scratch  FRAME_MAX bytes, for when they have to be gathered.
 * @param size     Set to how many bytes there are; 0 for an empty outbox.
 * @return The bytes; valid until the outbox is changed. */
const uint8_t *outbox_peek(const struct outbox *outbox, uint8_t *scratch, size_t *size);

/** Takes out the first @p size bytes: what outbox_peek found, or less of it. */
void outbox_consume(struct outbox *outbox, size_t size);

/* --- For dropping.c and marks.c, too */

/** @return An entry, by its place behind the first. */
static inline struct outbox_entry *outbox_at(const struct outbox *outbox, uint32_t index)
{
    return &outbox->entries[(outbox->head + index) & (outbox->capacity - 1)];
}

/** @return Whether it is a mark: then it has no batch. */
static inline bool outbox_entry_is_mark(const struct outbox_entry *entry)
{
    return entry->first == OUTBOX_MARK;
}

/** @return Whether the first entry is a mark: then nothing can be written until it is told, or
 * gone.
 */
static inline bool outbox_begins_with_mark(const struct outbox *outbox)
{
    return outbox->marks > 0 && outbox_entry_is_mark(outbox_at(outbox, 0));
}

/** @return Where its messages begin in the batch's bytes. */
static inline uint32_t outbox_entry_begin(const struct outbox_entry *entry)
{
    return batch_offset(entry->batch, entry->first);
}

/** @return Where they end. */
static inline uint32_t outbox_entry_end(const struct outbox_entry *entry)
{
    return batch_offset(entry->batch, entry->first + entry->count);
}

/** @return How many they are: pings, pongs and notices are none. */
static inline uint32_t outbox_entry_messages(const struct outbox_entry *entry)
{
    return outbox_entry_is_mark(entry) || entry->batch->is_control || entry->batch->is_notice
               ? 0
               : entry->count;
}

/** @return How many bytes limits judge: those of a notice, which is the first entry, are none. */
static inline uint64_t outbox_limited_bytes(const struct outbox *outbox)
{
    const struct outbox_entry *first = outbox->count > 0 ? outbox_at(outbox, 0) : NULL;
    if (!first || outbox_entry_is_mark(first) || !first->batch->is_notice)
        return outbox->bytes;
    return outbox->bytes - (outbox_entry_end(first) - outbox_entry_begin(first) - outbox->begun);
}

/** Makes place for more entries. @return 0, or -1 on no memory; then nothing is changed. */
int outbox_grow(struct outbox *outbox);

/** Takes out the first entry, which is a mark. */
void outbox_drop_first_mark(struct outbox *outbox);

/** Drops what an entry refers to; the entry is to be taken out by the caller. */
void outbox_release_entry(struct outbox *outbox, const struct outbox_entry *entry);

/** Takes the empty ones of the entries from @p begin on out; those behind them move to the front.
 */
void outbox_close_gaps(struct outbox *outbox, uint32_t begin);

/** The next outbox_hold begins at the first entry again: charging twice charges once. */
void outbox_hold_again(struct outbox *outbox);

#endif
