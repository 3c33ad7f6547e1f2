/* The door from rooms to other hosts. A namespace without one (NULL) is this host's alone: it pays
 * nothing. core/clustering implements it on an engine, the unit tests in memory.
 *
 * With a door nobody gets a message before the engine has ordered it, the sender's own host
 * included: it goes out by publish() (remote_out.h), and comes back by remote_deliver(). Joins,
 * leaves, direct sends to clients that are here and closes take effect at once: so they may
 * overtake a message that is on its way, and who is in the room when it comes gets it.
 *
 * A message to one room goes by the room's own channel, however it is addressed: so the room has
 * one order on all hosts. What is for more than that goes by the namespace's channel, which has an
 * order of its own. */
#ifndef ROOMS_REMOTE_H
#define ROOMS_REMOTE_H

#include "cluster/envelope.h"
#include "cluster/terms.h"
#include "rooms/receipt.h"

#include <toni/message.h>
#include <toni/types.h>

struct entries;
struct space;

/** What goes out. All is borrowed for the call, but the receipt. */
struct remote_publish {
    struct space *space;
    toni_str room; /* empty: to the namespace's own channel, and `to` says to whom */
    const toni_message *message;
    const struct envelope *to; /* NULL: all members of the room. With a room: who is left out, and
                                  where its position is written. Its receipt is the door's to fill
                                  in */
    struct receipt *receipt;   /* NULL: none. The door's if publish() does not fail: it adds up what
                                  the hosts say, and then calls `finished` */
};

/** Somebody who waits for what comes of a request. */
struct remote_call {
    /** Called once, on the cluster's thread. @param answer  Borrowed for the call. */
    void (*finished)(struct remote_call *call, const toni_cluster_answer *answer);
};

/* More than so many messages are not asked of an engine for one client. */
#define REMOTE_MISSED_MOST 4096

/** A client that comes back, and what is asked of the engine for it. */
struct remote_recovery {
    struct space *space;
    toni_str room;
    toni_position since; /* epoch 0: it was never there, and gets the last messages */
    uint32_t limit;      /* of messages, 1 to REMOTE_MISSED_MOST */
};

/** The functions: any thread; none blocks, none locks anything of rooms, and none calls rooms back
 * before it returns. */
struct remote {
    /** Without a lock of rooms.
     * @return TONI_OK: it will be ordered, or its loss be told; TONI_ERR_BUSY: the engine is away,
     * or too much waits for it; TONI_ERR_TOO_BIG; TONI_ERR_NO_MEMORY. */
    int32_t (*publish)(struct remote *remote, const struct remote_publish *publish);

    /** A room has got its first member here. Whatever this host publishes to it from then on must
     * come back: a client that joins and greets the room hears itself. Under the room's lock, as
     * unwant(): of one name the two are called in turn, never by two threads at once.
     * @return TONI_OK; TONI_ERR_NO_MEMORY, TONI_ERR_LIMIT: then it can't be joined. */
    int32_t (*want)(struct remote *remote, struct space *space, toni_str room);

    /** Its last member has left. */
    void (*unwant)(struct remote *remote, struct space *space, toni_str room);

    /** Has another host carry something out, or all of them: of a room `status`, `count` and
     * members are those of all hosts, this included. @param request  Checked by asked_check(); of a
     * client it is not here.
     * @param call  NULL: nobody wants to know what comes of it. Else the door's if this does not
     *              fail.
     * @return TONI_OK: it will be handed on. TONI_ERR_NOT_FOUND: the id is of no host that there
     * is; TONI_ERR_BUSY, TONI_ERR_TOO_BIG, TONI_ERR_NO_MEMORY. */
    int32_t (*ask)(struct remote *remote, const toni_cluster_request *request,
                   struct remote_call *call);

    /** Asks what a client missed. Without a lock of rooms. The room's messages come to this host
     * from then on, until it is answered, though nobody is in it.
     * @param recovery  The door's if this does not fail, until it answers, once, by
     * remote_recovered().
     * @return TONI_OK; TONI_ERR_BUSY: too many are under way; TONI_ERR_LIMIT, TONI_ERR_NO_MEMORY,
     * TONI_ERR_CLOSING. */
    int32_t (*recover)(struct remote *remote, struct remote_recovery *recovery);
};

/* What comes in: on the cluster's thread alone, one at a time, in the order of each room. */

/** A message has got its place: to those who are here now.
 * @param room  Empty: of the namespace's channel. @param at  Its place; epoch 0: it has none.
 * @param to    NULL: all members. It says where in the message its place is written, not the
 *              message's own `position_at`. @param receipt  NULL, or one that counts for this host
 * alone: `finished` is called unless this fails.
 * @return How many were targeted here. TONI_ERR_BUSY, TONI_ERR_TOO_BIG, TONI_ERR_NO_MEMORY: nobody
 * gets it, which was told as by remote_gap(). TONI_ERR_INVALID: it is no message; the same as
 * remote_refuse(). */
int32_t remote_deliver(struct space *space, toni_str room, toni_position at,
                       const toni_message *message, const struct envelope *to,
                       struct receipt *receipt);

/** What a client missed: it gets that, and is in the room from then on.
 * @param recovery  Ended by that.
 * @param why       WHY_NONE, or why it gets none: then it joins without.
 * @param at        Where the client is then, which is where the deliveries of its room are: what
 *                  comes next is new to it. Without meaning where it gets none.
 * @param entries   What it missed, as the engine has it; borrowed. NULL: nothing. */
void remote_recovered(struct remote_recovery *recovery, enum cluster_why why, toni_position at,
                      const struct entries *entries);

/** Messages of a room are lost: its members here are told, where their gateway has a notice for it.
 * @param count  0: nobody knows how many. @param why  Why. */
void remote_gap(struct space *space, toni_str room, uint64_t count, enum cluster_why why);

/** Something has come in that toni has not sent: it is dropped, counted and logged, within a limit.
 * @param what  What is wrong with it; static. */
void remote_refuse(struct space *space, toni_str room, const char *what);

#endif
