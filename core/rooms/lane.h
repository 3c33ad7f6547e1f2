/* A lane: what the rooms know of one worker. Everything that concerns the worker's clients goes
 * through the lane's inbox, in one order: so what one thread does, a client sees in the order in
 * which it was done.
 *
 * Any thread posts letters. The worker takes all of them once a turn (lane_turn), hands messages to
 * outboxes, and then flushes the clients that were touched, one write each. */
#ifndef ROOMS_LANE_H
#define ROOMS_LANE_H

#include "rooms/batch.h"
#include "rooms/budget.h"
#include "rooms/lane_figures.h"
#include "rooms/spares.h"

#include <toni/types.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* How many lanes there can be. */
#define LANES_MAX 256

struct room;
struct spread;

enum letter_kind {
    LETTER_ROOM,   /* messages of a room, for its members on this lane */
    LETTER_SPREAD, /* one message for a target, see spread.h */
    LETTER_CLIENT, /* messages for one client */
    LETTER_CLOSE,  /* the server's close of one client */
    LETTER_CALL,   /* a function to run on the worker: in a queue of its own */
};

struct letter {
    struct letter *next;
    enum letter_kind kind;
    uint32_t first; /* LETTER_ROOM: message of the batch */
    uint32_t count; /* LETTER_ROOM: messages */
    union {
        struct room *room;     /* one reference */
        struct spread *spread; /* one reference */
        toni_client *client;   /* one reference */
        void (*call)(void *data);
    } to;
    union {
        struct batch *batch; /* one reference */
        void *data;
    } with;
};

/* Whether the worker's loop has to be woken for what is posted. */
enum lane_sleep {
    LANE_AWAKE,    /* it will turn */
    LANE_ASLEEP,   /* it blocks, or will */
    LANE_PROMISED, /* the same, and some worker wakes it when its own turn ends */
};

struct lane {
    /* Set before the worker starts. All lanes lie in one array. */
    uint32_t index;
    void (*wake)(void *data); /* makes the worker's loop turn; called from any thread */
    void *wake_data;
    struct budget *budgets; /* the host's, BUDGET_KINDS of them; borrowed */

    /* The thread that runs the lane; `thread` is valid once `attached` is true. */
    atomic_bool attached;
    pthread_t thread;

    /* The inbox. `mutex` is the last in the order of locks: nothing else is locked under it. */
    pthread_mutex_t mutex;
    struct letter *first_letter;
    struct letter *last_letter;
    struct letter *first_call;
    struct letter *last_call;
    _Atomic enum lane_sleep sleep; /* changed under the lock, but by who wakes the loop */
    struct counter targeted; /* once for each client that a message of a client or room is for */

    uint8_t padding[COUNTER_PADDING];

    /* The worker's own. */
    uint64_t turn;                    /* how many have ended */
    uint64_t to_wake[LANES_MAX / 64]; /* lanes that wait for the end of this turn, a bit each */
    bool wakes;                       /* there is one */
    toni_client *first_touched; /* clients to flush, in the order in which they were touched */
    toni_client *last_touched;
    struct spares spares;
    struct batch_refs refs;
    uint8_t *scratch; /* FRAME_MAX bytes, for gathering a write */
    uint64_t now_ms;  /* of a monotonic clock that all lanes share; the worker sets it */
    struct pins pins[BUDGET_KINDS];
    struct lane_figures figures;
    uint8_t padding_to_the_next[COUNTER_PADDING];
};

/** @param budgets  BUDGET_KINDS, which outlive the lane.
 * @param wake  Called from any thread, with locks of the rooms held; must not call back.
 * @return 0, or -1 on no memory. */
int lane_init(struct lane *lane, uint32_t index, struct budget *budgets, void (*wake)(void *data),
              void *wake_data);

/** Drops what is still in the inbox. No thread may use the lane any more. */
void lane_finish(struct lane *lane);

/** Says that the calling thread is the lane's worker. */
void lane_attach(struct lane *lane);

/** @return Whether the calling thread is the lane's worker. @thread Any. */
bool lane_is_mine(const struct lane *lane);

/* What a worker posts to another's lane wakes that one when the worker's own turn ends, and before
 * its loop blocks: so the other finds all of it at once, and writes once to each client, as the
 * first does to its own. What any other thread posts wakes at once, whatever a worker has promised:
 * that one's turn may take as long as a plugin's callback does. */

/** @return A letter to be filled in, and posted or freed; NULL on no memory. @thread Any. */
struct letter *letter_create(void);

/** Posts a letter. @param letter  The lane's from now on. @thread Any. */
void lane_post(struct lane *lane, struct letter *letter);

/** Posts message @p index of a room's batch: lengthens the inbox's last letter if that is the same
 * batch's, else takes one of the room's spare letters. Can't fail.
 * @param targets  Whom the message is for on this lane.
 * @return Whether a letter was used. @thread Any; under the room's lock. */
bool lane_post_room(struct lane *lane, struct room *room, struct batch *batch, uint32_t index,
                    uint32_t targets, struct letter **spares);

/** Posts a direct send.
 * @return 0, or -1 on no memory; then nothing was posted. @thread Any. */
int lane_post_message(struct lane *lane, toni_client *client, const toni_message *message);

/** Posts a function to be run on the worker, at the beginning of its next turn.
 * @return 0, or -1 on no memory. @thread Any. */
int lane_post_call(struct lane *lane, void (*call)(void *data), void *data);

/** The worker's loop has something to do, so it will turn: nobody needs to wake it. The worker's
 * only. */
void lane_rouse(struct lane *lane);

/** One turn: runs the calls, wakes who was posted to, then lane_flush; closes who has to go while
 * all outboxes together are above their limit. The worker's only, and not from within itself. */
void lane_turn(struct lane *lane);

/** In the middle of a turn that takes long: wakes who was posted to, then lane_flush. The worker's
 * only. */
void lane_flush_midway(struct lane *lane);

/** Delivers all letters that are there, then flushes: at the end of a turn, and for who finds an
 * outbox full or a client closing. Calls nothing of a plugin. The worker's only. */
void lane_flush(struct lane *lane);

/** Delivers all letters that are there to outboxes; what they touch is flushed later. The worker's
 * only. */
void lane_deliver(struct lane *lane);

/** @return Whether there is something to do that came after the last turn: then the loop must not
 * block. If there is not, what comes from now on wakes it. The worker's only. */
bool lane_pending(struct lane *lane);

/** Puts a client on the list of those to flush at the end of this turn. The list has a reference to
 * a client that is finished; until then its connection has one. The worker's only. */
void lane_touch(struct lane *lane, toni_client *client);

#endif
