/* A lane: what the rooms know of one worker: a queue of commands, who is to be flushed, and how the
 * worker is woken. Everything that concerns the worker's clients goes through the queue, in one
 * order: so what one thread does, a client sees in the order in which it was done.
 *
 * Any thread posts commands. The worker takes all of them once a turn (lane_turn), carries them
 * out, and then flushes whoever was touched, one write each. The lane knows no clients and no
 * rooms: a command is embedded in what is sent and says how it is carried out, and what is flushed
 * is a node in a list. */
#ifndef ROOMS_LANE_H
#define ROOMS_LANE_H

#include "base/lock.h"
#include "rooms/batch.h"
#include "rooms/budget.h"
#include "rooms/lane_figures.h"
#include "rooms/spares.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* How many lanes there can be. */
#define LANES_MAX 256

struct command;
struct lane;

/* What a command does; each of both ends it, so the lane never looks at it again. */
struct command_type {
    /** On the lane's worker. Calls nothing of a plugin, unless it was posted as a call. */
    void (*deliver)(struct command *command, struct lane *lane);
    /** The lane ends before it came to the command. */
    void (*drop)(struct command *command);
};

/** To be embedded; belongs to the lane from lane_post on. */
struct command {
    struct command *next;
    const struct command_type *type;
};

/** To be embedded in what is flushed at the end of a turn; the worker's own. */
struct lane_node {
    struct lane_node *next;
    bool queued;
};

/* What a lane does with whoever is in its list; the same for all lanes. */
struct lane_work {
    /** A node has been taken out of the list: writes what waits there. */
    void (*flush)(struct lane_node *node);
    /** A node has been taken out of the list of a lane that ends. */
    void (*forget)(struct lane_node *node);
    /** The budget of all outboxes is passed: closes whoever of this lane has to go. */
    void (*relieve)(struct lane *lane);
};

/* Whether the worker's loop has to be woken for what is posted. */
enum lane_sleep {
    LANE_AWAKE,    /* it will turn */
    LANE_ASLEEP,   /* it blocks, or will */
    LANE_PROMISED, /* the same, and some worker wakes it when its own turn ends */
};

struct lane {
    /* Set before the worker starts. All lanes lie in one array. */
    void (*wake)(void *data); /* makes the worker's loop turn; called from any thread */
    void *wake_data;
    const struct lane_work *work;
    struct budget *budgets; /* the host's, BUDGET_KINDS of them; borrowed */

    /* The thread that runs the lane; `thread` is valid once `attached` is true. */
    atomic_bool attached;
    uint32_t index; /* set before the worker starts, too */
    pthread_t thread;

    /* The queues. `lock` is the last in the order of locks: nothing else is locked under it. */
    struct lock lock;
    _Atomic enum lane_sleep sleep; /* changed under the lock, but by who wakes the loop */
    struct command *first_command;
    struct command *last_command;
    struct command *first_call;
    struct command *last_call;
    struct counter targeted; /* once for each client that a message of a client or room is for */

    uint8_t padding[COUNTER_PADDING];

    /* The worker's own. */
    uint64_t turn;                    /* how many have ended */
    uint64_t to_wake[LANES_MAX / 64]; /* lanes that wait for the end of this turn, a bit each */
    bool wakes;                       /* there is one */
    struct lane_node *first_node;     /* to flush, in the order in which they were touched */
    struct lane_node *last_node;
    struct spares spares;
    struct batch_refs refs;
    uint8_t *scratch; /* FRAME_MAX bytes, for gathering a write */
    uint64_t now_ms;  /* of a monotonic clock that all lanes share; the worker sets it */
    struct pins pins[BUDGET_KINDS];
    struct lane_figures figures;
    uint8_t padding_to_the_next[COUNTER_PADDING];
};

/** @param work     Outlives the lane.
 * @param budgets  BUDGET_KINDS, which outlive the lane.
 * @param wake  Called from any thread, with locks of the rooms held; must not call back.
 * @return 0, or -1 on no memory. */
int lane_init(struct lane *lane, uint32_t index, const struct lane_work *work,
              struct budget *budgets, void (*wake)(void *data), void *wake_data);

/** Drops what is still in the queues. No thread may use the lane any more. */
void lane_finish(struct lane *lane);

/** Says that the calling thread is the lane's worker. */
void lane_attach(struct lane *lane);

/** @return Whether the calling thread is the lane's worker. @thread Any. */
bool lane_is_mine(const struct lane *lane);

/* What a worker posts to another's lane wakes that one when the worker's own turn ends, and before
 * its loop blocks: so the other finds all of it at once, and writes once to each client, as the
 * first does to its own. What any other thread posts wakes at once, whatever a worker has promised:
 * that one's turn may take as long as a plugin's callback does. */

/** Posts a command. @thread Any. */
void lane_post(struct lane *lane, struct command *command);

/** Begins to post: locks the queue, until lane_end_post. Nothing else may be locked meanwhile.
 * @return The last command, which its own kind may lengthen; NULL: the queue is empty.
 * @thread Any. */
struct command *lane_begin_post(struct lane *lane);

/** Ends what lane_begin_post began.
 * @param command  To be posted; NULL: the last one was lengthened. */
void lane_end_post(struct lane *lane, struct command *command);

/** Posts a command to be carried out at the beginning of the worker's next turn, as a call is: it
 * may call plugins. @thread Any. */
void lane_post_as_call(struct lane *lane, struct command *command);

/** Posts a function to be run on the worker, at the beginning of its next turn.
 * @return 0, or -1 on no memory. @thread Any. */
int lane_post_call(struct lane *lane, void (*call)(void *data), void *data);

/** The worker's loop has something to do, so it will turn: nobody needs to wake it. The worker's
 * only. */
void lane_rouse(struct lane *lane);

/** One turn: runs the calls, wakes the lanes that were posted to, then lane_flush; relieves the
 * budget of outboxes if it is passed. The worker's only, and not from within itself. */
void lane_turn(struct lane *lane);

/** In the middle of a turn that takes long: wakes the lanes that were posted to, then lane_flush.
 * The worker's only. */
void lane_flush_midway(struct lane *lane);

/** Delivers all commands that are there, then flushes: at the end of a turn, and for who finds an
 * outbox full or a client closing. Calls nothing of a plugin. The worker's only. */
void lane_flush(struct lane *lane);

/** Delivers all commands that are there to outboxes; what they touch is flushed later. The worker's
 * only. */
void lane_deliver(struct lane *lane);

/** Wakes the lanes that were posted to since this was done last: it happens at the end of a turn by
 * itself, and in one that takes long it has to happen sooner. The worker's only. */
void lane_wake_others(struct lane *lane);

/** @return Whether there is something to do that came after the last turn: then the loop must not
 * block. If there is not, what comes from now on wakes it. The worker's only. */
bool lane_pending(struct lane *lane);

/** Puts a node on the list of those to flush at the end of this turn, if it is not there. It must
 * stay where it is until then. The worker's only. */
void lane_touch(struct lane *lane, struct lane_node *node);

#endif
