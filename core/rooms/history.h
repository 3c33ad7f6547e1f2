/* The history of one room: its latest messages, within the room's bounds and those of the host.
 * Which rooms have one: history_rules.h. Who gets what of it: returning.h. */
#ifndef ROOMS_HISTORY_H
#define ROOMS_HISTORY_H

#include "cluster/history_log.h"
#include "rooms/histories.h"
#include "rooms/history_rules.h"

#include <toni/types.h>

#include <stdbool.h>
#include <stdint.h>

struct room;

/* What a history that keeps something, or whose room is awaited, is charged beyond that: itself,
 * and its room, which is there for it though nobody is in it. */
#define HISTORY_COST 640

/* Rooms that are awaited take no more of `history_bytes` than one part of so many: whoever joins
 * and leaves very many rooms has others forget no more than that. */
#define HISTORY_AWAITED_SHARE 4

struct history {
    struct due due; /* first; while it is noted, the room has a reference for it */
    struct histories *histories;
    struct room *room; /* that it belongs to */

    /* Guarded by the room's lock. */
    struct history_log log;
    uint64_t charged;          /* of the host's bytes */
    uint64_t awaited_until_ms; /* nobody is in the room, and until then who was may come back, to
                                  the same numbers; 0: it is not awaited */
    bool is_noted;             /* in the heap of what is due, or taken out just now */
    bool is_keeping;           /* it is counted among the rooms that keep messages */
};

/** @param epoch  Of its positions; not 0. @return An empty one; NULL on no memory. */
struct history *history_create(struct histories *histories, struct room *room, uint64_t epoch,
                               const struct history_rule *rule);

/** @param history  NULL is fine. */
void history_destroy(struct history *history);

/* The following: under the room's lock. */

/** @return Whether the room keeps messages at all. */
static inline bool history_is_on(const struct history *history)
{
    return history->log.bounds.messages > 0;
}

/** @return Whether it has any. */
static inline bool history_has_messages(const struct history *history)
{
    return history->log.kept > 0;
}

/** @return Whether its room goes on though nobody is in it. */
static inline bool history_holds_room(const struct history *history)
{
    return history_has_messages(history) || history->awaited_until_ms > 0;
}

/** The room's last member has left: it may come back as long as a message that was sent now would
 * be kept. Counted instead, if too many rooms are awaited already. */
void history_await(struct history *history);

/** Somebody is in the room again, or nobody is awaited any more. */
void history_end_await(struct history *history);

/** @param rule  From now on; NULL: it keeps nothing, and its room is not awaited. */
void history_bind(struct history *history, const struct history_rule *rule);

/** The room's next message. What is too much for the host goes first, the oldest of this room.
 * @param payload  NULL: there was no memory for it. */
void history_append(struct history *history, struct payload *payload);

/** Its room has ended: it need not be looked at any more.
 * @return Whether the room's reference for that is the caller's now. */
bool history_unnote(struct history *history);

/** @return Whether it has what is kept no more, and is to go. */
static inline bool history_has_rest(const struct history *history)
{
    return history->log.count > history->log.kept;
}

/** Drops what is too old, some of it if that is much. @return When there is something to be done
 * again, in ms, maybe now; UINT64_MAX: nothing is kept, and nobody is awaited. */
uint64_t history_trim(struct history *history);

/** What a client missed.
 * @param entries  Set: to be ended by entries_destroy(); NULL if there are none.
 * @return IS_RECOVERED: they are all that @p since asks for; or why they are not, and none. */
enum not_recovered history_since(struct history *history, const toni_since *since,
                                 struct entries **entries);

/** @return Why a recovery is none, of what the cluster's logic says. */
enum not_recovered not_recovered_of(enum cluster_why why);

/** @return The number that the next message will have. */
static inline struct position history_next(const struct history *history)
{
    return (struct position){history->log.top.epoch, history->log.top.offset + 1};
}

#endif
