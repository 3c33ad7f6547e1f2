/* A gap: messages of a room are lost for all its members here, before they had a place in any
 * outbox. Each member is told at the gap's place in the room's order, if its gateway has a notice
 * for that. */
#ifndef ROOMS_GAP_H
#define ROOMS_GAP_H

#include "rooms/gap_notice.h"
#include "rooms/room.h"

#include <stdint.h>

/** Tells the members: those who get what is broadcast now, and before what is broadcast next.
 * @param count  Messages; 0: nobody knows how many.
 * @return 0, or -1 on no memory: then none of them is told. @thread Any. */
int gap_tell(struct room *room, uint64_t count);

#endif
