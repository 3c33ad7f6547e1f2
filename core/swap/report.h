/* What a swap did, for people and figures: counts, times, and a line for each instance that there
 * is something to say of. Not about the log, which is told as things happen. */
#ifndef SWAP_REPORT_H
#define SWAP_REPORT_H

#include "base/buffer.h"
#include "graph/life.h"
#include "instance/instance.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What a swap did, or tried. Zero is one that did nothing. */
struct swap_report {
    size_t swapped, added, removed, limited;
    uint64_t paused_ns;  /* the longest that a client's message had to wait for it */
    uint64_t plugins_ns; /* of it, spent in `export_state` and `import_state` */
    size_t unfinished;   /* old instances that could not be ended yet */
    size_t not_ready;    /* new instances whose `ready` failed or did not return */
    struct buffer lines; /* of a swap that was made; what found no memory is missing */
};

void swap_report_finish(struct swap_report *report);

/** @return What became of the state between two versions whose swap succeeded, in words. */
const char *swap_state_words(const struct instance *before, const struct instance *after);

/** Adds the line of an instance that took another's place.
 * @param state  Of swap_state_words(). */
void swap_report_swapped(struct swap_report *report, const struct instance_setup *setup,
                         const char *state);

/** Adds the line of an instance that serves, although its `ready` did not succeed.
 * @param error    What it returned.
 * @param life     Of the instance. */
void swap_report_not_ready(struct swap_report *report, const struct instance_setup *setup,
                           int32_t error, const struct life *life);

#endif
