/* What one connection receives where messages have no marks: each message of the server answers one
 * of the connection's own. Which one says its order, or its `id`, if they are events
 * (toni/events.h). */
#ifndef CLIENT_REPLIES_H
#define CLIENT_REPLIES_H

#include "client/ledger.h"
#include "client/pending.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of an event: longer ones are counted as damaged. */
#define REPLY_SIZE_MAX (1U << 20)

struct replies {
    struct tally *tally;
    struct pending pending;
    bool by_id;
    bool counts;   /* what comes before is a greeting */
    uint8_t *text; /* of the event that is being read */
    size_t size, capacity;
    bool is_lost; /* it is too long, or there is no memory for it */
};

/** @return NULL on no memory. */
struct replies *replies_create(struct tally *tally, bool by_id);

/** NULL is fine. */
void replies_destroy(struct replies *replies);

/** Reads a piece of a message. */
void replies_read(struct replies *replies, const uint8_t *bytes, size_t size);

/** The message is whole. */
void replies_enter(struct replies *replies);

#endif
