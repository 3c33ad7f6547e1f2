/* What gateways.conf sets of a plugin's options: whether it may, and the values. */
#include "config/options.h"

#include "config/option_value.h"
#include "config/setting.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_SIZE 256 /* a longer text is cut */
#define TITLE_SIZE 512

/* --- What gateways.conf sets */

static const struct value *find_setting(const struct value *group, const toni_option *option)
{
    char name[256];

    if (!group || option->name.size >= sizeof name)
        return NULL;
    memcpy(name, option->name.data, option->name.size);
    name[option->name.size] = '\0';
    return value_get(group, name);
}

/* @return Whether an item is what the list or map holds; its group is checked by itself. */
static bool is_item(const toni_option *option, const struct value *item)
{
    struct option_item taken;

    return option->item_type == TONI_TYPE_GROUP ? value_type(item) == VALUE_GROUP
                                                : option_take(option->item_type, item, &taken);
}

/* A group of a list or map: as the whole of the options, at its own place. */
static void check_group(const struct section *section, const toni_option *option,
                        const struct value *item)
{
    char title[TITLE_SIZE];
    const char *key = value_name(item);

    (void)snprintf(title, sizeof title, "%s%s%s`%.*s` of %s", key ? "`" : "a group of ",
                   key ? key : "", key ? "` of " : "", TONI_STR_ARG(option->name), section->title);
    options_check(option->members, item, item, title, section->faults);
}

static void check_items(const struct section *section, const toni_option *option,
                        const struct value *setting)
{
    for (const struct value *item = value_first(setting); item; item = value_next(item)) {
        if (!is_item(option, item)) {
            fault_at(section->faults, item, "`%.*s` of %s holds %s%s%s%s, expected only %s each",
                     TONI_STR_ARG(option->name), section->title, value_type_name(value_type(item)),
                     value_type(item) == VALUE_STRING ? " `" : "",
                     value_type(item) == VALUE_STRING ? value_string(item) : "",
                     value_type(item) == VALUE_STRING ? "`" : "",
                     option_type_name(option->item_type));
        } else if (option->item_type == TONI_TYPE_GROUP) {
            check_group(section, option, item);
        }
    }
}

/* Whether an option of this type is written in quotes. */
static bool is_quoted(uint32_t type)
{
    return type != TONI_TYPE_BOOL && type != TONI_TYPE_INT && type != TONI_TYPE_DOUBLE;
}

/* What was found: a text and a number out of range are shown themselves. A text where a number or
 * true is expected says that it is one: `5` alone would look right. */
static void describe_found(const struct value *setting, uint32_t type, bool is_of_type,
                           char text[SHOWN_SIZE])
{
    const enum value_type found = value_type(setting);

    if (found == VALUE_STRING) {
        (void)snprintf(text, SHOWN_SIZE, "%s`%s`", is_quoted(type) ? "" : "the string ",
                       value_string(setting));
    } else if (is_of_type && found == VALUE_INT) {
        (void)snprintf(text, SHOWN_SIZE, "%" PRId64, value_int(setting));
    } else if (is_of_type && found == VALUE_DOUBLE) {
        (void)snprintf(text, SHOWN_SIZE, "%g", value_double(setting));
    } else {
        (void)snprintf(text, SHOWN_SIZE, "%s", value_type_name(found));
    }
}

static void check_setting(const struct section *section, const toni_option *option,
                          const struct value *setting)
{
    const enum value_type found = value_type(setting);
    char range[OPTION_RANGE_SIZE] = "", shown[SHOWN_SIZE];
    struct option_item item;

    if (option_has_items(option->type)) {
        if (found == (option->type == TONI_TYPE_LIST ? VALUE_LIST : VALUE_GROUP))
            check_items(section, option, setting);
        else {
            fault_at(section->faults, setting, "`%.*s` of %s is %s, expected %s",
                     TONI_STR_ARG(option->name), section->title, value_type_name(found),
                     option_type_name(option->type));
        }
        return;
    }
    const bool is_taken = option_take(option->type, setting, &item);
    if (is_taken && option_is_in_range(option, &item))
        return;
    const bool has_range = option_describe_range(option, range);
    describe_found(setting, option->type, is_taken, shown);
    fault_at(section->faults, setting, "`%.*s` of %s is %s, expected %s%s%s (%.*s)",
             TONI_STR_ARG(option->name), section->title, shown, option_type_name(option->type),
             has_range ? ", " : "", range, TONI_STR_ARG(option->help));
}

