/* Which rooms of a namespace keep their latest messages, and how many: what gateways.conf says as
 * `history` of a namespace. What they keep is in history.h.
 *
 * A set of rules never changes, and is counted by references: configurations and namespaces have
 * it. */
#ifndef ROOMS_HISTORY_RULES_H
#define ROOMS_HISTORY_RULES_H

#include "rooms/room_rules.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* The most that a rule may say. */
#define HISTORY_MESSAGES_MOST 10000
#define HISTORY_SECONDS_MOST 86400

struct history_rule {
    uint32_t messages; /* 0: its rooms keep none */
    uint32_t seconds;  /* how long each is kept; at least 1 */
};

struct history_rules {
    atomic_uint refs;
    struct room_patterns rooms;  /* none of them is about claims */
    struct history_rule rules[]; /* of the pattern with the same index */
};

/** @param patterns  Copied. @param rules  Copied; as many.
 * @return Rules with one reference; NULL on no memory. */
struct history_rules *history_rules_create(const struct room_pattern *patterns,
                                           const struct history_rule *rules, size_t count);

/** @param rules  NULL is fine. @return @p rules. @thread Any. */
struct history_rules *history_rules_ref(struct history_rules *rules);

/** @param rules  NULL is fine. @thread Any. */
void history_rules_unref(struct history_rules *rules);

/** @return What the first pattern that fits the room says; NULL: it keeps nothing.
 * @param rules  NULL: there are none. */
const struct history_rule *history_rules_find(const struct history_rules *rules, toni_str room);

#endif
