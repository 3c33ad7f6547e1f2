/* What replies are waited for on the socket of commands, in the order of the commands. */
#ifndef REDIS_ENGINE_WAITING_H
#define REDIS_ENGINE_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Replies that may be waited for at a time. */
#define WAITING_MOST ((size_t)1 << 20)

enum waiting_kind {
    WAITING_AUTH,
    WAITING_SELECT,
    WAITING_CLIENT_ID,
    WAITING_RIGHT,
    WAITING_LOAD,
    WAITING_HELLO,
    WAITING_KILL,
    WAITING_TRIAL,
    WAITING_PUBLISH,
    WAITING_TOPS,
    WAITING_HISTORY,
    WAITING_HISTORY_LAST,
    WAITING_PROBE,
    WAITING_LEASE,
    WAITING_CHECK
};

struct waiting {
    enum waiting_kind kind;
    uint32_t count;   /* of rooms; of publishes that one reply answers, from this one on; RIGHT: its
                       * index (rights.h); CHECK: what is looked at (checking.h) */
    uint64_t request; /* or the number of a message */
};

/** All zero: empty. */
struct waiting_list {
    struct waiting *list; /* a ring */
    size_t first, count, room;
};

/** @return 0, or -1: no memory, or too many. */
int waiting_add(struct waiting_list *waiting, struct waiting one);

/** Takes the first. @return Whether there was one. */
bool waiting_take(struct waiting_list *waiting, struct waiting *one);

/** Forgets all, and gives back what is allocated. */
void waiting_clear(struct waiting_list *waiting);

#endif
