/* Dropping: what a policy, or an end, takes out of an outbox that nothing was written of. Which
 * policy there is, and when, receiver.c says. */
#ifndef ROOMS_DROPPING_H
#define ROOMS_DROPPING_H

#include "rooms/outbox.h"

/** Drops everything but a message of which a frame is written in part: what follows, be it a close
 * frame, can only follow that. @return How many messages were dropped. */
uint64_t outbox_drop_waiting(struct outbox *outbox);

/** @param messages  So many of this batch, one behind the other. */
typedef void outbox_told(void *data, const struct batch *batch, uint32_t messages);

/** Tells of all that outbox_drop_waiting would drop, of each once. */
void outbox_each(const struct outbox *outbox, outbox_told *told, void *data);

/* What can be dropped: broadcasts of which no byte is written yet. Each is told of once. */

struct outbox_dropping {
    outbox_told *told;
    void *data;
    bool leaves_marks; /* where messages are missing then: see marks.h. Without memory for one
                          between two messages of an entry these stay */
};

/** Of all but the newest @p spared messages, drops the oldest broadcasts until no more than @p
 * messages and @p bytes are left of these, or no broadcast is.
 * @param spared_bytes  Of the newest messages. */
void outbox_drop_oldest(struct outbox *outbox, uint64_t spared, uint64_t spared_bytes,
                        uint64_t messages, uint64_t bytes, const struct outbox_dropping *dropping);

/** Drops the newest ping or pong of which no byte is written yet, if there is one. */
void outbox_drop_newest_control(struct outbox *outbox);

/** Drops the broadcasts among the newest @p messages. */
void outbox_drop_newest(struct outbox *outbox, uint64_t messages,
                        const struct outbox_dropping *dropping);

/** Drops of each topic all broadcasts but the newest, which leaves no marks. Those without a topic
 * stay, and so do the oldest of an outbox with broadcasts of more than OUTBOX_LATEST_MAX topics.
 * @param scratch  FRAME_MAX bytes.
 * @param newest, newest_bytes  So many of the newest messages are looked at apart: set to how many
 * of these are left. */
void outbox_keep_latest(struct outbox *outbox, uint8_t *scratch, uint64_t *newest,
                        uint64_t *newest_bytes, outbox_told *told, void *data);

/* Its set of topics has to fit into the scratch buffer, half empty. */
#define OUTBOX_LATEST_MAX (FRAME_MAX / sizeof(void *) / 2)

#endif
