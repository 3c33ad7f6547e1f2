/* A receipt: what became of one message to a target, for who asked to know. Whoever delivers
 * counts; who asked for it makes it, and gets it back when the last lane has delivered. */
#ifndef ROOMS_RECEIPT_H
#define ROOMS_RECEIPT_H

#include <stdatomic.h>
#include <stdint.h>
#include <toni/host.h>

/** How an outbox took messages. */
enum outbox_answer {
    OUTBOX_TOOK,      /* they wait there, or are written */
    OUTBOX_CLOSED,    /* the client is being closed, or gone */
    OUTBOX_NO_MEMORY, /* they are dropped, and the client will be closed */
};

#define OUTBOX_ANSWERS 3

struct receipt {
    uint32_t targeted;
    atomic_uint answers[OUTBOX_ANSWERS]; /* clients, by enum outbox_answer */

    /* What goes by a door is summed up over hosts, see toni_receipt; else as they
     * were. */
    int32_t status;
    uint32_t nodes, nodes_missing;
    const toni_str *missing; /* names; for the length of the call of `finished` */
    size_t missing_count;

    /** Called once, when no more is counted, if the message was sent; on any thread, without locks.
     * The receipt is the callee's from then on. */
    void (*finished)(struct receipt *receipt);
};

/** toni_target_send with a receipt.
 * @param receipt  All zero but for `nodes`, which is 1, and `finished`, which is called unless this
 * fails; NULL: none. */
int32_t target_send_receipt(toni_target *target, const toni_message *message,
                            struct receipt *receipt);

#endif
