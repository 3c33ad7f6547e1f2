/* What the histories of all rooms share: the bytes that they may take together, when the oldest
 * message of each is too old, and what is counted. A room's own is in history.h. */
#ifndef ROOMS_HISTORIES_H
#define ROOMS_HISTORIES_H

#include "base/counter.h"
#include "base/due_heap.h"
#include "base/lock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Why a client that came back was not given what it missed. X(NAME, word, what it means) */
#define NOT_RECOVERED(X)                                                                           \
    X(NOT_EPOCH, "epoch", "the room's numbers began anew since")                                   \
    X(NOT_AHEAD, "ahead", "a position that was never given out")                                   \
    X(NOT_TRIMMED, "trimmed", "something of it is not kept any more")                              \
    X(NOT_TOO_MUCH, "too_much", "more than was asked for")                                         \
    X(NOT_NO_HISTORY, "no_history", "the room keeps no messages")                                  \
    X(NOT_OUTBOX, "outbox", "it does not fit into the client's outbox")                            \
    X(NOT_MEMBER, "member", "the client was in the room already")                                  \
    X(NOT_AWAY, "away", "the server of the cluster was away")                                      \
    X(NOT_NO_MEMORY, "no_memory", "there was no memory for it")

enum not_recovered {
#define NOT_RECOVERED_NAME(name, word, text) name,
    NOT_RECOVERED(NOT_RECOVERED_NAME)
#undef NOT_RECOVERED_NAME
        NOT_RECOVERED_COUNT,
    IS_RECOVERED = NOT_RECOVERED_COUNT
};

/** @return The word; of IS_RECOVERED an empty one. Static. */
const char *not_recovered_word(enum not_recovered why);

struct histories {
    uint64_t (*now_ms)(void);     /* monotonic; a test may set its own, before all else */
    atomic_uint_fast64_t limit;   /* `history_bytes` */
    atomic_uint_fast64_t bytes;   /* that are charged; at most that, but after a reload */
    atomic_uint_fast64_t rooms;   /* that keep messages */
    atomic_uint_fast64_t awaited; /* rooms that nobody is in, and that go on for who comes back */
    struct counter crowded;       /* messages that went, or were not kept, for want of bytes */
    struct counter unawaited; /* rooms whose last member left, and that were not awaited for that */
    struct counter recovered; /* clients */
    struct counter not_recovered[NOT_RECOVERED_COUNT];
    struct lock lock;    /* a leaf; guards the next two */
    struct due_heap due; /* histories, by when their oldest message is too old, their room is no
                            longer awaited, or sooner */
    size_t count;        /* of all; there is room for each in `due` */
};

void histories_init(struct histories *histories, uint64_t limit);

/** There must be none any more. */
void histories_finish(struct histories *histories);

/** Makes room for one more. @return 0, or -1 on no memory. @thread Any. */
int histories_reserve(struct histories *histories);

/** Takes that back. @thread Any. */
void histories_unreserve(struct histories *histories);

/** Notes when something is to be looked at. @param due  In no heap. @thread Any. */
void histories_note(struct histories *histories, struct due *due, uint64_t at_ms);

/** @return Whether it was noted, and is not any more; false also if it was taken just now. @thread
 * Any. */
bool histories_unnote(struct histories *histories, struct due *due);

/** @return What is due first, and is noted no more; NULL: nothing is due. @thread Any. */
struct due *histories_take_due(struct histories *histories);

/** @return One, whenever it is due, that is noted no more; NULL: there is none. */
struct due *histories_take_any(struct histories *histories);

/** Counts what became of a client that came back. @thread Any. */
void histories_count(struct histories *histories, enum not_recovered why);

#endif
