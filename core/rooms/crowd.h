/* Calls that concern all members of a room: they join another one, leave it, or are closed. Each
 * member by itself, one after the other: nothing is locked for all of them. */
#ifndef ROOMS_CROWD_H
#define ROOMS_CROWD_H

#include <toni/host.h>

/** Sets these functions of toni/connections.h in a table. */
void crowd_fill_table(toni_host *table);

#endif
