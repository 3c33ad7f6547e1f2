/* Requests from one node to others, and their answers: what is under way, and what became of it.
 * Pure, as the node is: no socket, no thread, no clock; the same calls with the same arguments have
 * the same results.
 *
 * A request is published, without a history, on the control channel of the node that it is for,
 * whose room is named by its slot; the answer comes on the channel of who asked. What may have been
 * lost on the way is never sent again: a request is carried out once or not at all, and without an
 * answer in time nobody knows which. Only what the engine sent to nobody is: a node that has
 * connected anew is seen before its channel is subscribed again. Requests name slot and boot: a
 * node that has the slot of one that is gone says so instead of carrying them out.
 *
 * A node that has got its identity announces itself in the channel of all: the others need not wait
 * until they renew their own lease to find it out.
 *
 * A receipt is such a request, too: the message itself asks, and each node that got it answers.
 *
 * Each request that was taken on is given back exactly once, by control_take().
 *
 *     control_ask_node(control, identity, &request, 1000, cookie, now_ms);
 *     while (control_take_send(control, &send)) {
 *         publish send.payload in the channel of send.slot;
 *         with its result: control_sent(control, send.cookie, result, receivers, now_ms);
 *     }
 *     while ((ask = control_take(control))) {
 *         tell whoever asked;
 *         control_ask_destroy(ask);
 *     }
 *     wake me at control_due(control), and then call control_tick()
 *
 * One thread at a time. */
#ifndef CLUSTER_CONTROL_H
#define CLUSTER_CONTROL_H

#include "base/hash_table.h"
#include "cluster/client_id.h"
#include "cluster/control_wire.h"
#include "cluster/list.h"

struct control_table;

struct control_settings {
    uint32_t asks_max;     /* under way at a time, beside receipts */
    uint32_t receipts_max; /* of these */
    uint64_t bytes_max;    /* that all take, with what is not published yet */
    uint32_t nodes_max;    /* others that are known at a time */
    uint64_t nameless;     /* random: says in receipts who this node is while it has no identity.
                              Others can't answer it then */
};

/** What became of a request. */
enum control_outcome {
    CONTROL_UNDER_WAY, /* of none that was given back */
    CONTROL_ANSWERED,  /* by all that were asked */
    CONTROL_NO_NODE,   /* the one that was asked is gone: nothing was done */
    CONTROL_NOT_SENT,  /* the engine was away, or the node did not listen: nothing was done */
    CONTROL_NO_ANSWER  /* of some, or of the only one, in time: it may have been done */
};

/** A node that was asked. */
struct control_target {
    struct node_identity identity;
    struct payload *name; /* a reference */
    enum control_outcome outcome;

    /* The rest is the table's. */
    struct payload *request; /* a reference, while it may have to be sent again; or NULL */
    uint64_t again_ms;       /* when; 0: it is on its way */
};

/** A request. Read by whoever takes it; the sums are of those that answered. */
struct control_ask {
    uint64_t cookie;
    enum control_outcome outcome;
    int32_t status; /* of the last that answered */
    struct control_counts counts;
    uint64_t count;
    uint64_t *ids; /* the lowest, in ascending order, as many as were asked for */
    uint32_t id_count;
    uint32_t answered;
    uint32_t missing; /* how many did not answer; of a receipt UINT32_MAX: nobody knows */

    /* The rest is the table's. */
    struct hash_node by_number;
    struct list place; /* in order of their ends, or among those that are done */
    uint64_t number;
    struct node_identity from;
    uint64_t ends_ms;
    uint64_t bytes;
    uint32_t limit;
    uint32_t waits; /* targets without an outcome */
    bool is_receipt, is_room;
    bool is_counted;              /* of a receipt: what this node says is in it */
    uint32_t expected;            /* of a receipt: answers; UINT32_MAX: not known yet, or never */
    struct node_identity *others; /* of a receipt: that answered, and weren't seen when it began */
    uint32_t other_count, other_room;

    uint32_t target_count;
    struct control_target targets[]; /* those without CONTROL_ANSWERED are missing; of a receipt
                                        `missing` of them are */
};

/** Something to be published. */
struct control_send {
    uint32_t slot;           /* in this one's channel; CONTROL_ALL: in that of all */
    uint64_t cookie;         /* for control_sent() */
    struct payload *payload; /* the caller's reference */
};

/** @return NULL on no memory. */
struct control_table *control_table_create(const struct control_settings *settings);

/** Forgets all that is under way; see control_end(). @param control  NULL is fine. */
void control_table_destroy(struct control_table *control);

/** All that is under way is done, without an answer. */
void control_end(struct control_table *control);

