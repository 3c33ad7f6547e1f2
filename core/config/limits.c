/* One table, made from the list of limits, leads from a key to its range and its field. */
#include "config/limits.h"

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

static void read_limit(const struct section *section, const struct limit_key *key,
                       struct limits *limits)
{
    uint64_t number;
    if (section_get_number(section, key->name, key->lowest, key->highest, &number))
        memcpy((char *)limits + key->offset, &number, sizeof number);
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
    const struct value *setting = section_get_word(
        section, POLICY_KEY, "\"close\", \"drop_oldest\", \"drop_newest\" or \"latest\"");
    if (!setting)
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
    for (const struct value *setting = value_first(group); setting; setting = value_next(setting)) {
        const struct limit_key *key = find_key(value_name(setting));

        if (!key)
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

/* As far as the largest message that a client may send. */
#define DEFLATE_ABOVE_MAX 1073741824

void config_deflate_read(const struct section *provider, struct limits *limits)
{
    const struct value *deflate = section_get_word(provider, "deflate", "\"off\" or \"on\"");
    uint64_t above;

    if (deflate) {
        const char *word = value_string(deflate);

        limits->deflate = strcmp(word, "on") == 0;
        if (!limits->deflate && strcmp(word, "off") != 0)
            fault_at(provider->faults, deflate, "`deflate` of %s is `%s`, expected `off` or `on`",
                     provider->title, word);
    }
    if (section_get_number(provider, "deflate_above", 0, DEFLATE_ABOVE_MAX, &above))
        limits->deflate_above = (uint32_t)above;
}

void config_refuse_read(const struct section *provider, struct limits *limits)
{
    const struct value *refuse = section_get_word(provider, "refuse", "\"handshake\" or \"close\"");

    if (!refuse)
        return;
    const char *word = value_string(refuse);
    limits->refuses_by_close = strcmp(word, "close") == 0;
    if (!limits->refuses_by_close && strcmp(word, "handshake") != 0) {
        fault_at(provider->faults, refuse,
                 "`refuse` of %s is `%s`, expected `handshake` or `close`", provider->title, word);
    }
}

void config_list_rooms_read(const struct section *provider, struct limits *limits)
{
    limits->lists_rooms = section_get_bool(provider, "list_rooms", false);
}
