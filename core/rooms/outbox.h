/* An outbox: what one client has yet to be sent, as references into batches, in order. Belongs to
 * the client's worker; not locked. It only keeps, drops and counts; limits and what happens at them
 * are client.c's. */
#ifndef ROOMS_OUTBOX_H
#define ROOMS_OUTBOX_H

#include "rooms/batch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Consecutive messages of one batch. */
struct outbox_entry {
    struct batch *batch; /* one reference */
    uint32_t first;      /* message */
    uint32_t count;      /* messages */
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
    bool has_moved;           /* something was taken out, and not all; whoever looks clears it */
    uint64_t messages;
    uint64_t bytes;
    uint64_t direct_bytes; /* the same */
};

void outbox_init(struct outbox *outbox);

/** Drops everything. @return How many messages that were. */
uint64_t outbox_clear(struct outbox *outbox);

/** Drops everything but a message of which a frame is written in part: what follows, be it a close
 * frame, can only follow that. @return How many messages were dropped. */
uint64_t outbox_drop_waiting(struct outbox *outbox);

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

/** @param messages  So many of this batch, one behind the other. */
typedef void outbox_told(void *data, const struct batch *batch, uint32_t messages);

/** Tells of all that outbox_drop_waiting would drop, of each once. */
void outbox_each(const struct outbox *outbox, outbox_told *told, void *data);

/* What can be dropped: broadcasts of which no byte is written yet. Each is told of once. */

/** Of all but the newest @p spared messages, drops the oldest broadcasts until no more than @p
 * messages and @p bytes are left of these, or no broadcast is.
 * @param spared_bytes  Of the newest messages. */
void outbox_drop_oldest(struct outbox *outbox, uint64_t spared, uint64_t spared_bytes,
                        uint64_t messages, uint64_t bytes, outbox_told *told, void *data);

/** Drops the newest ping or pong of which no byte is written yet, if there is one. */
void outbox_drop_newest_control(struct outbox *outbox);

/** Drops the broadcasts among the newest @p messages. */
void outbox_drop_newest(struct outbox *outbox, uint64_t messages, outbox_told *told, void *data);

/** Drops of each topic all broadcasts but the newest. Those without a topic stay, and so do
 * the oldest of an outbox with broadcasts of more than OUTBOX_LATEST_MAX topics.
 * @param scratch  FRAME_MAX bytes.
 * @param newest, newest_bytes  So many of the newest messages are looked at apart: set to how many
 * of these are left. */
void outbox_keep_latest(struct outbox *outbox, uint8_t *scratch, uint64_t *newest,
                        uint64_t *newest_bytes, outbox_told *told, void *data);

/* Its set of topics has to fit into the scratch buffer, half empty. */
#define OUTBOX_LATEST_MAX (FRAME_MAX / sizeof(void *) / 2)

/** Takes out the first @p size bytes: what outbox_peek found, or less of it. */
void outbox_consume(struct outbox *outbox, size_t size);

#endif
