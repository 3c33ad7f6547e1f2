/* What waits for a client after a flush: charged to the host's budget, watched for whether it
 * moves, and what flow control goes by. Of a client whose socket takes everything nothing of this
 * is called. All on the client's worker, but what is marked otherwise. */
#ifndef ROOMS_BACKLOG_H
#define ROOMS_BACKLOG_H

#include "rooms/budget.h"
#include "rooms/lane.h"
#include "rooms/limits.h"
#include "rooms/outbox.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct backlog {
    struct pin pin;
    uint32_t charged_ring;     /* bytes */
    _Atomic uint32_t messages; /* any thread reads: within limits, but for a turn's */
};

/** After a flush that left something, or after which nothing is left any more. */
void backlog_note(struct backlog *backlog, struct lane *lane, struct outbox *outbox);

/** The socket has taken something of what was written before. */
void backlog_moved(struct backlog *backlog, struct lane *lane);

/** @return How long nothing of what waits has moved, in milliseconds; 0 if nothing waits. */
uint64_t backlog_stuck_ms(const struct backlog *backlog, const struct lane *lane);

/** Whoever doesn't read its answers is to send no more questions: while direct sends above half of
 * a limit of the outbox wait, or all the pongs that may, nothing is read from a client, until they
 * are below a quarter.
 * @param is_paused  Whether nothing is read from it now. @return Whether nothing is to be. */
bool backlog_pauses(const struct outbox *outbox, const struct limits *limits, bool is_paused);

/** @return Whether so much waits that the client's gateway is to be told when it has gone. */
bool backlog_is_high(const struct outbox *outbox, const struct limits *limits);

/** @return Whether so little is left that it is told. */
bool backlog_is_low(const struct outbox *outbox, const struct limits *limits);

#endif
