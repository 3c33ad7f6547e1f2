/* The publishes of one server that have no result yet, in order. Bounded in bytes; whoever has them
 * looks at their age. What was sent over a connection that ended is sent again, in the same order
 * and with the same numbers; what was never sent comes behind it. */
#ifndef CLUSTER_PUBLISHES_H
#define CLUSTER_PUBLISHES_H

#include "base/hash.h"
#include "base/hash_table.h"
#include "cluster/list.h"
#include "cluster/output.h"

/** One that waits. Read freely. */
struct publish {
    struct hash_node of_room; /* while it is the last of its room that flies: of those, by room */
    struct list place;
    uint64_t number; /* ascending; of its key */
    uint64_t cookie;
    uint64_t since_ms;
    uint64_t incarnation; /* it was first sent under; 0: it was never sent */
    uint64_t epoch;       /* of the room when it was first sent; 0: unknown */
    uint64_t refused;     /* while it is the last of its room that flies: the number of one that was
                             refused; those from there to here are not run. 0: none was */
    bool is_flying;       /* it was sent over the present connection, and has no answer */
    bool is_last_of_room; /* of those that fly */
    bool was_sent;        /* it was sent before in a way that may have applied it */
    struct keeping keeping;
    struct room_keys *keys;
    struct payload *payload;
};

struct publishes {
    struct list list;
    struct list *next; /* the first that is to be sent; all before are flying. The list: none */
    uint64_t bytes;
    uint64_t bytes_max;
    uint64_t count;
    uint64_t flying;
    struct hash_table last_of_rooms; /* of those that fly, the last of each room */
    const struct hash_key *key;      /* of that table */
    bool is_corked; /* one was not run: nothing is sent until those that fly have answers */
};

/** @param key  Of the hashes of rooms; lives as long. */
void publishes_init(struct publishes *publishes, uint64_t bytes_max, const struct hash_key *key);

/** Frees all. */
void publishes_finish(struct publishes *publishes);

/** Appends one; takes a reference to the payload and copies the key.
 * @return CLUSTER_DONE; CLUSTER_BUSY: too many bytes wait; CLUSTER_NO_MEMORY. */
int publishes_add(struct publishes *publishes, struct room_key key, struct payload *payload,
                  const struct publish *like);

/** @return The next that is to be sent; NULL: none may be now. */
struct publish *publishes_next(const struct publishes *publishes);

/** Notes that the next is sent: whoever sends it makes sure of that.
 * @param incarnation  Of the server. @param epoch  Of the room, if it is known: it is kept from the
 *                     first time.
 * @param after        Set to the number of the last one of its room that flies; 0: none does.
 * @return CLUSTER_DONE, or CLUSTER_NO_MEMORY: it may not be sent now. */
int publishes_sent(struct publishes *publishes, uint64_t incarnation, uint64_t epoch,
                   uint64_t *after);

/** @return The one that flies with this number; NULL: it has had its result. */
struct publish *publishes_find(const struct publishes *publishes, uint64_t number);

/** One that flies was refused: what flies behind it in its room is not run, as none overtakes. */
void publishes_refused(struct publishes *publishes, const struct publish *publish);

/** @return Whether this one, which flies, is behind one of its room that was refused. */
bool publishes_is_behind_refused(const struct publishes *publishes, const struct publish *publish);

/** It was not run, and is sent again when all that fly have answers. */
void publishes_put_off(struct publishes *publishes, struct publish *publish);

/** Takes one out and frees it. */
void publishes_remove(struct publishes *publishes, struct publish *publish);

/** The connection has ended: what flies is to be sent again. */
void publishes_restart(struct publishes *publishes);

/** @return The oldest that waits; NULL: none. */
struct publish *publishes_oldest(const struct publishes *publishes);

#endif
