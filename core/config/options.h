/* The options of a plugin: whether it declares them well, whether gateways.conf sets them well, and
 * their values. Not about who reads them; instance/context.h is. */
#ifndef CONFIG_OPTIONS_H
#define CONFIG_OPTIONS_H

#include "config/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <toni/option.h>

/** More that a plugin declares mean that the NULL at the end of the list was forgotten. */
#define OPTIONS_MAX 256

/** The same, of the members that the groups of all options have. */
#define OPTION_MEMBERS_MAX 1024

/** One value, by its type. */
struct option_item {
    int64_t integer;
    double real;
    toni_str text;
    toni_str key; /* in a map */
};

/** One option of an instance. */
struct option_entry {
    const toni_option *declared;
    struct option_item value;
    struct option_item *items; /* of a list or map of plain values */
    struct options *groups;    /* of a list or map of groups: the members of each */
    size_t count;              /* of items or groups */
};

/** The options of an instance, or the members of one group among them. Zero is none. */
struct options {
    const char *key; /* of a group in a map; else NULL */
    struct option_entry *options;
    size_t count;
    char **paths; /* that were put together for them */
    size_t path_count;
};

/** @return How messages call a type, such as "an integer". */
const char *option_type_name(uint32_t type);

/** @return The word of a type for `toni describe`, such as "int". */
const char *option_type_word(uint32_t type);

/** Checks what a plugin declares.
 * @param declared  Ends with NULL; NULL: none.
 * @param path      Of its library, for messages.
 * @param at        Where that is named.
 * @return Whether no fault was found. */
bool options_check_declared(const toni_option *const *declared, const char *path,
                            const struct value *at, struct fault_list *faults);

/** Checks what a provider sets of what its plugin declares.
 * @param declared  Without a fault.
 * @param group     Its group `options`; NULL: it has none.
 * @param at        The provider.
 * @param title     Of the group, for messages. */
void options_check(const toni_option *const *declared, const struct value *group,
                   const struct value *at, const char *title, struct fault_list *faults);

/** Reads the values, once they are checked.
 * @param options   Filled in; refers to both of those.
 * @param folder    What paths are relative to.
 * @return 0; -1 on no memory, with nothing to finish. */
int options_read(struct options *options, const toni_option *const *declared,
                 const struct value *group, const char *folder);

void options_finish(struct options *options);

/** @return The option of that name; NULL: it is not declared. */
const struct option_entry *options_find(const struct options *options, toni_str name);

#endif
