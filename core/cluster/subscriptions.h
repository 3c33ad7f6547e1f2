/* What one server is to send: the rooms that are wanted are the truth, and what was asked and
 * acknowledged on the present connection follows it, by commands of many rooms. A connection that
 * ends takes all of it along, whatever was on its way. Knows neither rooms nor the connection. */
#ifndef CLUSTER_SUBSCRIPTIONS_H
#define CLUSTER_SUBSCRIPTIONS_H

#include "cluster/list.h"
#include "cluster/terms.h"

enum subscription_state {
    SUBSCRIPTION_NONE,
    SUBSCRIPTION_ASKED,  /* a command is on its way, not acknowledged */
    SUBSCRIPTION_HELD,   /* acknowledged: messages come */
    SUBSCRIPTION_LEAVING /* the opposite command is on its way */
};

/** One room's; to be embedded, zero at first. Read freely. */
struct subscription {
    struct list place;   /* in todo, flying or held */
    struct list leaving; /* in subscriptions->leaving, as long as it lingers */
    enum subscription_state state;
    uint32_t wanted;   /* how often */
    uint64_t due_ms;   /* in `leaving`: when that is over */
    uint64_t asked_ms; /* ASKED, LEAVING: when its command was written */
};

struct subscriptions {
    struct list todo;    /* a command is due */
    struct list flying;  /* not acknowledged, the oldest first */
    struct list held;    /* acknowledged and needed */
    struct list leaving; /* unwanted, not over yet, the first that is due first */
    uint32_t flying_count;
    uint32_t flying_max; /* rooms */
    uint32_t held_count;
    uint32_t linger_ms;
};

/** @param flying_max  Rooms whose command has no answer, at a time. */
void subscriptions_init(struct subscriptions *subs, uint32_t flying_max, uint32_t linger_ms);

/** @return Whether the room is wanted, or was until a moment ago. */
static inline bool subscription_is_needed(const struct subscription *sub)
{
    return sub->wanted > 0 || list_is_in(&sub->leaving);
}

/** Counts one more who wants it. */
void subscription_want(struct subscriptions *subs, struct subscription *sub);

/** Counts one less; the last makes it linger. */
void subscription_unwant(struct subscriptions *subs, struct subscription *sub, uint64_t now_ms);

/** @return The next one that has lingered for long enough: it is needed no more. If its state is
 * NONE it is in no list, and the caller's. NULL: none is due. */
struct subscription *subscriptions_expire(struct subscriptions *subs, uint64_t now_ms);

/** The next command: the rooms that are first in `todo`, as far as they ask for the same.
 * @param batch  Filled in with up to ROOMS_A_COMMAND. @param subscribes  Filled in.
 * @return How many; 0: nothing is due, or enough is on its way. */
uint32_t subscriptions_batch(const struct subscriptions *subs, struct subscription **batch,
                             uint32_t most, bool *subscribes);

/** A command with this room was written. */
void subscriptions_sent(struct subscriptions *subs, struct subscription *sub, uint64_t now_ms);

/** A room's command was acknowledged.
 * @return Whether that was one that was awaited. If its state is NONE afterwards and it isn't
 *         needed, it is in no list, and the caller's. */
bool subscriptions_acked(struct subscriptions *subs, struct subscription *sub, bool is_subscribed);

/** The connection has ended: nothing is acknowledged any more. To be called for each.
 * @return Whether it is needed; if not, it is in no list, and the caller's. */
bool subscription_restart(struct subscriptions *subs, struct subscription *sub);

/** Moves the first that is held to the end. @return It; NULL: none is held. */
struct subscription *subscriptions_rotate(struct subscriptions *subs);

/** Takes one out of all lists. */
void subscriptions_remove(struct subscriptions *subs, struct subscription *sub);

#endif
