/* What really happened: which messages nodes were asked to publish, what each publish was answered,
 * and what the server has put in order. Nodes know nothing of it. A message's id is its whole
 * content. */
#ifndef SIM_TRUTH_H
#define SIM_TRUTH_H

#include "list.h"
#include "verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TRUTH_ROOMS_MOST = 16, TRUTH_NODES_MOST = 8 };

enum outcome {
    OUTCOME_PENDING,
    OUTCOME_OK,
    OUTCOME_REJECTED, /* BUSY, too */
    OUTCOME_UNKNOWN,
    OUTCOME_ABANDONED, /* its node crashed before it was answered */
};

struct publish {
    uint32_t room;
    uint32_t node;
    enum outcome outcome;
    uint64_t asked_ns, asked_step, answered_step;
    uint64_t epoch, offset; /* as answered by OK; offset 0: it is not known any more */
    uint32_t ordered;       /* how many times the server has put it in order */
};

/** The messages of one epoch of a room, by offset from 1 on; 0: the offset was skipped. */
struct reign {
    uint64_t epoch;
    bool is_evicted; /* the server has thrown the room away */
    LIST(uint64_t) ids;
};

struct truth {
    struct verdict *verdict;
    LIST(struct publish) publishes; /* by id; that of index 0 is no message */
    struct {
        LIST(struct reign) reigns;
    } rooms[TRUTH_ROOMS_MOST];
};

void truth_init(struct truth *truth, struct verdict *verdict);
void truth_finish(struct truth *truth);

/** A node is asked to publish. @return The message's id. */
uint64_t truth_publish(struct truth *truth, uint32_t node, uint32_t room, uint64_t now_ns,
                       uint64_t step);

/** A publish is answered; more than once is a broken promise. */
void truth_answer(struct truth *truth, uint64_t id, enum outcome outcome, uint64_t epoch,
                  uint64_t offset, uint64_t step);

/** A node has crashed: what it was asked to publish won't be answered. */
void truth_abandon(struct truth *truth, uint32_t node, uint64_t step);

/** The server has given a message its place. */
void truth_order(struct truth *truth, uint64_t id, uint32_t room, uint64_t epoch, uint64_t offset,
                 uint64_t step);

/** The server throws the room away. */
void truth_evict(struct truth *truth, uint32_t room, uint64_t epoch);

/** @return What was ordered in that epoch, or NULL. */
const struct reign *truth_reign(const struct truth *truth, uint32_t room, uint64_t epoch);

/** @return The message at that place, or 0. */
uint64_t truth_at(const struct truth *truth, uint32_t room, uint64_t epoch, uint64_t offset);

/** Judges what publishes were answered. Call it once, at
 * the end. */
void truth_judge(const struct truth *truth);

#endif
