/* One function takes a value by its type, for checking and for reading alike: so what was checked
 * can be read. */
#include "config/options.h"

#include "base/utf8.h"
#include "config/name.h"
#include "config/setting.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define OPTION_SIZE_1_0 (offsetof(toni_option, most_double) + sizeof(double))
#define RANGE_SIZE 160
#define SHOWN_SIZE 256 /* a longer text is cut */

static const struct {
    const char *word;
    const char *name;
} types[] = {
    [TONI_TYPE_BOOL] = {"bool", "a boolean"},
    [TONI_TYPE_INT] = {"int", "an integer"},
    [TONI_TYPE_DOUBLE] = {"double", "a number"},
    [TONI_TYPE_STR] = {"str", "a string"},
    [TONI_TYPE_DURATION] = {"duration",
                            "a duration such as \"250ms\", \"30s\", \"5min\" or \"2h\""},
    [TONI_TYPE_SIZE] = {"size", "a size such as \"512B\", \"64KiB\" or \"16MiB\""},
    [TONI_TYPE_PATH] = {"path", "the path of a file, a string"},
    [TONI_TYPE_LIST] = {"list", "a list"},
    [TONI_TYPE_MAP] = {"map", "a group"},
};

static bool is_type(uint32_t type)
{
    return type >= TONI_TYPE_BOOL && type <= TONI_TYPE_MAP;
}

static bool has_items(uint32_t type)
{
    return type == TONI_TYPE_LIST || type == TONI_TYPE_MAP;
}

const char *option_type_name(uint32_t type)
{
    return is_type(type) ? types[type].name : "?";
}

const char *option_type_word(uint32_t type)
{
    return is_type(type) ? types[type].word : "?";
}

/* --- Values */

/* A duration or a size, as text. */
static bool take_quantity(uint32_t type, toni_str text, int64_t *number)
{
    return (type == TONI_TYPE_DURATION ? toni_duration_parse(text, number)
                                       : toni_size_parse(text, number)) == TONI_OK;
}

static bool take_text(uint32_t type, toni_str text, struct option_item *item)
{
    item->text = text;
    return (type != TONI_TYPE_DURATION && type != TONI_TYPE_SIZE) ||
           take_quantity(type, text, &item->integer);
}

/* @param type  Of a plain value. @return Whether the setting is of that type. */
static bool take(uint32_t type, const struct value *setting, struct option_item *item)
{
    const enum value_type found = value_type(setting);
    const char *key = value_name(setting);

    *item = (struct option_item){.key = toni_str_of(key ? key : "")};
    switch (type) {
    case TONI_TYPE_BOOL:
        if (found == VALUE_BOOL)
            item->integer = value_bool(setting) ? 1 : 0;
        return found == VALUE_BOOL;
    case TONI_TYPE_INT:
        if (found == VALUE_INT)
            item->integer = value_int(setting);
        return found == VALUE_INT;
    case TONI_TYPE_DOUBLE:
        if (found == VALUE_DOUBLE || found == VALUE_INT)
            item->real = value_double(setting);
        return found == VALUE_DOUBLE || found == VALUE_INT;
    default:
        return found == VALUE_STRING && take_text(type, toni_str_of(value_string(setting)), item);
    }
}

/* The default of a plain value; its texts are written well. */
static void take_default(const toni_option *option, struct option_item *item)
{
    *item = (struct option_item){.integer = option->standard_int, .real = option->standard_double};
    if (option->type >= TONI_TYPE_STR)
        (void)take_text(option->type, option->standard, item);
}

/* @return Whether the option has a range, with its text. */
static bool describe_range(const toni_option *option, char text[RANGE_SIZE])
{
    switch (option->type) {
    case TONI_TYPE_INT:
        (void)snprintf(text, RANGE_SIZE, "%" PRId64 " to %" PRId64, option->least_int,
                       option->most_int);
        return true;
    case TONI_TYPE_DOUBLE:
        (void)snprintf(text, RANGE_SIZE, "%g to %g", option->least_double, option->most_double);
        return true;
    case TONI_TYPE_DURATION:
    case TONI_TYPE_SIZE:
        (void)snprintf(text, RANGE_SIZE, "\"%.*s\" to \"%.*s\"", TONI_STR_ARG(option->least),
                       TONI_STR_ARG(option->most));
        return true;
    default:
        return false;
    }
}

