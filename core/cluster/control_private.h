/* The table of requests, as its parts have it. For those alone:
 *
 *   control_table     what is under way, and what came of it
 *   control_nodes     who is there
 *   control_sends     what is to be published
 *   control_asks      requests to others
 *   control_receipts  receipts
 *   control_incoming  what comes
 */
#ifndef CLUSTER_CONTROL_PRIVATE_H
#define CLUSTER_CONTROL_PRIVATE_H

#include "cluster/control.h"

struct control_node {
    struct node_identity identity;
    struct payload *name; /* a reference */
};

struct control_table {
    struct control_settings settings;
    struct node_identity own; /* slot 0: none */
    struct control_node *seen;
    uint32_t seen_count;
    struct hash_table asks; /* by number */
    uint32_t receipt_count; /* of these */
    struct list unsent;     /* receipts whose message has no result yet */
    struct list waiting;    /* in order of their ends */
    struct list done;
    struct list sends;
    uint64_t number;   /* the last */
    uint64_t again_ms; /* when the first is sent again that nobody has heard; UINT64_MAX: none is */
    uint64_t bytes;
};

/* A send's cookie: the ask's number, and which of its targets it is for. Numbers begin with 1, so
 * no cookie of an ask is 0, which is an answer's. */
#define TARGET_BITS 16
#define TARGETS_MOST (1u << TARGET_BITS)

/* control_table */

/** @return The ask that has a place in a list. */
static inline struct control_ask *control_ask_of(struct list *place)
{
    return list_owner(place, struct control_ask, place);
}

/** @return Whether there is room for so many bytes, which are taken then. */
bool control_charge(struct control_table *control, uint64_t bytes);

/** @param limit  Of ids: there is a place for twice as many, those that are kept, and those that
 *                come. @param made  Set.
 * @return CLUSTER_DONE, CLUSTER_BUSY, CLUSTER_NO_MEMORY. */
int control_ask_make(struct control_table *control, const struct control_node *targets,
                     uint32_t count, uint32_t limit, struct control_ask **made);

/** Ends one that is in no list, and that nobody is told of. */
void control_ask_unmake(struct control_table *control, struct control_ask *ask);

/** It gets its number. @return CLUSTER_DONE: it needs a place in a list; CLUSTER_NO_MEMORY: it is
 * unmade. */
int control_ask_add(struct control_table *control, struct control_ask *ask, uint64_t cookie);

/** It waits from now on, in order of the ends. */
void control_ask_wait(struct control_table *control, struct control_ask *ask);

/** @return NULL: there is none under way. */
struct control_ask *control_ask_find(const struct control_table *control, uint64_t number);

/** @return NULL: it is none of those that were asked. */
struct control_target *control_ask_target(struct control_ask *ask, struct node_identity identity);

/** It is done. */
void control_ask_finish(struct control_table *control, struct control_ask *ask,
                        enum control_outcome outcome);

/** It is done, if it waits for nobody. What came of one node is what came of the request; of
 * several, that not all have answered. */
void control_ask_finish_if_over(struct control_table *control, struct control_ask *ask);

/** This came of one of those that were asked, if nothing did before. */
void control_target_end(struct control_table *control, struct control_ask *ask,
                        struct control_target *target, enum control_outcome outcome);

/** It is over for all that it waits for. */
void control_ask_give_up(struct control_table *control, struct control_ask *ask);

/* control_sends */

/** @param payload  The reference is taken, also if there is no room. NULL: no memory.
 * @return CLUSTER_DONE, CLUSTER_BUSY, CLUSTER_NO_MEMORY. */
int control_send_to(struct control_table *control, uint32_t slot, uint64_t cookie,
                    struct payload *payload);

/** Forgets what was not taken yet of an ask that is given up again. */
void control_take_back(struct control_table *control, uint64_t number);

/* control_receipts */

/** An answer to a receipt. */
void control_receipt_take(struct control_table *control, struct control_ask *ask,
                          const struct control_frame *frame);

#endif