/* # What the node says: LEASE_HELD, LEASE_LOST, NODE_SEEN, NODE_LOST */

void control_held(struct control_table *control, struct node_identity identity);
void control_lost(struct control_table *control);

/** @param name  Takes a reference of its own. */
void control_seen(struct control_table *control, struct node_identity identity,
                  struct payload *name);

/** Nobody waits for it any more. */
void control_gone(struct control_table *control, struct node_identity identity);

/** Says to all others that this node is there now.
 * @return CLUSTER_DONE; CLUSTER_BUSY, CLUSTER_NO_MEMORY: they find it out later. */
int control_announce(struct control_table *control);

/** A message came on the channel of all: nothing but an announcement means anything there.
 * @return Whether a node announces itself that is not seen yet. */
bool control_announces(const struct control_table *control, const void *bytes, size_t size);

/** @return Whether a node that is seen is what an id says of where its client is.
 * @param identity  Set to it. */
bool control_find(const struct control_table *control, struct client_origin origin,
                  struct node_identity *identity);

/* # What the host asks for. Each returns CLUSTER_DONE: there will be a result; CLUSTER_BUSY: too
 * much is under way, or this node has no identity at present; CLUSTER_INVALID; CLUSTER_NO_MEMORY */

/** Asks one node. @param to  Another one. @param answer_ms  For so long its answer is waited for.
 */
int control_ask_node(struct control_table *control, struct node_identity to,
                     const struct control_request *request, uint32_t answer_ms, uint64_t cookie,
                     uint64_t now_ms);

/** Asks all others that are seen. */
int control_ask_all(struct control_table *control, const struct control_request *request,
                    uint32_t answer_ms, uint64_t cookie, uint64_t now_ms);

/** Waits for what becomes of a message: without an end until control_receipt_sent(), which must
 * follow. This node needs no identity for it.
 * @param number, from  Set to what its envelope has to say. */
int control_receipt(struct control_table *control, uint64_t cookie, uint64_t *number,
                    struct node_identity *from);

/** The message was published, or not; of one that maybe was, answers count all the same.
 * @param receivers  Nodes that it was sent to, this included; or RECEIVERS_UNKNOWN.
 * @param answer_ms  For so long answers are waited for from now on. */
void control_receipt_sent(struct control_table *control, uint64_t number,
                          enum publish_result result, uint32_t receivers, uint32_t answer_ms,
                          uint64_t now_ms);

/** What became at this node of a message with a receipt: into the sum, if the receipt is one of
 * this node's, and else it is sent to who wants it, if anything can be.
 * @param number, from  As its envelope says. */
void control_receipt_counted(struct control_table *control, uint64_t number,
                             struct node_identity from, struct control_counts counts);

/* # What the I/O tells */

/** What came of a publish. @param cookie  Of the send.
 * @param receivers  If it is PUBLISH_OK: nodes that it was sent to, or RECEIVERS_UNKNOWN. */
void control_sent(struct control_table *control, uint64_t cookie, enum publish_result result,
                  uint32_t receivers, uint64_t now_ms);

/** A message came on the channel of this node's slot.
 * @param frame  Filled in; leads into @p bytes.
 * @return Whether it is a request that this host has to carry out, and to answer by
 * control_reply(). Answers, and what is none or for another node, are dealt with here. */
bool control_message(struct control_table *control, const void *bytes, size_t size,
                     struct control_frame *frame);

/** Answers a request that came. @param asked  Its head.
 * @return CLUSTER_DONE; CLUSTER_NO_MEMORY, CLUSTER_BUSY, CLUSTER_INVALID (who asks has no slot):
 *         whoever asked will have no answer. */
int control_reply(struct control_table *control, const struct control_head *asked,
                  const struct control_answer *answer);

/** Ends what has waited for too long, and sends again what nobody has heard. */
void control_tick(struct control_table *control, uint64_t now_ms);

/** @return When control_tick() is due; UINT64_MAX: never. */
uint64_t control_due(const struct control_table *control);

/* # What comes out. After each call. */

/** @return Whether there was something to be published. */
bool control_take_send(struct control_table *control, struct control_send *send);

/** @return The next that is done, the caller's from now on; NULL: none. */
struct control_ask *control_take(struct control_table *control);

void control_ask_destroy(struct control_ask *ask);

/** @return The name of a node that is seen; NULL: there are no more. @param index  From 0 on. */
const struct payload *control_name(const struct control_table *control, uint32_t index);

/** What is under way, for figures. */
uint32_t control_count(const struct control_table *control);
uint64_t control_bytes(const struct control_table *control);

#endif
