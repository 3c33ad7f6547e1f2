/* What one connection has received of what was published, and whether it is right: every message of
 * its room once, in the order of each publisher, with every byte. Reads the payloads as one stream,
 * so it does not matter how a server cuts them into frames. */
#ifndef LOAD_LEDGER_H
#define LOAD_LEDGER_H

#include "histogram.h"
#include "mark.h"

#include <stddef.h>
#include <stdint.h>

/* The sums over many connections. */
struct tally {
    size_t filler;      /* bytes that follow a mark */
    uint64_t now_ns;    /* when the bytes at hand were read */
    uint64_t delivered; /* whole messages, each counted once */
    uint64_t lost;      /* left out before one that came */
    uint64_t repeated;  /* came twice, or too late */
    uint64_t strayed;   /* of another room, of no publisher, or of one that is left out */
    uint64_t damaged;   /* not the bytes that were sent */
    struct histogram latencies;
};

#define LEDGER_NOBODY UINT32_MAX

struct ledger {
    struct tally *tally;
    uint32_t room;
    uint32_t publishers;
    uint32_t own;   /* a publisher whose messages must not come; LEDGER_NOBODY */
    uint32_t *next; /* the sequence number that must come next, for each publisher of the room */
    uint64_t delivered;
    uint64_t order;   /* a hash over what came in which order */
    struct mark mark; /* of the message whose filler is being read */
    size_t filler_left;
    uint8_t carry[MARK_SIZE]; /* a mark that is not whole yet */
    uint8_t carried;
    uint8_t damaged;
};

/** @param next  @p publishers numbers, for the ledger's life; NULL for a ledger that expects
 * nothing. */
void ledger_init(struct ledger *ledger, struct tally *tally, uint32_t room, uint32_t publishers,
                 uint32_t *next);

/** Reads the next bytes of the payloads. */
void ledger_read(struct ledger *ledger, const uint8_t *bytes, size_t size);

/** What the filler of every message is made of. */
#define LEDGER_FILLER 'x'

#endif
