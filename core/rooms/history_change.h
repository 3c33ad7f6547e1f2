/* Other rules for the histories of a namespace: at the start, and by a reload. */
#ifndef ROOMS_HISTORY_CHANGE_H
#define ROOMS_HISTORY_CHANGE_H

#include "rooms/history_rules.h"
#include "rooms/shared.h"

/** Gives a namespace other rules, for rooms that are there, too: what these do not keep any more
 * goes, and a room that had no history begins one.
 * @param rules  The namespace takes a reference; NULL: none.
 * @return 0; -1: for want of memory some rooms that are there keep nothing. @thread One at a time.
 */
int history_change(struct space *space, struct history_rules *rules);

#endif
