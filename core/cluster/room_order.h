/* The order of one room on one node: where it is, and what is held back behind a hole. Decides
 * nothing about how a hole is filled, and delivers nothing itself. */
#ifndef CLUSTER_ROOM_ORDER_H
#define CLUSTER_ROOM_ORDER_H

#include "cluster/payload.h"
#include "cluster/terms.h"

/** A message that can't be delivered yet. */
struct held {
    struct held *next;
    uint64_t offset;
    struct payload *payload;
};

struct room_order {
    struct position at;  /* the last that was delivered, or told as lost */
    bool is_based;       /* `at` holds; with epoch 0: the engine has no numbers for it. Before that
                            only its epoch means something, if anything is held: the held ones' */
    struct held *held;   /* by offset; all of the epoch `at` */
    struct held *latest; /* the last of them */
    uint32_t held_count;
    uint64_t held_bytes;
};

enum order_verdict {
    ORDER_EARLY, /* hold: it isn't known yet from where on messages are this node's */
    ORDER_NEXT,  /* deliver: the next one */
    ORDER_OLDER, /* drop: it was delivered, or told as lost */
    ORDER_HOLE,  /* hold: others come before it */
    ORDER_EPOCH  /* the numbers began anew */
};

/** What held messages are charged with. */
static inline uint64_t held_charge(const struct payload *payload)
{
    return payload->size + sizeof(struct held) + sizeof(struct payload);
}

/** @return What is to be done with a message at @p at. Of another epoch than those that are held
 * early it is ORDER_EPOCH, too. */
enum order_verdict room_order_judge(const struct room_order *order, struct position at);

/** Delivered, or told as lost, up to here. Held messages up to here are dropped. */
void room_order_advance(struct room_order *order, struct position at);

/** Holds a message of the epoch `at`, with a reference of its own. One that is held already is
 * dropped.
 * @return 0, or -1 on no memory; then nothing has changed. */
int room_order_hold(struct room_order *order, uint64_t offset, struct payload *payload);

/** Takes out the held message that is the next to be delivered, and advances.
 * @return Its payload, with the reference; NULL: there is none, or there is a hole before it. */
struct payload *room_order_take(struct room_order *order);

/** Forgets where it was, and what it held. */
void room_order_finish(struct room_order *order);

#endif
