/* The line that shows how far a run is, on a terminal. */
#ifndef COMMAND_PROGRESS_H
#define COMMAND_PROGRESS_H

#include "command/crew.h"

struct progress {
    bool is_shown; /* stderr is a terminal */
    uint64_t shown_ns, sent, delivered;
};

void progress_init(struct progress *progress);

/** Shows it anew, if it is time for that. @param crews  One for each thread of the plan. */
void progress_show(struct progress *progress, const struct crew *crews);

/** Takes the line away. */
void progress_finish(const struct progress *progress);

#endif
