/* Each check on its own; messages name the section, the key, what was found and what was expected.
 */
#include "config/setting.h"

#include "base/buffer.h"
#include "config/name.h"

#include <inttypes.h>
#include <string.h>

static bool is_among(const char *name, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, keys[i]) == 0)
            return true;
    }
    return false;
}

static void report_unknown(const struct section *section, const struct value *setting,
                           const char *const *keys, size_t count)
{
    const char *nearest = name_nearest(value_name(setting), keys, count);
    struct buffer list;

    if (nearest) {
        fault_at(section->faults, setting, "unknown setting `%s` in %s; did you mean `%s`?",
                 value_name(setting), section->title, nearest);
        return;
    }
    buffer_init(&list);
    for (size_t i = 0; i < count; i++) {
        /* Without memory the message is short of a key; it still says what is wrong. */
        (void)buffer_appendf(&list, "%s`%s`", i > 0 ? ", " : "", keys[i]);
    }
    fault_at(section->faults, setting, "unknown setting `%s` in %s; expected one of %.*s",
             value_name(setting), section->title, (int)list.length,
             list.length > 0 ? list.bytes : "");
    buffer_finish(&list);
}

void section_check_keys(const struct section *section, const char *const *keys, size_t count)
{
    for (const struct value *setting = value_first(section->group); setting;
         setting = value_next(setting)) {
        if (!is_among(value_name(setting), keys, count))
            report_unknown(section, setting, keys, count);
    }
}

static const struct value *get(const struct section *section, const char *key, enum value_type type,
                               const char *expected)
{
    const struct value *setting = value_get(section->group, key);

    if (!setting || value_type(setting) == type)
        return setting;
    fault_at(section->faults, setting, "`%s` of %s is %s, expected %s", key, section->title,
             value_type_name(value_type(setting)), expected);
    return NULL;
}

const struct value *section_get(const struct section *section, const char *key,
                                enum value_type type)
{
    return get(section, key, type, value_type_name(type));
}

const struct value *section_get_word(const struct section *section, const char *key,
                                     const char *expected)
{
    return get(section, key, VALUE_STRING, expected);
}

bool section_get_bool(const struct section *section, const char *key, bool standard)
{
    const struct value *setting = section_get(section, key, VALUE_BOOL);

    return setting ? value_bool(setting) : standard;
}

bool section_get_number(const struct section *section, const char *key, uint64_t lowest,
                        uint64_t highest, uint64_t *number)
{
    const struct value *setting = section_get(section, key, VALUE_INT);
    if (!setting)
        return false;

    const int64_t found = value_int(setting);
    if (found < 0 || (uint64_t)found < lowest || (uint64_t)found > highest) {
        fault_at(section->faults, setting,
                 "`%s` of %s is %" PRId64 ", expected %" PRIu64 " to %" PRIu64, key, section->title,
                 found, lowest, highest);
        return false;
    }
    *number = (uint64_t)found;
    return true;
}

const struct value *section_need(const struct section *section, const char *key,
                                 enum value_type type)
{
    if (!value_get(section->group, key)) {
        fault_at(section->faults, section->group, "%s lacks `%s`, expected %s; add it",
                 section->title, key, value_type_name(type));
        return NULL;
    }
    return section_get(section, key, type);
}

const struct value *list_item(const struct value *item, const char *title, enum value_type type,
                              struct fault_list *faults)
{
    if (value_type(item) == type)
        return item;
    fault_at(faults, item, "%s holds %s, expected only %ss", title,
             value_type_name(value_type(item)),
             strchr(value_type_name(type), ' ') + 1); /* "a string" -> "strings" */
    return NULL;
}
