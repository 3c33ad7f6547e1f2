/* Receipts of messages that go by the cluster. The sum of what all hosts say is kept by the table
 * of cluster/control.h, from a publish on until as many hosts have answered as the engine sent it
 * to, or `receipt_ms` is over; `finished` of each receipt is called exactly once. What a message
 * with a receipt, this host's or another's, comes to here is counted by lanes, on any thread, and
 * goes through a list to the cluster's thread, which adds it to the sum or sends it to who wants
 * it. */
#ifndef CLUSTERING_RECEIPTS_H
#define CLUSTERING_RECEIPTS_H

#include "base/lock.h"
#include "cluster/terms.h"
#include "rooms/receipt.h"

#include <stdint.h>

struct clustering;
struct control_ask;
struct sent;

/* Publishes of this host with a receipt that is not finished yet, and what they take. */
#define RECEIPTS_MOST 32768u
#define RECEIPTS_BYTES_MOST (16u << 20)

/* Messages with a receipt that lanes count at a time. Of more nothing is said: who wants to know
 * has this host missing. */
#define RECEIPTS_COUNTED_MOST 65536u

struct counted;

struct receipts {
    struct lock lock; /* a leaf; guards the list */
    struct counted *first, **last;
    atomic_uint out;      /* any thread: of this host's publishes */
    atomic_uint counting; /* any thread: begun, and not taken */
};

void receipts_init(struct receipts *receipts);

/** Once no lane counts any more. */
void receipts_finish(struct receipts *receipts);

/* --- Any thread */

/** Makes room for a receipt that a publish wants. receipts_end() follows, by whoever ends it.
 * @return TONI_OK or TONI_ERR_BUSY. */
int32_t receipts_admit(struct receipts *receipts);

/** The publish was refused: the receipt stays the caller's. */
void receipts_give_back(struct receipts *receipts);

/** Ends one that is in no table. @param status  Why. */
void receipts_end(struct receipts *receipts, struct receipt *receipt, int32_t status);

/* --- The cluster's thread */

/** A publish is about to be the node's: if it wants a receipt, its envelope says so from now on.
 * @return CLUSTER_DONE; else it must not be published. */
int receipts_begin(struct clustering *clustering, struct sent *sent);

/** What came of it. @param receivers  As control_receipt_sent(). */
void receipts_result(struct clustering *clustering, struct sent *sent, enum publish_result result,
                     enum cluster_why why, uint32_t receivers);

/** A message with a receipt has come.
 * @return For remote_deliver(); NULL: nothing will be said of it. */
struct receipt *receipts_count(struct clustering *clustering, uint64_t number,
                               struct node_identity from);

/** Hands on what lanes have counted. */
void receipts_run(struct clustering *clustering);

/** One is over. */
void receipts_tell(struct clustering *clustering, const struct control_ask *done);

#endif
