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
    union {
        struct room *room; /* one reference; of one in use. Guarded by the client's lock */
        struct membership *next_unused;
    };
    uint32_t index; /* in the shard of the client's lane. Guarded by the room's lock */
    bool is_used;   /* guarded by the client's lock */
};

struct membership_block;

struct memberships {
    struct membership everyone; /* in the room of everyone, which is not counted */
    struct membership first;    /* most clients are in one room */
    struct membership_block *blocks;
    struct membership *unused; /* those of the blocks */
    struct membership **index; /* open addressing, by room; NULL as long as there are few */
    uint32_t index_size;       /* places: 0 or a power of two; half of them are free */
    uint32_t count;            /* in use */
};

/** Frees the list; none may be in use. */
void memberships_finish(struct memberships *list);

/** Takes about as long whatever the number of rooms is.
 * @return The membership in this room, or NULL. */
struct membership *memberships_find(const struct memberships *list, const struct room *room);

/** Makes sure that memberships_add can't fail.
 * @return What it is to add, not in use yet; NULL on no memory. */
struct membership *memberships_reserve(struct memberships *list);

/** Adds what memberships_reserve returned.
 * @param room  That the client is not in; the reference is the list's from now on. */
void memberships_add(struct memberships *list, struct membership *membership, struct room *room);

/** Takes one out. @return Its room; the reference is the caller's. */
struct room *memberships_remove(struct memberships *list, struct membership *membership);

/** Called for each membership in use. May take it out. */
typedef void memberships_visit(struct membership *membership, void *data);

/** Calls for each membership in use, but that of everyone. */
void memberships_each(struct memberships *list, memberships_visit *call, void *data);

/** Copies the names of the rooms.
 * @param host   What the snapshot begins with.
 * @param rooms  Set to the snapshot; left alone on no memory.
 * @return TONI_OK or TONI_ERR_NO_MEMORY. */
int32_t memberships_names(struct memberships *list, const toni_host *host, toni_room_names **rooms);

#endif
