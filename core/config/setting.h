/* Reads settings out of a tree of values and reports those that are missing, unknown or of the
 * wrong type. Knows no key itself. */
#ifndef CONFIG_SETTING_H
#define CONFIG_SETTING_H

#include "config/fault.h"

#include <stdint.h>

/** A group of settings, as it is being read. */
struct section {
    const struct value *group;
    const char *title; /* for messages, such as "module `chat`" */
    struct fault_list *faults;
};

/** Reports every setting of a group that is not among @p keys, with the key that was meant if one
 * is near. */
void section_check_keys(const struct section *section, const char *const *keys, size_t count);

/** Finds a setting that may be left out.
 * @return It, or NULL if it is not there, or is of another type, which is a fault. */
const struct value *section_get(const struct section *section, const char *key,
                                enum value_type type);

/** Finds one that may be left out, and is one of a few words.
 * @param expected  These words, for the message.
 * @return It, a string, or NULL if it is not there, or is no string, which is a fault. */
const struct value *section_get_word(const struct section *section, const char *key,
                                     const char *expected);

/** @return What a setting says that may be left out; @p standard if it is not there, or is neither
 * `true` nor `false`, which is a fault. */
bool section_get_bool(const struct section *section, const char *key, bool standard);

/** Finds a whole number that may be left out.
 * @param lowest, highest  Its range. @param number  Set if it is there and in the range.
 * @return Whether it was; else a fault says why not, unless it is not there. */
bool section_get_number(const struct section *section, const char *key, uint64_t lowest,
                        uint64_t highest, uint64_t *number);

/** Finds a setting that must be there.
 * @return It, or NULL after a fault. */
const struct value *section_need(const struct section *section, const char *key,
                                 enum value_type type);

/** Checks what a list holds.
 * @param title  Of the list, for messages.
 * @return @p item if it has that type, else NULL after a fault. */
const struct value *list_item(const struct value *item, const char *title, enum value_type type,
                              struct fault_list *faults);

#endif
