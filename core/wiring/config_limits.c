/* One table, made from the list of limits, leads from a key to its range and its field. */
#include "wiring/config_limits.h"

#include "wiring/setting.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

struct limit_key {
    const char *name;
    uint64_t lowest, highest;
    enum limit_scope scope;
    size_t offset; /* of the field in struct limits */
};

static const struct limit_key limit_keys[] = {
#define LIMIT_KEY(name, standard, lowest, highest, scope)                                          \
    {#name, (lowest), (highest), (scope), offsetof(struct limits, name)},
    LIMITS(LIMIT_KEY)
#undef LIMIT_KEY
};

#define POLICY_KEY "outbox_policy"

static const char *const known_keys[] = {
#define LIMIT_NAME(name, standard, lowest, highest, scope) #name,
    LIMITS(LIMIT_NAME)
#undef LIMIT_NAME
        POLICY_KEY,
};

static const struct limit_key *find_key(const char *name)
{
    for (size_t i = 0; i < sizeof limit_keys / sizeof limit_keys[0]; i++) {
        if (strcmp(limit_keys[i].name, name) == 0)
            return &limit_keys[i];
    }
    return NULL;
}

/* libconfig 1.5 wraps a number that does not fit 32 bits, without a word; mostly it gets negative.
 */
static const char *hint_for(int64_t number)
{
    return number < 0 ? "; write numbers above 2147483647 with an L at their end" : "";
}

static void read_limit(const struct section *section, const struct limit_key *key,
                       struct limits *limits)
{
    const struct value *setting = section_get(section, key->name, VALUE_INT);
    if (setting == NULL)
        return;

    const int64_t number = value_int(setting);
    if (number < 0 || (uint64_t)number < key->lowest || (uint64_t)number > key->highest) {
        fault_at(section->faults, setting,
                 "`%s` of %s is %" PRId64 ", expected %" PRIu64 " to %" PRIu64 "%s", key->name,
                 section->title, number, key->lowest, key->highest, hint_for(number));
        return;
    }
    memcpy((char *)limits + key->offset, &(uint64_t){(uint64_t)number}, sizeof(uint64_t));
}

static const struct {
    const char *word;
    enum outbox_policy policy;
} policies[] = {
#define POLICY_WORD(name, word) {word, name},
    OUTBOX_POLICIES(POLICY_WORD)
#undef POLICY_WORD
};

static void read_policy(const struct section *section, struct limits *limits)
{
    const struct value *setting = section_get(section, POLICY_KEY, VALUE_STRING);
    if (setting == NULL)
        return;

    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        if (strcmp(value_string(setting), policies[i].word) == 0) {
            limits->outbox_policy = policies[i].policy;
            return;
        }
    }
    fault_at(section->faults, setting,
             "`" POLICY_KEY "` of %s is `%s`, expected `close`, `drop_oldest`, `drop_newest` or "
             "`latest`",
             section->title, value_string(setting));
}

void config_limits_read(const struct value *group, enum limit_scope scope, const char *title,
                        struct limits *limits, struct fault_list *faults)
{
    const struct section section = {.group = group, .title = title, .faults = faults};

    section_check_keys(&section, known_keys, sizeof known_keys / sizeof known_keys[0]);
    for (const struct value *setting = value_first(group); setting != NULL;
         setting = value_next(setting)) {
        const struct limit_key *key = find_key(value_name(setting));

        if (key == NULL)
            continue;
        if (scope == LIMIT_GATEWAY && key->scope == LIMIT_HOST) {
            fault_at(faults, setting,
                     "`%s` of %s is a limit of the whole host; move it into the "
                     "group `limits` at the top of the file",
                     key->name, title);
        } else {
            read_limit(&section, key, limits);
        }
    }
    read_policy(&section, limits);
}
