/* Broadcasts: what is for one whole room, or for everyone, less a few. Each takes the next number
 * of its room under the room's lock, is appended to the room's open batch, and posted to each lane
 * that has targets: that is the room's one order. With a door the engine has given the number, and
 * the cluster's thread is the one that sends here: see remote.h. */
#ifndef ROOMS_BROADCAST_H
#define ROOMS_BROADCAST_H

#include "rooms/room_history.h"

/* A broadcast may leave out so many; more make it a multicast. */
#define EXCEPTED_MAX 8

/* Who is left out: targets of the room. */
struct excepted {
    uint32_t count;
    struct membership *members[EXCEPTED_MAX];
};

/** What a broadcast returns, less than all errors: the room has ended since it was found, and one
 * of its name is to keep the message. */
#define BROADCAST_ENDED INT32_MIN

/** Gives one message its place and posts it to all lanes that have targets. Under the room's lock.
 * A room with a history keeps it, also if nobody is there.
 * @param deflated  What clients that take compressed messages get; NULL: the message as it is.
 * @param excepted  Who doesn't get it; NULL: nobody.
 * @param at        Its place, see room_advance.
 * @return How many were targeted, or TONI_ERR_BUSY, TONI_ERR_NO_MEMORY, BROADCAST_ENDED: then
 * nobody gets it. In these cases, and where there are no targets, nothing is changed, but the
 * room's place if it is given, and its history.
 * @thread Any. */
int32_t broadcast_locked(struct room *room, const toni_message *message,
                         const toni_message *deflated, const struct excepted *excepted,
                         const toni_position *at);

/** Sends a message to a whole room, or to everyone; see broadcast_locked.
 * @param message  Checked; see message_check. @thread Any. */
int32_t broadcast_send(struct room *room, const toni_message *message, const toni_position *at);

/** The same to a room that is not there, or not any more: it is made, if it is to keep the message.
 * @return As broadcast_locked, but never BROADCAST_ENDED. @thread Any. */
int32_t broadcast_to_kept(struct space *space, toni_str name, const toni_message *message);

/** The same to a room by its name, whether it is there or not.
 * @param room  What was found by the name; NULL: nothing. It may have ended. @thread Any. */
static inline int32_t broadcast_to(struct space *space, toni_str name, struct room *room,
                                   const toni_message *message)
{
    const int32_t result = room ? broadcast_send(room, message, NULL) : BROADCAST_ENDED;
    return result != BROADCAST_ENDED ? result : broadcast_to_kept(space, name, message);
}

/** Puts a message together as a room keeps it.
 * @param position  Written into it; NULL: none is.
 * @return To be ended by payload_unref under the room's lock; NULL on no memory. */
struct payload *broadcast_payload(const toni_message *message, const toni_position *position);

/* What becomes of a message of one room beside its being sent. */
struct kept_message {
    bool is_kept;            /* the room keeps it */
    bool is_marked;          /* its position is written into it */
    struct payload *payload; /* if any of the two; NULL: no memory */
};

/** Puts a message together as its room keeps it, or as it has its position in it. Under the room's
 * lock. @param at  As with broadcast_locked. @param kept  Set; if it is marked, its payload is
 * what is to be sent.
 * @return Whether broadcast_end_keeping() is to follow; no: it is BROADCAST_ENDED. */
bool broadcast_begin_keeping(const struct room *room, const toni_message *message,
                             const toni_position *at, struct kept_message *kept);

/** Keeps it, if it was sent. Under the same lock. @param result  Of the sending. */
void broadcast_end_keeping(struct room *room, const struct kept_message *kept, int32_t result);

/** Compresses a message for those of a room who take that, before the room is locked. One that
 * its position may be written into is compressed under the lock.
 * @return To be freed; NULL: nobody gets it compressed. @thread Any. */
toni_message *broadcast_deflate(struct room *room, const toni_message *message);

#endif
