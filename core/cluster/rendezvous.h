/* Which server a room is at: the one whose name, hashed with the room's key, gives the highest
 * value. Each node finds the same without asking anybody; a server more or less moves only its own
 * share of the rooms. */
#ifndef CLUSTER_RENDEZVOUS_H
#define CLUSTER_RENDEZVOUS_H

#include "cluster/terms.h"

/** @param names  The servers' names, NUL-terminated; their order is of no importance for where a
 *                room is. @param count  At least 1.
 * @return The index of the room's server. */
uint32_t rendezvous_choose(const char *const *names, uint32_t count, struct room_key key);

#endif
