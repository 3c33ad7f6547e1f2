/* Rules for rooms; see room_rules.h. What is asked for each join and message allocates nothing. */
#include "rooms/room_rules.h"

#include "base/log_limit.h"
#include "rooms/rules.h"

#include <stdlib.h>
#include <string.h>

/* --- Patterns */

static bool begins_with(toni_str text, toni_str beginning)
{
    return text.size >= beginning.size &&
           (beginning.size == 0 || memcmp(text.data, beginning.data, beginning.size) == 0);
}

/* A room's name, or the beginning of one and a `*`: as in the file, and in the values of claims. */
static bool text_fits(toni_str text, toni_str room)
{
    if (text.size > 0 && text.data[text.size - 1] == '*')
        return begins_with(room, toni_str_make(text.data, text.size - 1));
    return toni_str_equal(text, room);
}

/* @return Whether it was not yet. It is read first, so that messages on several cores write
 * nothing. */
static bool settle(struct room_pattern *pattern)
{
    return !atomic_load_explicit(&pattern->is_settled, memory_order_relaxed) &&
           !atomic_exchange_explicit(&pattern->is_settled, true, memory_order_relaxed);
}

static bool claims_fit(const struct identity *identity, struct room_pattern *pattern, toni_str room)
{
    const size_t count = identity ? identity->claim_count : 0;
    for (size_t i = 0; i < count; i++) {
        const struct request_field *claim = &identity->claims[i];
        if (!toni_str_equal(claim->name, pattern->text))
            continue;
        (void)settle(pattern);
        if (text_fits(claim->value, room))
            return true;
    }
    return false;
}

static void tell_of_claim(toni_str name)
{
    log_limited(
        LOG_LEVEL_INFO,
        "a rule for rooms refuses, and no client has had the claim yet that it names: if that "
        "is to be there, look whether a guard of that gateway leaves it, as `claims` of "
        "jwt_guard.so lists",
        log_brief("claim", name.data, name.size));
}

/* Which claims guards leave, only they know: a name that none of them does looks like a client
 * without any. So it is said once of each, when nobody has come with such a claim until then. */
static void tell_of_claims(const struct room_patterns *patterns)
{
    for (size_t i = 0; i < patterns->count; i++) {
        struct room_pattern *pattern = &patterns->patterns[i];
        if (pattern->kind == PATTERN_CLAIMS && settle(pattern))
            tell_of_claim(pattern->text);
    }
}

bool room_pattern_fits(const struct room_pattern *pattern, toni_str room)
{
    return (pattern->kind == PATTERN_EXACT && toni_str_equal(pattern->text, room)) ||
           (pattern->kind == PATTERN_PREFIX && begins_with(room, pattern->text));
}

static bool patterns_fit(const struct room_patterns *patterns, const struct identity *identity,
                         toni_str room)
{
    for (size_t i = 0; i < patterns->count; i++) {
        struct room_pattern *pattern = &patterns->patterns[i];
        if (room_pattern_fits(pattern, room) ||
            (pattern->kind == PATTERN_CLAIMS && claims_fit(identity, pattern, room)))
            return true;
    }
    tell_of_claims(patterns);
    return false;
}

const char *room_pattern_parse(toni_str text, struct room_pattern *pattern)
{
    *pattern = (struct room_pattern){.kind = PATTERN_EXACT, .text = text};
    if (begins_with(text, toni_str_of(PATTERN_CLAIM))) {
        const size_t skipped = strlen(PATTERN_CLAIM);
        *pattern =
            (struct room_pattern){.kind = PATTERN_CLAIMS,
                                  .text = toni_str_make(text.data + skipped, text.size - skipped)};
        return room_name_valid(pattern->text) ? NULL : "names no claim behind `claim:`";
    }
    const char *star = text.size > 0 ? memchr(text.data, '*', text.size) : NULL;
    if (star && star != text.data + text.size - 1)
        return "has a `*` that is not at its end";
    if (star)
        *pattern = (struct room_pattern){.kind = PATTERN_PREFIX,
                                         .text = toni_str_make(text.data, text.size - 1)};
    if (star && text.size == 1)
        return NULL;
    return room_name_valid(pattern->text) ? NULL : "is no name of a room";
}

/* The texts lie behind the array. */
int room_patterns_copy(struct room_patterns *to, const struct room_pattern *patterns, size_t count)
{
    size_t size = count * sizeof *patterns;
    for (size_t i = 0; i < count; i++)
        size += patterns[i].text.size + 1;
    struct room_pattern *copies = malloc(size + 1);
    if (!copies)
        return -1;
    char *text = (char *)(copies + count);
    for (size_t i = 0; i < count; i++)
        copies[i] = (struct room_pattern){.kind = patterns[i].kind,
                                          .text = str_copy(&text, patterns[i].text)};
    free(to->patterns);
    *to = (struct room_patterns){count, copies};
    return 0;
}

static bool patterns_equal(const struct room_patterns *a, const struct room_patterns *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (a->patterns[i].kind != b->patterns[i].kind ||
            !toni_str_equal(a->patterns[i].text, b->patterns[i].text))
            return false;
    }
    return true;
}

/* --- Rules */

struct room_rules *room_rules_create(void)
{
    struct room_rules *rules = calloc(1, sizeof *rules);
    if (rules)
        atomic_init(&rules->refs, 1);
    return rules;
}

struct room_rules *room_rules_ref(struct room_rules *rules)
{
    if (rules)
        atomic_fetch_add_explicit(&rules->refs, 1, memory_order_relaxed);
    return rules;
}

void room_rules_unref(struct room_rules *rules)
{
    if (!rules || atomic_fetch_sub_explicit(&rules->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(rules->join.patterns);
    free(rules->publish.patterns);
    free(rules);
}

bool room_rules_equal(const struct room_rules *a, const struct room_rules *b)
{
    if (a == b || !a || !b)
        return a == b;
    return a->limits_join == b->limits_join && a->publish_rule == b->publish_rule &&
           patterns_equal(&a->join, &b->join) && patterns_equal(&a->publish, &b->publish);
}

bool room_rules_allow_join(const struct room_rules *rules, const struct identity *identity,
                           toni_str room)
{
    return !rules || !rules->limits_join || patterns_fit(&rules->join, identity, room);
}

bool room_rules_allow_publish(const struct room_rules *rules, const struct identity *identity,
                              toni_str room, bool is_member)
{
    switch (rules ? rules->publish_rule : PUBLISH_ANYONE) {
    case PUBLISH_ANYONE:
        return true;
    case PUBLISH_MEMBER:
        return is_member;
    case PUBLISH_PATTERNS:
        return patterns_fit(&rules->publish, identity, room);
    case PUBLISH_NOBODY:
    default:
        return false;
    }
}
