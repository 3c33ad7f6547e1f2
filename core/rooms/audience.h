/* An audience: the members that a room has on one lane. It is the lane's alone: who is in it
 * changes by commands in the lane's queue, as messages come, so nothing of it is locked and whoever
 * is in it when a message is delivered is whom the message is for. */
#ifndef ROOMS_AUDIENCE_H
#define ROOMS_AUDIENCE_H

#include "rooms/receiver.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct room;
struct audience;

/* A receiver in a room, from the join until both the lane and the client have left it behind. A
 * client that joins again gets another. */
struct membership {
    struct command leave;      /* posted once: when it is to be no target any more */
    struct room *room;         /* one reference */
    struct receiver *receiver; /* lives until `leave` was taken */
    struct audience *audience; /* until then */
    uint32_t index;            /* in the audience; the lane's */
    uint32_t next;             /* while a batch is delivered: the next message; the lane's */
    uint32_t place;            /* in the room's list; guarded by the room's lock */
    bool is_target;            /* `leave` was not posted yet; guarded by the room's lock */
    bool is_embedded;          /* it lies in something else, and is not freed */
    atomic_uchar holders;      /* of the lane, and of the client */
};

struct member {
    struct receiver *receiver; /* also in the membership; here it is at hand */
    struct membership *membership;
};

struct audience {
    struct room *room;      /* kept by its members */
    struct member *members; /* `first`, or allocated */
    uint32_t count;
    uint32_t capacity;
    struct member first; /* most audiences are of one */
};

/* A member is left out of one message of a batch. */
struct exception {
    struct exception *next; /* by ascending message */
    struct membership *membership;
    uint32_t message;
};

/** @return An audience for a first member; NULL on no memory. @thread Any. */
struct audience *audience_create(struct room *room);

/** @return Memory for so many members; NULL if there is none. @thread Any. */
struct member *audience_reserve(uint32_t capacity);

/* The following: the lane's worker only. */

/** Moves the members to other memory, which has space for all.
 * @param members  From audience_reserve; the audience's from now on. */
void audience_move(struct audience *audience, struct member *members, uint32_t capacity);

/** Adds a member; there is space for it. */
void audience_add(struct audience *audience, struct membership *membership);

/** Removes a member, and ends the audience with the last one. */
void audience_remove(struct membership *membership);

/** Puts messages of a batch into the outboxes of all.
 * @param exceptions  In that order; NULL: there are none. */
void audience_deliver(struct audience *audience, struct batch *batch, uint32_t first,
                      uint32_t count, const struct exception *exceptions);

#endif
