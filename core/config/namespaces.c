/* Namespaces; see namespaces.h. */
#include "config/namespaces.h"

#include "config/config.h"
#include "config/setting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TITLE_SIZE 128 /* longer names are cut in messages */
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Each room that is made looks at them one after the other. */
#define HISTORIES_MOST 256

static const char *const namespace_keys[] = {"name", "history", "cluster", "local_only"};
static const char *const history_keys[] = {"rooms", "messages", "seconds"};

/* --- history */

static bool pattern_equal(const struct room_pattern *a, const struct room_pattern *b)
{
    return a->kind == b->kind && toni_str_equal(a->text, b->text);
}

static bool read_rooms(const struct section *section, struct room_pattern *pattern)
{
    const struct value *setting = section_need(section, "rooms", VALUE_STRING);
    if (!setting)
        return false;
    const char *text = value_string(setting);
    const char *wrong = room_pattern_parse(toni_str_of(text), pattern);
    if (wrong || pattern->kind == PATTERN_CLAIMS) {
        fault_at(section->faults, setting,
                 "`rooms` of %s is `%s`, which %s; expected a room such as `news`, or a beginning "
                 "such as `news-*`",
                 section->title, text,
                 wrong ? wrong : "asks for claims of a client, and a history is a room's");
        return false;
    }
    return true;
}

/* @return Whether there is one that is good. */
static bool read_history(const struct section *section, struct room_pattern *pattern,
                         struct history_rule *rule)
{
    uint64_t messages = 0, seconds = 1;
    section_check_keys(section, history_keys, COUNT(history_keys));
    const bool has_rooms = read_rooms(section, pattern);
    const bool has_messages =
        section_need(section, "messages", VALUE_INT) &&
        section_get_number(section, "messages", 0, HISTORY_MESSAGES_MOST, &messages);
    /* Rooms that keep no messages keep them for no time. */
    const bool is_none = has_messages && messages == 0;
    const bool has_seconds =
        (is_none && !value_get(section->group, "seconds")) ||
        (section_need(section, "seconds", VALUE_INT) &&
         section_get_number(section, "seconds", 1, HISTORY_SECONDS_MOST, &seconds));
    *rule = (struct history_rule){(uint32_t)messages, (uint32_t)seconds};
    return has_rooms && has_messages && has_seconds;
}

static void check_double(const struct value *item, const struct section *namespace,
                         const struct room_pattern *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!pattern_equal(&patterns[i], &patterns[count]))
            continue;
        fault_at(namespace->faults, item,
                 "`history` of %s lists `rooms` = `%s` twice, and the first that fits a room "
                 "counts; remove one of them",
                 namespace->title, value_string(value_get(item, "rooms")));
        return;
    }
}

/* @return 0, or -1 on no memory. */
static int read_histories(const struct section *namespace, const struct value *list,
                          struct room_pattern *patterns, struct history_rule *rules,
                          struct history_rules **made)
{
    char title[TITLE_SIZE + 16];
    size_t count = 0;
    (void)snprintf(title, sizeof title, "`history` of %s", namespace->title);
    for (const struct value *item = value_first(list); item; item = value_next(item)) {
        const struct section section = {.group = item, .title = title, namespace->faults};
        if (!list_item(item, title, VALUE_GROUP, namespace->faults) ||
            !read_history(&section, &patterns[count], &rules[count]))
            continue;
        check_double(item, namespace, patterns, count);
        count++;
    }
    *made = history_rules_create(patterns, rules, count);
    return *made ? 0 : -1;
}

static int read_history_list(const struct section *namespace, struct history_rules **made)
{
    const struct value *list = section_get(namespace, "history", VALUE_LIST);
    const size_t count = list ? value_count(list) : 0;
    if (count == 0)
        return 0;
    if (count > HISTORIES_MOST) {
        fault_at(namespace->faults, list,
                 "`history` of %s holds %zu groups, expected at most %d; name several rooms by "
                 "the beginning that they share, such as `news-*`",
                 namespace->title, count, HISTORIES_MOST);
        return 0;
    }
    struct room_pattern *patterns = calloc(count, sizeof *patterns);
    struct history_rule *rules = calloc(count, sizeof *rules);
    const int result =
        patterns && rules ? read_histories(namespace, list, patterns, rules, made) : -1;
    free(patterns);
    free(rules);
    return result;
}

/* --- name */

