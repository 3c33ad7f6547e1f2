/* The list of rooms that a client is in: the client's side of being a member. The room's side is
 * room.h. Neither joins nor leaves; client.c does, under the client's lock, which guards the list.
 *
 * Memberships lie in blocks, so that they never move: the rooms point to them. */
#ifndef ROOMS_MEMBERSHIPS_H
#define ROOMS_MEMBERSHIPS_H

#include <toni/types.h>

#include <stdbool.h>
#include <stdint.h>

struct room;

struct membership {
    struct room *room; /* one reference; NULL: not in use. Guarded by the client's lock */
    uint32_t index;    /* in the shard of the client's lane. Guarded by the room's lock */
};

struct membership_block;

struct memberships {
    struct membership everyone; /* in the room of everyone, which is not counted */
    struct membership first;    /* most clients are in one room */
    struct membership_block *blocks;
    uint32_t count; /* in use; kept by who joins and leaves */
};

/** Frees the list; none may be in use. */
void memberships_finish(struct memberships *list);

/** @return The membership in the room of this name, or NULL. */
struct membership *memberships_find(struct memberships *list, toni_str room);

/** @return A membership that is not in use, or NULL on no memory. */
struct membership *memberships_unused(struct memberships *list);

/** Called for each membership in use. May end it. */
typedef void memberships_visit(struct membership *membership, void *data);

/** Calls for each membership in use, but that of everyone. */
void memberships_each(struct memberships *list, memberships_visit *call, void *data);

/** Copies the names of the rooms.
 * @param host   What the snapshot begins with.
 * @param rooms  Set to the snapshot; left alone on no memory.
 * @return TONI_OK or TONI_ERR_NO_MEMORY. */
int32_t memberships_names(struct memberships *list, const toni_host *host, toni_room_names **rooms);

#endif
