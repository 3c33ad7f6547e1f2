/* The door from rooms to other machines. A namespace without one (NULL) is this host's alone: it
 * pays nothing. core/clustering implements it on an engine, the unit tests in memory.
 *
 * With a door nobody gets a message before the engine has ordered it, the sender's own host
 * included: a broadcast goes out by publish(), and comes back by remote_deliver(). Joins, leaves,
 * direct sends and closes take effect at once. */
#ifndef ROOMS_REMOTE_H
#define ROOMS_REMOTE_H

#include "cluster/envelope.h"
#include "cluster/terms.h"
#include "rooms/receipt.h"

#include <toni/message.h>
#include <toni/types.h>

struct space;

/** What goes out. All is borrowed for the call, but the receipt. */
struct remote_publish {
    struct space *space;
    toni_str room; /* empty: to the namespace's own channel, and `to` says to whom */
    const toni_message *message;
    const struct envelope *to; /* NULL: all members of the room; the receipt's fields are ignored */
    struct receipt *receipt;   /* NULL: none. The door's if publish() does not fail: it adds up what
                                  the hosts say, and then calls `finished` */
};

/** The functions: any thread; none blocks, and none calls rooms back before it returns. */
struct remote {
    /** @return TONI_OK: it will be ordered, or its loss be told; TONI_ERR_BUSY: the engine is away,
     * or too much waits for it; TONI_ERR_TOO_BIG; TONI_ERR_NO_MEMORY. */
    int32_t (*publish)(struct remote *remote, const struct remote_publish *publish);

    /** A room has got its first member here. Under the room's lock.
     * @return TONI_OK; TONI_ERR_NO_MEMORY, TONI_ERR_LIMIT: then it may not be joined. */
    int32_t (*want)(struct remote *remote, struct space *space, toni_str room);

    /** Its last member has left. Under the room's lock. */
    void (*unwant)(struct remote *remote, struct space *space, toni_str room);
};

/* What comes in: on the cluster's thread alone, one at a time. */

/** A message has got its place: to those who are here now.
 * @param room  Empty: of the namespace's channel. @param at  Its place; epoch 0: it has none.
 * @param to    NULL: all members. @param receipt  NULL, or one that counts for this host alone:
 *              `finished` is called unless this fails.
 * @return How many were targeted here; TONI_ERR_BUSY, TONI_ERR_NO_MEMORY: nobody gets it, which is
 *         told to them as a gap. */
int32_t remote_deliver(struct space *space, toni_str room, toni_position at,
                       const toni_message *message, const struct envelope *to,
                       struct receipt *receipt);

/** Messages of a room are lost: its members here are told, where their gateway has a notice for it.
 * @param count  0: nobody knows how many. @param why  Static. */
void remote_gap(struct space *space, toni_str room, uint64_t count, enum cluster_why why);

#endif
