/* What other threads ask of the cluster's: publishes, and which rooms are wanted here. All of it is
 * bounded. A room that comes and goes any number of times between two turns is one entry.
 *
 * The lock is a leaf: rooms are wanted under a room's own lock. */
#ifndef CLUSTERING_INBOX_H
#define CLUSTERING_INBOX_H

#include "base/hash.h"
#include "base/hash_table.h"
#include "base/lock.h"
#include "clustering/sent.h"

#include <stdbool.h>
#include <stdint.h>

/* Rooms that a host may want at a time. */
#define INBOX_ROOMS_MOST (1u << 20)

/* Clients that come back and have no answer yet. */
#define RECOVERIES_MOST 65536u

struct wanted;

/** A client that comes back: what it missed is asked of the engine. */
struct recovering {
    struct recovering *next, *previous;
    struct remote_recovery *recovery; /* NULL: it has its answer */
    struct wanted *wanted;            /* its room, which is subscribed until it has its answer */
    struct position at;               /* the room is to come here; see recoveries.c */
    uint64_t due_ms;                  /* until then */
};

/** A room that is wanted here, or was until lately. */
struct wanted {
    struct hash_node node;       /* first */
    struct wanted *next_changed; /* in the inbox's list, if `is_changed` */
    bool is_changed;
    bool is_wanted;      /* it has members */
    uint32_t recoveries; /* clients that come back to it */
    uint32_t flags;      /* ROOM_LOCAL_ONLY */

    /* The rest is the cluster's thread's. */
    uint32_t server;    /* that the room is at; known from the first subscription on */
    bool is_subscribed; /* the node has been told that it is wanted */
    bool is_heard;      /* the engine has said that its messages come; also for a while after the
                           last member has left */
    bool is_waiting;    /* it is in the list of rooms that publishes wait for */
    struct wanted *next_waiting;
    struct sent_list waiting; /* publishes until it is heard */
    size_t key_size;
    char key[];
};

static inline struct room_key wanted_key(const struct wanted *wanted)
{
    return (struct room_key){wanted->key, wanted->key_size};
}

struct inbox {
    struct lock lock;
    struct hash_key hash_key;
    bool is_closed;
    struct hash_table rooms;
    struct wanted *changed;
    struct sent_list sent;
    struct recovering *recovering, **last_recovering; /* not taken yet, the first first */
    uint32_t recoveries;                              /* without an answer */
};

/** @return 0, or -1 without randomness. */
int inbox_init(struct inbox *inbox);

/** Frees the rooms. There must be no publish any more. */
void inbox_finish(struct inbox *inbox);

/* --- Any thread */

/** Takes a publish in, behind those that were taken in before.
 * @return TONI_OK: it is the inbox's now; TONI_ERR_CLOSING. */
int32_t inbox_put(struct inbox *inbox, struct sent *sent);

/** From now on publishes are refused. */
void inbox_close(struct inbox *inbox);

/** @param flags  ROOM_LOCAL_ONLY or 0. @return TONI_OK, TONI_ERR_NO_MEMORY, TONI_ERR_LIMIT. */
int32_t inbox_want(struct inbox *inbox, struct room_key key, uint32_t flags);

/** Takes inbox_want() back. */
void inbox_unwant(struct inbox *inbox, struct room_key key);

/** Takes in who comes back; its room is wanted until inbox_recovered().
 * @param recovering  With its recovery alone. The inbox's, if this does not fail.
 * @return TONI_OK, TONI_ERR_BUSY, TONI_ERR_CLOSING, TONI_ERR_NO_MEMORY, TONI_ERR_LIMIT. */
int32_t inbox_recover(struct inbox *inbox, struct room_key key, uint32_t flags,
                      struct recovering *recovering);

/** @return How many rooms are wanted, or were until lately. */
uint64_t inbox_room_count(struct inbox *inbox);

/* --- The cluster's thread */

/** Takes all publishes. */
struct sent_list inbox_take(struct inbox *inbox);

/** @param is_room_known  Not one whose room has changed since the changes were taken: the node does
 *                       not know of it yet.
 * @return Who has come back first and was not taken yet; NULL: nobody, or who has to wait. */
struct recovering *inbox_take_recovering(struct inbox *inbox, bool is_room_known);

/** One has its answer. */
void inbox_recovered(struct inbox *inbox, struct wanted *wanted);

/** Takes a room whose being wanted may have changed. @param is_wanted  Set to what is so now.
 * @return NULL: there is none. */
struct wanted *inbox_take_changed(struct inbox *inbox, bool *is_wanted);

/** It could not be dealt with: it is taken again. */
void inbox_put_back(struct inbox *inbox, struct wanted *wanted);

/** @return The room, which stays until inbox_forget(); NULL: it isn't wanted. */
struct wanted *inbox_find(struct inbox *inbox, struct room_key key);

/** The same, for a publish. */
struct wanted *inbox_find_for(struct inbox *inbox, const struct sent *sent);

/** Frees a room that is not wanted, subscribed, heard or waited for; any other stays. */
void inbox_forget(struct inbox *inbox, struct wanted *wanted);

/** The connection to a server has ended: rooms of it that were heard still, though nobody wanted
 * them any more, are not. */
void inbox_forget_unwanted(struct inbox *inbox, uint32_t server);

#endif