static bool is_in_range(const toni_option *option, const struct option_item *item)
{
    int64_t least = option->least_int, most = option->most_int;

    switch (option->type) {
    case TONI_TYPE_DOUBLE:
        return item->real >= option->least_double && item->real <= option->most_double;
    case TONI_TYPE_DURATION:
    case TONI_TYPE_SIZE:
        (void)take_quantity(option->type, option->least, &least);
        (void)take_quantity(option->type, option->most, &most);
        return item->integer >= least && item->integer <= most;
    case TONI_TYPE_INT:
        return item->integer >= least && item->integer <= most;
    default:
        return true;
    }
}

/* --- What a plugin declares */

struct declaring {
    const char *path;
    const struct value *at;
    struct fault_list *faults;
    size_t number;
    const toni_option *option;
    bool is_good; /* this option, so far */
};

#define refuse(declaring, text, ...)                                                               \
    do {                                                                                           \
        (declaring)->is_good = false;                                                              \
        fault_at((declaring)->faults, (declaring)->at, "library `%s`: options[%zu] " text,         \
                 (declaring)->path, (declaring)->number, __VA_ARGS__);                             \
    } while (0)

static bool is_text(toni_str text)
{
    return text.size == 0 ||
           (text.data && utf8_valid(text.data, text.size) && !memchr(text.data, '\0', text.size));
}

static void check_quantities(struct declaring *declaring)
{
    const toni_option *option = declaring->option;
    const toni_str texts[] = {option->least, option->most, option->standard};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int64_t number;
        if (!take_quantity(option->type, texts[i], &number))
            refuse(declaring, "(`%.*s`) has `%.*s`, expected %s", TONI_STR_ARG(option->name),
                   TONI_STR_ARG(texts[i]), option_type_name(option->type));
    }
}

static void check_default(struct declaring *declaring)
{
    const toni_option *option = declaring->option;
    struct option_item item;
    char range[RANGE_SIZE];

    take_default(option, &item);
    if (!is_in_range(option, &item) && describe_range(option, range))
        refuse(declaring, "(`%.*s`) has a default out of its range, which is %s",
               TONI_STR_ARG(option->name), range);
    if (option->type == TONI_TYPE_BOOL && option->standard_int != 0 && option->standard_int != 1)
        refuse(declaring, "(`%.*s`) has the default %" PRId64 ", expected 1 or 0",
               TONI_STR_ARG(option->name), option->standard_int);
}

/* One that is refused may be too short for a name, or have no bytes of one. */
static bool has_name(const toni_option *option)
{
    return option->struct_size >= OPTION_SIZE_1_0 && option->name.data;
}

static void check_declared(struct declaring *declaring, const toni_option *const *all)
{
    const toni_option *option = declaring->option;

    if (option->struct_size < OPTION_SIZE_1_0) {
        refuse(declaring,
               "says that it has %" PRIu32 " bytes, expected at least %zu; make it with "
               "TONI_OPTION_INT and its like",
               option->struct_size, OPTION_SIZE_1_0);
        return;
    }
    if (!option->name.data || !interface_name_valid(option->name)) {
        refuse(declaring, "has the name `%.*s`, expected letters, digits and `_`, a letter first",
               option->name.data ? (int)option->name.size : 0,
               option->name.data ? option->name.data : "");
    }
    if (!is_type(option->type) || (has_items(option->type) &&
                                   (!is_type(option->item_type) || has_items(option->item_type)))) {
        refuse(declaring,
               "is of type %" PRIu32 " and holds type %" PRIu32
               ", which this host does not know; use TONI_OPTION_INT and its like",
               option->type, option->item_type);
    }
    if (!is_text(option->help) || !is_text(option->standard))
        refuse(declaring, "has %s that is not UTF-8", "a text");
    if (!declaring->is_good)
        return;
    for (size_t i = 0; i < declaring->number; i++) {
        if (has_name(all[i]) && toni_str_equal(all[i]->name, option->name)) {
            refuse(declaring, "has the name `%.*s`, as options[%zu] has; rename one of them",
                   TONI_STR_ARG(option->name), i);
        }
    }
    if (option->type == TONI_TYPE_DURATION || option->type == TONI_TYPE_SIZE)
        check_quantities(declaring);
    if (declaring->is_good && (option->flags & TONI_REQUIRED) == 0)
        check_default(declaring);
}

