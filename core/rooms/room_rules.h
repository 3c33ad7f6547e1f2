/* Which rooms the clients of a gateway may come into, and which they may have something sent to:
 * what gateways.conf says as `rooms`. Not about what else refuses a room; rooms/rules.h and the
 * limits are.
 *
 * A set of rules never changes, but for what the log has been told, and is counted by references:
 * clients, slots and configurations have it. */
#ifndef ROOMS_ROOM_RULES_H
#define ROOMS_ROOM_RULES_H

#include "rooms/identity.h"

#include <toni/str.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Before the name of a claim, whose values are patterns. */
#define PATTERN_CLAIM "claim:"

enum room_pattern_kind {
    PATTERN_EXACT,  /* this room */
    PATTERN_PREFIX, /* all whose names begin so */
    PATTERN_CLAIMS, /* those that the client's claims of that name say */
};

struct room_pattern {
    toni_str text; /* without the `*`, or the name of the claim */
    enum room_pattern_kind kind;
    /* Of PATTERN_CLAIMS: somebody had such a claim, or the log says already that nobody had. */
    atomic_bool is_settled;
};

struct room_patterns {
    size_t count;
    struct room_pattern *patterns; /* each has its text behind the array */
};

/* Who may have something sent to a room. X(NAME, word in gateways.conf) */
#define PUBLISH_RULES(X)                                                                           \
    X(PUBLISH_ANYONE, "anyone")                                                                    \
    X(PUBLISH_MEMBER, "member")                                                                    \
    X(PUBLISH_NOBODY, "nobody")

enum publish_rule {
#define PUBLISH_RULE_NAME(name, word) name,
    PUBLISH_RULES(PUBLISH_RULE_NAME)
#undef PUBLISH_RULE_NAME
        PUBLISH_PATTERNS, /* to rooms that a pattern fits */
};

struct room_rules {
    atomic_uint refs;
    bool limits_join; /* only rooms that a pattern of `join` fits */
    enum publish_rule publish_rule;
    struct room_patterns join, publish;
};

/** Reads a pattern: a room's name, the beginning of one with a `*` behind it, or `claim:` and the
 * name of a claim.
 * @param pattern  Set; its text is a part of @p text.
 * @return NULL, or what is wrong with it, in a few words. */
const char *room_pattern_parse(toni_str text, struct room_pattern *pattern);

/** @return Whether a room's name is the pattern's, or begins as it says. Of a pattern for claims:
 * no. */
bool room_pattern_fits(const struct room_pattern *pattern, toni_str room);

/** Copies patterns. @return 0, or -1 on no memory. */
int room_patterns_copy(struct room_patterns *to, const struct room_pattern *patterns, size_t count);

/** @return Rules with one reference, which allow everything; NULL on no memory. */
struct room_rules *room_rules_create(void);

/** @param rules  NULL is fine. @return @p rules. */
struct room_rules *room_rules_ref(struct room_rules *rules);

/** @param rules  NULL is fine. */
void room_rules_unref(struct room_rules *rules);

/** @return Whether both say the same. @param a, b  NULL: there are none. */
bool room_rules_equal(const struct room_rules *a, const struct room_rules *b);

/** @param rules     NULL: there are none.
 * @param identity  Who wants it; NULL: nobody knows. */
bool room_rules_allow_join(const struct room_rules *rules, const struct identity *identity,
                           toni_str room);

/** The same, for a message that a client has sent to the room. @param is_member  Of the room. */
bool room_rules_allow_publish(const struct room_rules *rules, const struct identity *identity,
                              toni_str room, bool is_member);

#endif
