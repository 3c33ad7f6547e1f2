/* The rooms that a client is in: a set of its memberships, found by room. Neither joins nor leaves;
 * client.c does, under the client's lock, which guards the set. */
#ifndef ROOMS_MEMBERSHIPS_H
#define ROOMS_MEMBERSHIPS_H

#include "rooms/room.h"

#include <toni/types.h>

#include <stdbool.h>
#include <stdint.h>

struct memberships {
    union {
        struct membership *only;    /* `size` is 0: the only one, or NULL; most clients have one */
        struct membership **places; /* open addressing, by room; behind them a tag of each */
    };
    uint32_t size; /* of `places`: 0 or a power of two, at most three quarters of them in use */
    uint32_t count;
};

/** Frees the set; what is in it is the caller's. */
void memberships_finish(struct memberships *set);

/** Takes about as long whatever the number of rooms is.
 * @return The membership in this room, or NULL. */
struct membership *memberships_find(const struct memberships *set, const struct room *room);

/** Makes sure that memberships_add can't fail. @return 0, or -1 on no memory. */
int memberships_reserve(struct memberships *set);

/** @param membership  In a room that none of the set is in. */
void memberships_add(struct memberships *set, struct membership *membership);

void memberships_remove(struct memberships *set, struct membership *membership);

/** Must not change the set. */
typedef void memberships_visit(struct membership *membership, void *data);

/** Calls for each. */
void memberships_each(const struct memberships *set, memberships_visit *call, void *data);

/** Copies the names of the rooms.
 * @param host   What the snapshot begins with.
 * @param rooms  Set to the snapshot; left alone on no memory.
 * @return TONI_OK or TONI_ERR_NO_MEMORY. */
int32_t memberships_names(const struct memberships *set, const toni_host *host,
                          toni_room_names **rooms);

#endif
