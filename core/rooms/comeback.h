/* A client that comes back to a room: it gets what it missed, and is a member from then on, in one
 * step under the room's lock; see toni/history.h. What is asked for, and what came of it. */
#ifndef ROOMS_COMEBACK_H
#define ROOMS_COMEBACK_H

#include "rooms/histories.h"

#include <toni/types.h>

#include <stdbool.h>
#include <stdint.h>

struct comeback {
    toni_since since; /* what is asked for */

    /* What the engine behind a door says; without one the room knows. */
    bool is_answered;
    enum not_recovered answer;
    struct entries *missed; /* NULL: none, or not all */
    toni_position answer_at;

    /* What came of it. */
    int32_t status; /* as toni_join_room */
    bool is_recovered;
    enum not_recovered why;
    uint32_t messages;
    toni_position at;

    /** Called once, on any thread, without locks. The comeback is the callee's from then on. */
    void (*finished)(struct comeback *comeback);
};

#endif
