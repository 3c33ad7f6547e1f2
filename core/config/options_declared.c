/* What a plugin declares: types, names, defaults within their ranges. */
#include "config/option_value.h"

#include "base/utf8.h"
#include "config/name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OPTION_SIZE_1_0 (offsetof(toni_option, members) + sizeof(void *))
#define PLACE_SIZE 320

struct declaring {
    const char *path;
    const struct value *at;
    struct fault_list *faults;
    const char *list; /* what messages call the list that is checked, such as "options" */
    bool is_inner;    /* these are the members of an option's groups */
    size_t members;   /* of all options, so far */
    size_t number;
    const toni_option *option;
    bool is_good; /* this option, so far */
};

#define refuse(declaring, text, ...)                                                               \
    do {                                                                                           \
        (declaring)->is_good = false;                                                              \
        fault_at((declaring)->faults, (declaring)->at, "library `%s`: %s[%zu] " text,              \
                 (declaring)->path, (declaring)->list, (declaring)->number, __VA_ARGS__);          \
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
        if (!option_take_quantity(option->type, texts[i], &number))
            refuse(declaring, "(`%.*s`) has `%.*s`, expected %s", TONI_STR_ARG(option->name),
                   TONI_STR_ARG(texts[i]), option_type_name(option->type));
    }
}

static void check_default(struct declaring *declaring)
{
    const toni_option *option = declaring->option;
    struct option_item item;
    char range[OPTION_RANGE_SIZE];

    option_take_default(option, &item);
    if (!option_is_in_range(option, &item) && option_describe_range(option, range))
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

static bool is_known_type(const struct declaring *declaring)
{
    const toni_option *option = declaring->option;

    if (!option_has_items(option->type))
        return option_is_plain(option->type);
    return !declaring->is_inner &&
           (option_is_plain(option->item_type) || option->item_type == TONI_TYPE_GROUP);
}

/* @return Whether what else is checked can be read. */
static bool check_form(struct declaring *declaring)
{
    const toni_option *option = declaring->option;

    if (option->struct_size < OPTION_SIZE_1_0) {
        refuse(declaring,
               "says that it has %" PRIu32 " bytes, expected at least %zu; make it with "
               "TONI_OPTION_INT and its like",
               option->struct_size, OPTION_SIZE_1_0);
        return false;
    }
    if (!option->name.data || !interface_name_valid(option->name)) {
        refuse(declaring, "has the name `%.*s`, expected letters, digits and `_`, a letter first",
               option->name.data ? (int)option->name.size : 0,
               option->name.data ? option->name.data : "");
    }
    if (!is_known_type(declaring)) {
        refuse(declaring,
               "is of type %" PRIu32 " and holds type %" PRIu32 ", which this host does not know%s;"
               " use TONI_OPTION_INT and its like",
               option->type, option->item_type,
               declaring->is_inner ? " as a member of a group" : "");
    }
    if (!is_text(option->help) || !is_text(option->standard) || !is_text(option->least) ||
        !is_text(option->most))
        refuse(declaring, "has %s that is not UTF-8", "a text");
    return declaring->is_good;
}

static bool check_list(struct declaring *declaring, const toni_option *const *declared);

/* What the groups of a list or map may have. */
static void check_members(struct declaring *declaring)
{
    const toni_option *option = declaring->option;
    char list[PLACE_SIZE];
    struct declaring inner = {.path = declaring->path,
                              .at = declaring->at,
                              .faults = declaring->faults,
                              .list = list,
                              .is_inner = true};

    if (!option->members || !option->members[0]) {
        refuse(declaring, "(`%.*s`) holds groups without members; declare what a group may have",
               TONI_STR_ARG(option->name));
        return;
    }
    for (size_t i = 0; option->members[i]; i++) {
        if (++declaring->members > OPTION_MEMBERS_MAX) {
            refuse(declaring,
                   "(`%.*s`): the groups of all options have more than %d members; end each list "
                   "with NULL, as TONI_OPTION_LIST_OF_GROUPS does",
                   TONI_STR_ARG(option->name), OPTION_MEMBERS_MAX);
            return;
        }
    }
    (void)snprintf(list, sizeof list, "%s[%zu] (`%.*s`): members", declaring->list,
                   declaring->number, TONI_STR_ARG(option->name));
    declaring->is_good = check_list(&inner, option->members);
}

static void check_declared(struct declaring *declaring, const toni_option *const *all)
{
    const toni_option *option = declaring->option;

    if (!check_form(declaring))
        return;
    for (size_t i = 0; i < declaring->number; i++) {
        const toni_option *other = all[i];
        if (other && has_name(other) && toni_str_equal(other->name, option->name)) {
            refuse(declaring, "has the name `%.*s`, as %s[%zu] has; rename one of them",
                   TONI_STR_ARG(option->name), declaring->list, i);
        }
    }
    if (option->type == TONI_TYPE_DURATION || option->type == TONI_TYPE_SIZE)
        check_quantities(declaring);
    if (option->item_type == TONI_TYPE_GROUP && option_has_items(option->type))
        check_members(declaring);
    else if (declaring->is_good && (option->flags & TONI_REQUIRED) == 0)
        check_default(declaring);
}

static bool check_list(struct declaring *declaring, const toni_option *const *declared)
{
    bool is_good = true;

    for (size_t i = 0; declared && declared[i]; i++) {
        if (i == OPTIONS_MAX) {
            fault_at(declaring->faults, declaring->at,
                     "library `%s`: %s has more than %d entries; end the list with NULL, as "
                     "TONI_OPTIONS does",
                     declaring->path, declaring->list, OPTIONS_MAX);
            return false;
        }
        declaring->number = i;
        declaring->option = declared[i];
        declaring->is_good = true;
        check_declared(declaring, declared);
        is_good = is_good && declaring->is_good;
    }
    return is_good;
}

bool options_check_declared(const toni_option *const *declared, const char *path,
                            const struct value *at, struct fault_list *faults)
{
    struct declaring declaring = {.path = path, .at = at, .faults = faults, .list = "options"};

    return check_list(&declaring, declared);
}