bool options_check_declared(const toni_option *const *declared, const char *path,
                            const struct value *at, struct fault_list *faults)
{
    struct declaring declaring = {.path = path, .at = at, .faults = faults};
    bool is_good = true;

    for (size_t i = 0; declared && declared[i]; i++) {
        if (i == OPTIONS_MAX) {
            fault_at(faults, at,
                     "library `%s`: options has more than %d entries; end the list with NULL, as "
                     "TONI_OPTIONS does",
                     path, OPTIONS_MAX);
            return false;
        }
        declaring.number = i;
        declaring.option = declared[i];
        declaring.is_good = true;
        check_declared(&declaring, declared);
        is_good = is_good && declaring.is_good;
    }
    return is_good;
}

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

static void check_items(const struct section *section, const toni_option *option,
                        const struct value *setting)
{
    for (const struct value *item = value_first(setting); item; item = value_next(item)) {
        struct option_item taken;
        if (!take(option->item_type, item, &taken)) {
            fault_at(section->faults, item, "`%.*s` of %s holds %s%s%s%s, expected only %s each",
                     TONI_STR_ARG(option->name), section->title, value_type_name(value_type(item)),
                     value_type(item) == VALUE_STRING ? " `" : "",
                     value_type(item) == VALUE_STRING ? value_string(item) : "",
                     value_type(item) == VALUE_STRING ? "`" : "",
                     option_type_name(option->item_type));
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
    char range[RANGE_SIZE] = "", shown[SHOWN_SIZE];
    struct option_item item;

    if (has_items(option->type)) {
        if (found == (option->type == TONI_TYPE_LIST ? VALUE_LIST : VALUE_GROUP))
            check_items(section, option, setting);
        else {
            fault_at(section->faults, setting, "`%.*s` of %s is %s, expected %s",
                     TONI_STR_ARG(option->name), section->title, value_type_name(found),
                     option_type_name(option->type));
        }
        return;
    }
    const bool is_taken = take(option->type, setting, &item);
    if (is_taken && is_in_range(option, &item))
        return;
    const bool has_range = describe_range(option, range);
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

static int read_items(struct options *options, struct option_entry *option,
                      const struct value *setting, const char *folder)
{
    const uint32_t type = option->declared->item_type;

    option->items = calloc(value_count(setting) + 1, sizeof *option->items);
    if (!option->items)
        return -1;
    for (const struct value *from = value_first(setting); from; from = value_next(from)) {
        struct option_item *item = &option->items[option->count++];
        if (take(type, from, item) && type == TONI_TYPE_PATH && find_file(options, folder, item))
            return -1;
    }
    return 0;
}

static int read_one(struct options *options, struct option_entry *option, const struct value *group,
                    const char *folder)
{
    const toni_option *declared = option->declared;
    const struct value *setting = find_setting(group, declared);

    if (has_items(declared->type))
        return setting ? read_items(options, option, setting, folder) : 0;
    if (!setting || !take(declared->type, setting, &option->value))
        take_default(declared, &option->value);
    return declared->type == TONI_TYPE_PATH ? find_file(options, folder, &option->value) : 0;
}

int options_read(struct options *options, const toni_option *const *declared,
                 const struct value *group, const char *folder)
{
    size_t count = 0;

    while (declared && declared[count])
        count++;
    *options = (struct options){.options = calloc(count + 1, sizeof *options->options)};
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
    for (size_t i = 0; i < options->count; i++)
        free(options->options[i].items);
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
