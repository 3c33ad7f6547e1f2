/* Rooms that clients are about to be in: the engine is still asked what they missed there. A table
 * of its own, since few clients are coming back at a time, and each client would pay for a list. */
#ifndef ROOMS_COMING_H
#define ROOMS_COMING_H

#include "base/lock.h"

#include <toni/types.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A client may come back to so many rooms at a time of which the engine is asked. */
#define COMING_MOST 64

#define COMING_BUCKETS 256

/** One room of one client; lies in what its maker knows of it. */
struct coming {
    struct coming *next;       /* of its bucket */
    const toni_client *client; /* borrowed: its maker has a reference */
    toni_str room;             /* the maker's */
    bool has_left;             /* the client was told to leave the room since; under its lock */
};

/** All of a host. The lock is a leaf; what concerns one client is done under that client's lock,
 * too. */
struct coming_table {
    struct lock lock;
    atomic_uint count; /* read without the lock: mostly there are none */
    struct coming *buckets[COMING_BUCKETS];
};

/** @param coming  With client and room. @return Whether it was added: the client has fewer than
 * COMING_MOST. */
bool coming_add(struct coming_table *table, struct coming *coming);

void coming_remove(struct coming_table *table, struct coming *coming);

/** @return Whether a client is about to be in a room, and was not told to leave it since. Under the
 * client's lock. */
bool coming_has(struct coming_table *table, const toni_client *client, toni_str room);

/** A client was told to leave a room: it will not come into it. */
void coming_leave(struct coming_table *table, const toni_client *client, toni_str room);

#endif
