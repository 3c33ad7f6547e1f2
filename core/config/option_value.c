/* One function takes a value by its type, for checking and for reading alike: so what was checked
 * can be read. */
#include "config/option_value.h"

#include <inttypes.h>
#include <stdio.h>

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
    [TONI_TYPE_GROUP] = {"group", "a group"},
};

bool option_is_plain(uint32_t type)
{
    return type >= TONI_TYPE_BOOL && type <= TONI_TYPE_PATH;
}

bool option_has_items(uint32_t type)
{
    return type == TONI_TYPE_LIST || type == TONI_TYPE_MAP;
}

static bool is_type(uint32_t type)
{
    return type >= TONI_TYPE_BOOL && type <= TONI_TYPE_GROUP;
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

bool option_take_quantity(uint32_t type, toni_str text, int64_t *number)
{
    return (type == TONI_TYPE_DURATION ? toni_duration_parse(text, number)
                                       : toni_size_parse(text, number)) == TONI_OK;
}

static bool take_text(uint32_t type, toni_str text, struct option_item *item)
{
    item->text = text;
    return (type != TONI_TYPE_DURATION && type != TONI_TYPE_SIZE) ||
           option_take_quantity(type, text, &item->integer);
}

bool option_take(uint32_t type, const struct value *setting, struct option_item *item)
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

void option_take_default(const toni_option *option, struct option_item *item)
{
    *item = (struct option_item){.integer = option->standard_int, .real = option->standard_double};
    if (option->type >= TONI_TYPE_STR)
        (void)take_text(option->type, option->standard, item);
}

bool option_describe_range(const toni_option *option, char text[OPTION_RANGE_SIZE])
{
    switch (option->type) {
    case TONI_TYPE_INT:
        (void)snprintf(text, OPTION_RANGE_SIZE, "%" PRId64 " to %" PRId64, option->least_int,
                       option->most_int);
        return true;
    case TONI_TYPE_DOUBLE:
        (void)snprintf(text, OPTION_RANGE_SIZE, "%g to %g", option->least_double,
                       option->most_double);
        return true;
    case TONI_TYPE_DURATION:
    case TONI_TYPE_SIZE:
        (void)snprintf(text, OPTION_RANGE_SIZE, "\"%.*s\" to \"%.*s\"", TONI_STR_ARG(option->least),
                       TONI_STR_ARG(option->most));
        return true;
    default:
        return false;
    }
}

bool option_is_in_range(const toni_option *option, const struct option_item *item)
{
    int64_t least = option->least_int, most = option->most_int;

    switch (option->type) {
    case TONI_TYPE_DOUBLE:
        return item->real >= option->least_double && item->real <= option->most_double;
    case TONI_TYPE_DURATION:
    case TONI_TYPE_SIZE:
        (void)option_take_quantity(option->type, option->least, &least);
        (void)option_take_quantity(option->type, option->most, &most);
        return item->integer >= least && item->integer <= most;
    case TONI_TYPE_INT:
        return item->integer >= least && item->integer <= most;
    default:
        return true;
    }
}