static void check_keys(const struct section *section, const toni_option *const *declared)
{
    const char *keys[OPTIONS_MAX];
    char names[OPTIONS_MAX][64];
    size_t count = 0;

    for (; declared && declared[count] && count < OPTIONS_MAX; count++) {
        (void)snprintf(names[count], sizeof names[count], "%.*s",
                       TONI_STR_ARG(declared[count]->name));
        keys[count] = names[count];
    }
    if (count > 0) {
        section_check_keys(section, keys, count);
        return;
    }
    for (const struct value *setting = value_first(section->group); setting;
         setting = value_next(setting)) {
        fault_at(section->faults, setting,
                 "unknown setting `%s` in %s: its library declares no options; remove it",
                 value_name(setting), section->title);
    }
}

void options_check(const toni_option *const *declared, const struct value *group,
                   const struct value *at, const char *title, struct fault_list *faults)
{
    const struct section section = {.group = group, .title = title, .faults = faults};

    if (group)
        check_keys(&section, declared);
    for (size_t i = 0; declared && declared[i]; i++) {
        const struct value *setting = find_setting(group, declared[i]);
        if (setting)
            check_setting(&section, declared[i], setting);
        else if ((declared[i]->flags & TONI_REQUIRED) != 0) {
            fault_at(faults, group ? group : at, "%s lacks `%.*s`, expected %s (%.*s); add it",
                     title, TONI_STR_ARG(declared[i]->name), option_type_name(declared[i]->type),
                     TONI_STR_ARG(declared[i]->help));
        }
    }
}

/* --- Reading */

static int find_file(struct options *options, const char *folder, struct option_item *item)
{
    char *path;

    if (item->text.size == 0 || item->text.data[0] == '/' || strcmp(folder, ".") == 0)
        return 0;
    char **paths = realloc(options->paths, (options->path_count + 1) * sizeof *paths); /* few */
    if (!paths)
        return -1;
    options->paths = paths;
    if (asprintf(&path, "%s/%.*s", folder, TONI_STR_ARG(item->text)) < 0)
        return -1;
    paths[options->path_count++] = path;
    item->text = toni_str_of(path);
    return 0;
}

/* Each group has options of its own: its members. */
static int read_groups(struct option_entry *option, const struct value *setting, const char *folder)
{
    option->groups = calloc(value_count(setting) + 1, sizeof *option->groups);
    if (!option->groups)
        return -1;
    for (const struct value *from = value_first(setting); from; from = value_next(from)) {
        struct options *group = &option->groups[option->count];
        if (options_read(group, option->declared->members, from, folder))
            return -1;
        option->count++;
    }
    return 0;
}

static int read_items(struct options *options, struct option_entry *option,
                      const struct value *setting, const char *folder)
{
    const uint32_t type = option->declared->item_type;

    if (type == TONI_TYPE_GROUP)
        return read_groups(option, setting, folder);
    option->items = calloc(value_count(setting) + 1, sizeof *option->items);
    if (!option->items)
        return -1;
    for (const struct value *from = value_first(setting); from; from = value_next(from)) {
        struct option_item *item = &option->items[option->count++];
        if (option_take(type, from, item) && type == TONI_TYPE_PATH &&
            find_file(options, folder, item))
            return -1;
    }
    return 0;
}

static int read_one(struct options *options, struct option_entry *option, const struct value *group,
                    const char *folder)
{
    const toni_option *declared = option->declared;
    const struct value *setting = find_setting(group, declared);

    if (option_has_items(declared->type))
        return setting ? read_items(options, option, setting, folder) : 0;
    if (!setting || !option_take(declared->type, setting, &option->value))
        option_take_default(declared, &option->value);
    return declared->type == TONI_TYPE_PATH ? find_file(options, folder, &option->value) : 0;
}

int options_read(struct options *options, const toni_option *const *declared,
                 const struct value *group, const char *folder)
{
    size_t count = 0;

    while (declared && declared[count])
        count++;
    *options = (struct options){.key = group ? value_name(group) : NULL,
                                .options = calloc(count + 1, sizeof *options->options)};
    if (!options->options)
        return -1;
    options->count = count;
    for (size_t i = 0; i < count; i++) {
        options->options[i].declared = declared[i];
        if (read_one(options, &options->options[i], group, folder)) {
            options_finish(options);
            return -1;
        }
    }
    return 0;
}

void options_finish(struct options *options)
{
    for (size_t i = 0; i < options->count; i++) {
        struct option_entry *option = &options->options[i];
        for (size_t group = 0; option->groups && group < option->count; group++)
            options_finish(&option->groups[group]);
        free(option->groups);
        free(option->items);
    }
    for (size_t i = 0; i < options->path_count; i++)
        free(options->paths[i]);
    free(options->options);
    free((void *)options->paths);
    *options = (struct options){0};
}

const struct option_entry *options_find(const struct options *options, toni_str name)
{
    for (size_t i = 0; i < options->count; i++) {
        if (toni_str_equal(options->options[i].declared->name, name))
            return &options->options[i];
    }
    return NULL;
}
