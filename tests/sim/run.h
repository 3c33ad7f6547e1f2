/* One run: a world with people in it, faults for a number of steps, then calm, and the judgement.
 */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "mutation.h"
#include "verdict.h"

#include <stdbool.h>
#include <stdint.h>

struct run {
    uint64_t seed;
    uint64_t steps; /* with faults; some more follow in calm */
    enum mutation mutation;
    uint64_t shown; /* events, if a promise is broken; 0: nothing is said */
};

struct run_result {
    struct verdict verdict;
    uint64_t steps;               /* that were done */
    uint64_t publishes, messages; /* asked for; given to clients */
};

/** Does a run. If a promise was broken says which on stdout, with the events before. */
struct run_result run_once(const struct run *run);

#endif
