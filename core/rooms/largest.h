/* The rooms with most members, of all namespaces: for people who ask what a host has. It looks at
 * every room, one stripe of the table locked at a time, and needs no memory. */
#ifndef ROOMS_LARGEST_H
#define ROOMS_LARGEST_H

#include "rooms/room.h"

#define LARGEST_MOST 10

struct large_room {
    struct room *room; /* one reference; its name and namespace last as long */
    uint32_t members;
};

struct largest {
    struct large_room rooms[LARGEST_MOST]; /* the largest first; as large, then by name */
    size_t count;
};

/** Finds them. To be ended by largest_finish(). @thread Any. */
void largest_find(struct largest *largest, toni_connections *connections);

void largest_finish(struct largest *largest);

#endif