/* A name that no module has is a slip of the pen: its rooms would silently keep nothing. */
static bool has_module(const struct config *config, const char *name)
{
    bool is_there = name[0] == '\0';
    for (size_t i = 0; i < config->module_count && !is_there; i++)
        is_there = strcmp(config->modules[i].namespace, name) == 0;
    return is_there;
}

static int refuse_unknown(const struct config *config, const struct value *setting,
                          struct fault_list *faults)
{
    const char *name = value_string(setting);
    const char **known = calloc(config->module_count + 1, sizeof *known);
    size_t count = 0;
    if (!known)
        return -1;
    for (size_t i = 0; i < config->module_count; i++) {
        if (config->modules[i].namespace[0] != '\0')
            known[count++] = config->modules[i].namespace;
    }
    const char *nearest = name_nearest(name, known, count);
    if (nearest) {
        fault_at(faults, setting,
                 "`namespaces` lists `%s`, which is no module's `namespace`; did you mean `%s`?",
                 name, nearest);
    } else {
        fault_at(faults, setting,
                 "`namespaces` lists `%s`, which is no module's `namespace`; add `namespace = "
                 "\"%s\";` to a module, or remove the group; \"\" is the namespace of all modules "
                 "that have none",
                 name, name);
    }
    free(known);
    return 0;
}

static const struct config_namespace *find(const struct config_namespaces *namespaces,
                                           const char *name)
{
    for (size_t i = 0; i < namespaces->count; i++) {
        if (strcmp(namespaces->list[i].name, name) == 0)
            return &namespaces->list[i];
    }
    return NULL;
}

static int check_name(const struct config *config, const struct value *setting,
                      struct fault_list *faults)
{
    const char *name = value_string(setting);
    const struct config_namespace *other = find(&config->namespaces, name);
    if (other) {
        fault_at(faults, setting,
                 "`namespaces` lists `%s` twice, the first time at %s:%u; join the two groups",
                 name, value_file(other->at), value_line(other->at));
    }
    return has_module(config, name) ? 0 : refuse_unknown(config, setting, faults);
}

/* --- A namespace */

static void check_local_only(const struct section *section, const struct config_namespace *entry)
{
    if (entry->is_cluster || !entry->is_local_only)
        return;
    fault_at(section->faults, value_get(section->group, "local_only"),
             "`local_only` of %s says what its rooms do while their server is away, but with "
             "`cluster = false` they have none; remove one of the two",
             section->title);
}

static int read_namespace(struct config *config, const struct value *group,
                          struct fault_list *faults)
{
    char title[TITLE_SIZE] = "a namespace";
    const struct section section = {.group = group, .title = title, .faults = faults};
    struct config_namespaces *namespaces = &config->namespaces;
    const struct value *name = section_need(&section, "name", VALUE_STRING);
    if (name && check_name(config, name, faults))
        return -1;
    if (name && value_string(name)[0] != '\0')
        (void)snprintf(title, sizeof title, "namespace `%s`", value_string(name));
    else if (name)
        (void)snprintf(title, sizeof title, "the default namespace");
    section_check_keys(&section, namespace_keys, COUNT(namespace_keys));
    struct config_namespace *entry = &namespaces->list[namespaces->count];
    *entry = (struct config_namespace){.at = group, .name = name ? value_string(name) : ""};
    entry->is_cluster = section_get_bool(&section, "cluster", true);
    entry->is_local_only = section_get_bool(&section, "local_only", false);
    check_local_only(&section, entry);
    const int result = read_history_list(&section, &entry->history);
    if (name && !result)
        namespaces->count++;
    else
        history_rules_unref(entry->history);
    return result;
}

int config_namespaces_read(struct config *config, const struct value *list,
                           struct fault_list *faults)
{
    config->namespaces.list = calloc(value_count(list) + 1, sizeof *config->namespaces.list);
    if (!config->namespaces.list)
        return -1;
    for (const struct value *item = value_first(list); item; item = value_next(item)) {
        if (list_item(item, "`namespaces`", VALUE_GROUP, faults) &&
            read_namespace(config, item, faults))
            return -1;
    }
    return 0;
}

void config_namespaces_finish(struct config_namespaces *namespaces)
{
    for (size_t i = 0; i < namespaces->count; i++)
        history_rules_unref(namespaces->list[i].history);
    free(namespaces->list);
    *namespaces = (struct config_namespaces){0};
}

const struct config_namespace *config_namespace_find(const struct config_namespaces *namespaces,
                                                     const char *name)
{
    static const struct config_namespace standard = {.name = "", .is_cluster = true};
    const struct config_namespace *found = find(namespaces, name);
    return found ? found : &standard;
}
