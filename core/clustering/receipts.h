/* Receipts of publishes: each waits until its message comes back, and then counts whom it reaches
 * here, or until it is clear that it won't. `finished` of each is called exactly once.
 *
 * What other nodes count is to be added here, where a receipt has come back.
 *
 * One thread at a time, but for receipt_ticket_create(). */
#ifndef CLUSTERING_RECEIPTS_H
#define CLUSTERING_RECEIPTS_H

#include "base/hash_table.h"
#include "cluster/terms.h"
#include "rooms/receipt.h"

#include <stdbool.h>
#include <stdint.h>

/** One that waits. */
struct receipt_ticket {
    struct hash_node node; /* first */
    struct receipt *receipt;
    uint64_t number;
    struct node_identity identity; /* as the envelope has it */
    uint64_t until_ms;             /* 0: its publish has no result yet */
    struct receipt_ticket *previous, *next;
};

struct receipts {
    struct hash_table table;             /* by number */
    struct receipt_ticket *first, *last; /* whose publish has its result, the oldest first */
};

/** @return Room for it; NULL on no memory. @thread Any. */
struct receipt_ticket *receipt_ticket_create(struct receipt *receipt, uint64_t number,
                                             struct node_identity identity);

/** Its publish is about to be the node's. Takes the ticket over. */
void receipts_add(struct receipts *receipts, struct receipt_ticket *ticket);

/** The message has come back.
 * @return The receipt, the caller's now; NULL: it is none of ours, or its time is over. */
struct receipt *receipts_take(struct receipts *receipts, uint64_t number,
                              struct node_identity identity);

/** Its publish has its result. @param until_ms  It waits so long for the message; 0: there won't be
 * one. */
void receipts_result(struct receipts *receipts, uint64_t number, uint64_t until_ms);

/** Ends those whose time is over. */
void receipts_expire(struct receipts *receipts, uint64_t now_ms);

/** @return When receipts_expire() has something to do; UINT64_MAX: never. */
uint64_t receipts_due(const struct receipts *receipts);

/** Ends all. */
void receipts_finish(struct receipts *receipts);

#endif
