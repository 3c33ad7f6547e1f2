/* Messages of one connection that wait for their answers: when each was sent, by its number. They
 * are answered in any order. */
#ifndef CLIENT_PENDING_H
#define CLIENT_PENDING_H

#include <stdbool.h>
#include <stdint.h>

/* More than these are never kept: the connection then sends nothing until one is answered. */
#define PENDING_MAX 65536U

/** Zero is an empty one. */
struct pending {
    uint64_t *sent_ns; /* a ring, by number; 0: answered */
    uint32_t capacity; /* a power of two */
    uint32_t first;    /* the oldest that waits, or the next that is sent */
    uint32_t next;     /* the number of the next that is sent */
    uint32_t given_up; /* those below are not waited for any more */
    uint32_t waiting;
    uint32_t abandoned; /* given up, and not answered since */
};

void pending_finish(struct pending *pending);

/** Makes room for one more. @return Whether there is; if not, PENDING_MAX wait, or there is no
 * memory. */
bool pending_reserve(struct pending *pending);

/** A message is sent, for which there is room. @return Its number: 0, 1, … */
uint32_t pending_add(struct pending *pending, uint64_t sent_ns);

/** @return The oldest that is waited for; if there is none, the next that is sent. */
uint32_t pending_oldest(const struct pending *pending);

/** Waits no longer for those that wait. If their answers come all the same, they are taken. */
void pending_give_up(struct pending *pending);

/** An answer has come. @return When the message was sent; 0 if it does not wait for an answer. */
uint64_t pending_take(struct pending *pending, uint32_t number);

#endif
