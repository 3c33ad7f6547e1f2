/* What one connection has received of what was published, and whether it is right: every message of
 * its room once, in the order of each publisher, with every byte. Reads the payloads as one stream,
 * so it does not matter how a server cuts them into frames. */
#ifndef CLIENT_LEDGER_H
#define CLIENT_LEDGER_H

#include "client/mark.h"
#include "client/percentiles.h"

#include <stddef.h>
#include <stdint.h>

/* The sums over many connections. */
struct tally {
    size_t filler;      /* bytes that follow a mark */
    uint64_t now_ns;    /* when the bytes at hand were read */
    uint64_t delivered; /* whole messages, each counted once */
    uint64_t lost;      /* left out before one that came, and not come since */
    uint64_t late;      /* came behind one that was sent after it */
    uint64_t repeated;  /* came twice, or so late that it can't be told from that */
    uint64_t strayed;   /* of another room, of no publisher, or of one that is left out */
    uint64_t damaged;   /* not the bytes that were sent, or nothing that can be read */
    uint64_t errors;    /* answers that say that it was not done */
    struct percentiles latencies;
};

#define LEDGER_NOBODY UINT32_MAX

/* How many gaps are remembered, in case that what is missing there comes late. */
#define LEDGER_GAPS 16U

/* Messages of one publisher that are missing: from, to, all between. */
struct gap {
    uint32_t publisher;
    uint32_t from, to;
};

struct ledger {
    struct tally *tally;
    uint32_t room;
    uint32_t publishers;
    uint32_t own;     /* a publisher whose messages must not come; LEDGER_NOBODY */
    uint32_t *next;   /* the sequence number that must come next, for each publisher of the room */
    struct gap *gaps; /* LEDGER_GAPS of them; NULL until something is missing */
    uint8_t next_gap; /* the oldest, which is forgotten first */
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

/** Frees what is remembered of what was missing. */
void ledger_finish(struct ledger *ledger);

/** Reads the next bytes of the payloads. */
void ledger_read(struct ledger *ledger, const uint8_t *bytes, size_t size);

/** What the filler of every message is made of. */
#define LEDGER_FILLER 'x'

#endif
