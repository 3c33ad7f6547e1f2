/* A room as one node has it: its order, its subscription, and what is being asked about it. The
 * functions keep its place in the lists of its server; what is decided is elsewhere. */
#ifndef CLUSTER_ROOM_STATE_H
#define CLUSTER_ROOM_STATE_H

#include "base/hash.h"
#include "base/hash_table.h"
#include "cluster/list.h"
#include "cluster/output.h"
#include "cluster/room_order.h"
#include "cluster/subscriptions.h"

/** What may have been lost before the node knows where the room is. */
enum room_doubt {
    DOUBT_NONE,
    DOUBT_PLACE, /* it was wanted while its server was away: nothing, if the engine has no numbers
                  */
    DOUBT_DATA   /* and the engine's numbers may have been lost meanwhile, too */
};

/** Somebody waits for what was missed. */
struct recovery {
    struct list in_room;     /* room_state->recoveries */
    struct list by_time;     /* of the server, the oldest first; or of those that are refused */
    struct room_state *room; /* NULL: it is refused */
    struct room_keys *key;   /* of the room; a reference */
    enum cluster_why why;    /* it is refused */
    uint64_t cookie;
    struct position since;
    uint32_t limit;
    bool is_last;    /* the last `limit`, and `since` means nothing */
    bool is_flying;  /* the HISTORY on its way is for it, too */
    uint64_t due_ms; /* it has an answer by then */
};

struct room_state {
    struct hash_node node; /* of the node's rooms */
    struct list all;       /* of its server's */
    struct room_keys *key; /* one; a reference */
    uint32_t server;
    uint32_t flags;
    struct subscription sub;
    struct room_order order;
    uint64_t target; /* offset that is known to be given out in the epoch of `order` */
    /* From where on its messages are this node's: from its top when it was first wanted. */
    struct list joining;   /* of the server: that is to be asked */
    uint64_t join_request; /* the TOPS on its way; 0: none */
    enum room_doubt doubt; /* until that is known */
    /* Its top is compared with the engine's. */
    struct list unchecked;     /* of the server: that is to be asked */
    uint64_t check;            /* the probe that marks the end of the question; 0: none */
    struct position check_top; /* what the engine said */
    struct position check_at;  /* where the room was when it was asked */
    bool has_top;
    bool is_synced; /* it was compared on this connection */
    /* What came may have had a number that the engine never gave out. */
    struct list suspect; /* of the server: it is to be compared for that, at once or in a while */
    uint64_t suspect_ms; /* not before */
    uint64_t epoch_ms;   /* when a message last ended an epoch */
    bool is_astray; /* the engine has said that it is elsewhere, or epochs end too often: until that
                       is compared nothing of its history is of use */
    bool is_behind; /* it is one of those that the server is degraded for */
    /* A hole. */
    struct list asking;    /* of the server: its history is to be asked */
    struct list holding;   /* of the server: it holds messages, since when */
    uint64_t holding_ms;   /* since then */
    uint64_t charged;      /* bytes that its server counts as held for it */
    uint64_t hole_request; /* the HISTORY on its way; 0: none */
    /* Those who recover. */
    struct list recoveries;
    struct list recovering;   /* of the server: a HISTORY is to be asked for them */
    uint64_t recover_request; /* on its way; 0: none */
    struct held *kept;        /* delivered since that was asked, the latest first */
    uint32_t kept_count;
    /* While its server is away. */
    struct position local; /* epoch 0: nothing was published by this node alone */
    struct list local_place;
};

/** Takes it out of its lists and frees it. */
void recovery_destroy(struct recovery *recovery);

/** @return A room that nobody wants yet, in no list; NULL on no memory. */
struct room_state *room_state_create(struct room_key key, uint32_t server, uint32_t flags);

/** Frees it; it is in no list but those of its own, and nobody recovers in it. */
void room_state_destroy(struct room_state *room);

/** @return Its key. */
static inline const struct room_key *room_state_key(const struct room_state *room)
{
    return &room->key->list[0];
}

/** @return Whether it is known to lack messages that were given out. */
static inline bool room_state_lacks(const struct room_state *room)
{
    return room->order.held_count > 0 || room->target > room->order.at.offset;
}

/** Keeps a message that was delivered, for those who recover. Without memory it is not kept, and
 * they ask again. */
void room_state_keep(struct room_state *room, uint64_t offset, struct payload *payload,
                     uint32_t most);

/** Drops what is kept. */
void room_state_drop_kept(struct room_state *room);

/** The rooms of a node, by key. */
struct room_states {
    struct hash_table table;
    struct hash_key key;
};

/** @return The room, or NULL. */
struct room_state *room_states_find(const struct room_states *rooms, struct room_key key);

/** @return 0, or -1 on no memory. */
int room_states_insert(struct room_states *rooms, struct room_state *room);

/** Takes it out; the caller's again. */
void room_states_remove(struct room_states *rooms, struct room_state *room);

#endif
