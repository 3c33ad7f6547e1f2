/* An audience: the members that a room has on one lane. It is the lane's alone: who is in it
 * changes by commands in the lane's queue, as messages come, so nothing of it is locked and whoever
 * is in it when a message is delivered is whom the message is for. */
#ifndef ROOMS_AUDIENCE_H
#define ROOMS_AUDIENCE_H

#include "rooms/receiver.h"

#include <stdbool.h>
#include <stdint.h>

struct room;
struct audience;

/* A receiver in a room, from the join until both the lane and the client have left it behind. A
 * client that joins again gets another. */
struct membership {
    struct command leave;      /* posted once, when it is to be no target any more; without a type
                                  until then. Guarded by the room's lock */
    struct receiver *receiver; /* lives until `leave` was taken, and as long as it is in the list */
    struct audience *audience; /* lives as long as the membership */
    uint32_t index;            /* in the audience; the lane's */
    uint32_t place : 31;       /* in the room's list, or MEMBERSHIP_LEFT; guarded by the room's
                                  lock, as the next is */
    uint32_t has_departed : 1; /* the lane has taken `leave` */
};

/* The `place` of a membership that its client has left. */
#define MEMBERSHIP_LEFT (UINT32_MAX / 2)

struct member {
    struct receiver *receiver; /* also in the membership; here it is at hand */
    struct membership *membership;
};

struct audience {
    struct room *room;           /* one reference */
    union {                      /* the lane's, as the next two are */
        struct membership *only; /* without an array: the first member; most audiences have one */
        struct member *members;
    };
    uint32_t count;
    bool has_array;
    uint8_t lane; /* its index */

    /* Guarded by the room's lock: how it will be once the lane has taken what was posted. */
    uint8_t step;          /* what it has space for; see audience_space() */
    uint32_t targets;      /* of the room's list, it is in there while it has some */
    uint32_t memberships;  /* that have not ended; the audience ends with the last */
    struct audience *next; /* in the room's list */
};

/* A member is left out of one message of a batch. */
struct exception {
    struct exception *next; /* by ascending message */
    struct membership *membership;
    uint32_t message;
};

/** @return How many members there is space for at a step: at the first for one, which needs no
 * array, and at each of the following for a quarter or less above the one before. */
static inline uint32_t audience_space(uint8_t step)
{
    return step < 3 ? step + 1U : (4 + (step - 3U) % 4) << (step - 3U) / 4;
}

/** @return Whether the membership is a target of its room. Under the room's lock. */
static inline bool membership_is_target(const struct membership *membership)
{
    return !membership->leave.type;
}

/** @return Whose member it is. @thread Any that keeps the membership. */
static inline struct room *membership_room(const struct membership *membership)
{
    return membership->audience->room;
}

/** @param room  The audience takes over a reference.
 * @return An audience without members; NULL on no memory. @thread Any. */
struct audience *audience_create(struct room *room, uint32_t lane);

/** @return Memory for as many members as there is space for at a step; NULL if there is none.
 * @thread Any. */
struct member *audience_reserve(uint8_t step);

/* The following: the lane's worker only. */

/** Moves the members to an array, or from one to another.
 * @param members  From audience_reserve, with space for all; the audience's from now on. */
void audience_move(struct audience *audience, struct member *members);

/** Adds a member; there is space for it. */
void audience_add(struct membership *membership);

/** Removes a member. With the last the array goes: nobody comes any more. */
void audience_remove(const struct membership *membership);

/** @return The receiver of a member. */
static inline struct receiver *audience_receiver(const struct audience *audience, uint32_t index)
{
    return audience->has_array ? audience->members[index].receiver : audience->only->receiver;
}

/** Puts messages of a batch into the outboxes of all.
 * @param exceptions  In that order; NULL: there are none. */
void audience_deliver(const struct audience *audience, struct batch *batch, uint32_t first,
                      uint32_t count, const struct exception *exceptions);

#endif
