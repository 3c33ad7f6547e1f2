/* The histories of rooms, of a running host: what gateways.conf says of them, and when rooms
 * forget.
 */
#ifndef HOST_HISTORIES_H
#define HOST_HISTORIES_H

#include "config/config.h"
#include "rooms/shared.h"

#include <uv.h>

struct history_timer {
    uv_timer_t timer;
    toni_connections *connections;
};

/** Gives each namespace its rules, and all together their bytes. At the start before there is an
 * instance, and after a reload. The main thread's.
 * @return 0; -1: for want of memory some rooms keep nothing, which is logged. */
int histories_apply(toni_connections *connections, const struct config *config);

/** Has rooms forget what is too old, within a second or so. Keeps no loop from ending. */
void history_timer_start(struct history_timer *timer, uv_loop_t *loop,
                         toni_connections *connections);

/** Ends that. Zero is fine. */
void history_timer_close(struct history_timer *timer);

#endif
