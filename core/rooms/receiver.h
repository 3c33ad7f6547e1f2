/* A receiver: the worker's side of a client: its transport, its outbox, what happens when that is
 * full, and the flush. Rooms know receivers only; who it is, and which rooms it is in, client.h
 * says. All on the lane's worker, but what is marked otherwise. */
#ifndef ROOMS_RECEIVER_H
#define ROOMS_RECEIVER_H

#include "rooms/backlog.h"
#include "rooms/lane.h"
#include "rooms/limits.h"
#include "rooms/missed.h"
#include "rooms/outbox.h"
#include "rooms/receipt.h"
#include "rooms/transport.h"

#include <toni/types.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct receiver;

/* For what a receiver is closed. */
enum receiver_fault {
    RECEIVER_IS_SLOW,    /* its outbox is full */
    RECEIVER_IS_EVICTED, /* all outboxes together are too large */
    RECEIVER_IS_STARVED, /* there is no memory for its outbox */
};

/* Whose receiver it is; the same for all. */
struct receiver_owner {
    /** The receiver is about to be closed: it is to be no target any more.
     * @param code  Of the close frame. */
    void (*closing)(struct receiver *receiver, uint16_t code);

    /** Says for what it is about to be closed: who it is, the owner knows. */
    void (*report)(struct receiver *receiver, enum receiver_fault fault);
    void (*ref)(struct receiver *receiver);
    void (*unref)(struct receiver *receiver);
};

/* What is read and written for each message lies together, in three cache lines: with many clients
 * each line is one to wait for. */
struct receiver {
    struct lane *lane;
    const struct transport *transport;
    void *socket;                        /* for the transport */
    const struct limits *_Atomic limits; /* changed by the worker only; any thread reads */
    struct lane_node node;
    bool deflates; /* takes compressed messages; never changes */
    bool finished;
    bool close_queued;   /* the close frame waits behind all else: nothing may follow it */
    bool close_written;  /* and has gone out */
    bool close_is_bare;  /* it waits outside the outbox, for which there was no memory */
    bool write_shut;     /* nothing can be written any more */
    bool starved;        /* something could not be put into the outbox for want of memory */
    bool slow;           /* it was closed as a slow consumer */
    bool evicted;        /* it was closed since all outboxes together were too large */
    bool paused;         /* nothing is read from it: see backlog.h */
    bool has_left;       /* the last flush left something, be it marks alone */
    atomic_bool is_high; /* much waits, or a direct send was refused: its owner is told when little
                            is left. Any thread sets it, see direct.c; the worker clears it */
    uint16_t bare_code;  /* all that a bare close frame says; 0: not even that */
    uint32_t resume;     /* while a room's messages leave it out of some: the next one for it */
    uint32_t fresh_messages; /* that came in `fresh_turn` */
    struct outbox outbox;
    uint64_t fresh_bytes;                         /* of these */
    uint64_t fresh_turn;                          /* of the lane */
    uint32_t delivered_messages, delivered_bytes; /* of `posted`, since the last flush: within
                                                     limits, so 32 bits do */
    atomic_uint_fast64_t left_bytes;              /* in the outbox, by the last flush */
    uint64_t mark; /* the last multicast that reached it: see multicast.h */

    struct backlog backlog; /* as the last flush left it */

    /* Direct sends that came since the last flush; with what that left behind `missed` these decide
     * whether the outbox is full. Any thread. */
    atomic_uint_fast64_t posted_messages, posted_bytes;

    struct missed missed;   /* what it missed while it was away */
    struct counter dropped; /* messages that were accepted for it and dropped */
    struct gateway_figures
        *_Atomic gateway_figures; /* its gateway's; borrowed; NULL: not counted */
    const struct receiver_owner *owner;
    toni_client_id id;
};

/** What the lanes do with receivers that are to be flushed. */
extern const struct lane_work receiver_work;

/** Puts messages of a batch into the outbox, compressed if it takes that. */
enum outbox_answer receiver_enqueue(struct receiver *receiver, struct batch *batch, uint32_t first,
                                    uint32_t count);

/** @return What such a client gets: the batch, or its compressed variant. */
static inline struct batch *receiver_batch(const struct receiver *receiver, struct batch *batch)
{
    return receiver->deflates && batch->deflated ? batch->deflated : batch;
}

/** Messages of a room are missing behind what waits: its gateway's notice tells it so there.
 * @param topic  The room's. @param count  Messages, or GAP_COUNT_UNKNOWN. */
void receiver_mark_gap(struct receiver *receiver, struct topic *topic, uint32_t count);

/** Has it flushed at the end of the turn, though nothing may have come for it. */
void receiver_look(struct receiver *receiver);

/** Delivers direct sends. */
void receiver_deliver(struct receiver *receiver, struct batch *batch);

/** Delivers what it had missed, which is noted as coming. */
void receiver_deliver_missed(struct receiver *receiver, struct batch *batch);

/** Delivers the server's close.
 * @param code   Valid to send; 0 for a close frame without a code.
 * @param batch  The close frame; NULL: there was no memory for it, so it says no more than @p code.
 */
void receiver_deliver_close(struct receiver *receiver, uint16_t code, struct batch *batch);

/** Puts a ping or a pong behind what waits for the client and what its lane was posted before.
 * @param size  At most FRAME_CONTROL_MAX.
 * @return 0; -1 on no memory, or if nothing may follow what waits. */
int receiver_send_control(struct receiver *receiver, enum frame_opcode opcode, const void *payload,
                          size_t size);

/** @return Whether so many pings and pongs wait that another takes the place of the last of them.
 */
static inline bool receiver_has_all_controls(const struct receiver *receiver)
{
    return receiver->outbox.controls >= OUTBOX_CONTROLS_MAX;
}

/** Writes as much of the outbox as the transport takes, then looks at the limits. */
void receiver_flush(struct receiver *receiver);

/** Closes it at once: what waits for it is dropped and counted, then it gets the close frame. The
 * owner is asked first to make it no target.
 * @param code  Valid to send; 0 for a close frame without a code. */
void receiver_close_now(struct receiver *receiver, uint16_t code, toni_str reason);

/** Drops what waits, and counts it: the connection takes nothing any more. */
void receiver_discard(struct receiver *receiver);

/** The connection is gone. References may remain. */
void receiver_finish(struct receiver *receiver);

/** @return How many messages are on their way to its outbox, or in it. @thread Any. */
static inline uint64_t receiver_waiting_messages(const struct receiver *receiver)
{
    return atomic_load(&receiver->posted_messages) +
           atomic_load(&receiver->missed.coming_messages) +
           atomic_load(&receiver->backlog.messages);
}

/** @return How many bytes these have. @thread Any. */
static inline uint64_t receiver_waiting_bytes(const struct receiver *receiver)
{
    return atomic_load(&receiver->posted_bytes) + atomic_load(&receiver->missed.coming_bytes) +
           atomic_load(&receiver->left_bytes);
}

/** Takes back what was counted as posted. @thread Any. */
static inline void receiver_retract(struct receiver *receiver, uint64_t messages, uint64_t bytes)
{
    atomic_fetch_sub(&receiver->posted_messages, messages);
    atomic_fetch_sub(&receiver->posted_bytes, bytes);
}

#endif
