/* One value of an option, by its type: taken from gateways.conf or from its default, and its range.
 * What options.c and options_declared.c share. */
#ifndef CONFIG_OPTION_VALUE_H
#define CONFIG_OPTION_VALUE_H

#include "base/value.h"
#include "config/options.h"

#define OPTION_RANGE_SIZE 160

/** @return Whether a value of that type is one setting, and holds no others. */
bool option_is_plain(uint32_t type);

/** @return Whether it is a list or a map. */
bool option_has_items(uint32_t type);

/** A duration or a size, as text. @return Whether it is one. */
bool option_take_quantity(uint32_t type, toni_str text, int64_t *number);

/** @param type  Of a plain value. @return Whether the setting is of that type. */
bool option_take(uint32_t type, const struct value *setting, struct option_item *item);

/** The default of a plain value; its texts are written well. */
void option_take_default(const toni_option *option, struct option_item *item);

/** @return Whether the option has a range, with its text. */
bool option_describe_range(const toni_option *option, char text[OPTION_RANGE_SIZE]);

bool option_is_in_range(const toni_option *option, const struct option_item *item);

#endif
