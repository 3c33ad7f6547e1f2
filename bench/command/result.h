/* What a run has found, of all its threads together. */
#ifndef COMMAND_RESULT_H
#define COMMAND_RESULT_H

#include "command/crew.h"
#include "command/limits.h"

struct result {
    const struct plan *plan;
    struct tally healthy, slow;
    struct percentiles handshakes, late;
    struct reasons refused, closed, closed_slow;
    uint64_t opened;
    uint64_t timed_out, missing, held_back, unsent;
    uint64_t sent, received; /* while it was measured; received by those that are not slow */
    double seconds;          /* that took */
    double connect_s;
    struct own_cost *threads; /* one for each */
    struct limits limits;
    bool is_early; /* it was stopped before its time, or nobody was left */
};

/** @return For result_destroy; NULL on no memory. */
struct result *result_create(const struct plan *plan, const struct crew *crews, bool is_early);

void result_destroy(struct result *result);

/** @return How many messages were lost: left out before one that came, or never come. */
uint64_t result_lost(const struct result *result);

/** @return Whether all that was sent has come, once and in order, and nobody was refused or closed.
 */
bool result_is_right(const struct result *result);

/** Prints it for people. @return 0, or -1: it can't be printed. */
int report_text(const struct result *result);

/** Prints it as one object of JSON. @return 0, or -1: it can't be printed. */
int report_json(const struct result *result);

#endif
