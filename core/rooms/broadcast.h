/* Broadcasts: what is for one whole room, or for everyone, less a few. Each takes the next number
 * of its room under the room's lock, is appended to the room's open batch, and posted to each lane
 * that has targets: that is the room's one order. */
#ifndef ROOMS_BROADCAST_H
#define ROOMS_BROADCAST_H

#include "rooms/room.h"

/* A broadcast may leave out so many; more make it a multicast. */
#define EXCEPTED_MAX 8

/* Who is left out: targets of the room. */
struct excepted {
    uint32_t count;
    struct membership *members[EXCEPTED_MAX];
};

/** Gives a number to one message and posts it to all lanes that have targets. Under the room's
 * lock.
 * @param deflated  What clients that take compressed messages get; NULL: the message as it is.
 * @param excepted  Who doesn't get it; NULL: nobody.
 * @return How many were targeted, or TONI_ERR_BUSY, TONI_ERR_NO_MEMORY; then nothing is changed.
 * @thread Any. */
int32_t broadcast_locked(struct room *room, const toni_message *message,
                         const toni_message *deflated, const struct excepted *excepted);

/** Sends a message to a whole room, or to everyone; see broadcast_locked.
 * @param message  Checked; see message_check. @thread Any. */
int32_t broadcast_send(struct room *room, const toni_message *message);

/** Compresses a message for those of a room who take that, before the room is locked.
 * @return To be freed; NULL: nobody gets it compressed. @thread Any. */
toni_message *broadcast_deflate(struct room *room, const toni_message *message);

#endif
