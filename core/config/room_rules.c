/* See room_rules.h. */
#include "config/room_rules.h"

#include "rooms/room_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TITLE_SIZE 256
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const char *const keys[] = {"join", "publish"};

static bool read_pattern(const struct section *section, const char *key, const struct value *item,
                         struct room_pattern *pattern)
{
    const char *text = value_string(item);
    const char *wrong = room_pattern_parse(toni_str_of(text), pattern);
    if (!wrong)
        return true;
    fault_at(section->faults, item,
             "`%s` of %s holds `%s`, which %s; expected a room such as `news`, a beginning such as "
             "`public-*`, or `claim:NAME` for what a claim of the client says",
             key, section->title, text, wrong);
    return false;
}

static int read_patterns(const struct section *section, const char *key, const struct value *list,
                         struct room_patterns *patterns)
{
    char title[TITLE_SIZE];
    size_t count = 0;
    struct room_pattern *read = calloc(value_count(list) + 1, sizeof *read);
    if (!read)
        return -1;
    (void)snprintf(title, sizeof title, "`%s` of %s", key, section->title);
    for (const struct value *item = value_first(list); item; item = value_next(item)) {
        if (list_item(item, title, VALUE_STRING, section->faults) &&
            read_pattern(section, key, item, &read[count]))
            count++;
    }
    const int result = room_patterns_copy(patterns, read, count);
    free(read);
    return result;
}

static int read_join(const struct section *section, struct room_rules *rules)
{
    const struct value *list = section_get(section, "join", VALUE_LIST);
    rules->limits_join = list != NULL;
    return list ? read_patterns(section, "join", list, &rules->join) : 0;
}

static int read_publish(const struct section *section, struct room_rules *rules)
{
    static const struct {
        const char *word;
        enum publish_rule rule;
    } words[] = {
#define PUBLISH_WORD(name, word) {word, name},
        PUBLISH_RULES(PUBLISH_WORD)
#undef PUBLISH_WORD
    };
    const struct value *setting = value_get(section->group, "publish");
    if (!setting)
        return 0;
    if (value_type(setting) == VALUE_LIST) {
        rules->publish_rule = PUBLISH_PATTERNS;
        return read_patterns(section, "publish", setting, &rules->publish);
    }
    const char *word = value_type(setting) == VALUE_STRING ? value_string(setting) : "";
    for (size_t i = 0; i < COUNT(words); i++) {
        if (strcmp(words[i].word, word) == 0) {
            rules->publish_rule = words[i].rule;
            return 0;
        }
    }
    fault_at(section->faults, setting,
             "`publish` of %s is %s%s%s, expected \"anyone\", \"member\", \"nobody\", or a list of "
             "patterns such as [ \"public-*\", \"claim:rooms\" ]",
             section->title, *word ? "`" : "", *word ? word : value_type_name(value_type(setting)),
             *word ? "`" : "");
    return 0;
}

int config_room_rules_read(const struct section *provider, struct limits *limits)
{
    char title[TITLE_SIZE];
    const struct value *group = section_get(provider, "rooms", VALUE_GROUP);
    if (!group)
        return 0;
    (void)snprintf(title, sizeof title, "`rooms` of %s", provider->title);
    const struct section section = {.group = group, .title = title, .faults = provider->faults};
    section_check_keys(&section, keys, COUNT(keys));
    limits->room_rules = room_rules_create();
    if (!limits->room_rules)
        return -1;
    return read_join(&section, limits->room_rules) || read_publish(&section, limits->room_rules)
               ? -1
               : 0;
}
