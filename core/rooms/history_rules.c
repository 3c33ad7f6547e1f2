/* Rules for histories; see history_rules.h. */
#include "rooms/history_rules.h"

#include <stdlib.h>
#include <string.h>

struct history_rules *history_rules_create(const struct room_pattern *patterns,
                                           const struct history_rule *rules, size_t count)
{
    struct history_rules *made = calloc(1, sizeof *made + count * sizeof *rules);
    if (!made || room_patterns_copy(&made->rooms, patterns, count)) {
        free(made);
        return NULL;
    }
    atomic_init(&made->refs, 1);
    if (count > 0)
        memcpy(made->rules, rules, count * sizeof *rules);
    return made;
}

struct history_rules *history_rules_ref(struct history_rules *rules)
{
    if (rules)
        atomic_fetch_add_explicit(&rules->refs, 1, memory_order_relaxed);
    return rules;
}

void history_rules_unref(struct history_rules *rules)
{
    if (!rules || atomic_fetch_sub_explicit(&rules->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(rules->rooms.patterns);
    free(rules);
}

const struct history_rule *history_rules_find(const struct history_rules *rules, toni_str room)
{
    const size_t count = rules ? rules->rooms.count : 0;
    for (size_t i = 0; i < count; i++) {
        if (room_pattern_fits(&rules->rooms.patterns[i], room))
            return rules->rules[i].messages > 0 ? &rules->rules[i] : NULL;
    }
    return NULL;
}
