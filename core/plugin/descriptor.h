/* The descriptor that a library hands out: may this host use it? Not about how it was loaded. */
#ifndef PLUGIN_DESCRIPTOR_H
#define PLUGIN_DESCRIPTOR_H

#include "config/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <toni/plugin.h>

/** Checks a descriptor by the rules of toni/abi.h and copies as much of it as both sides know.
 *
 * Flags that this host doesn't know are no fault: a plugin that can't do without one says so by the
 * minor that it needs, so the others are hints that an older host may well miss.
 * @param found   From toni_plugin_entry; may be NULL. What it points to must live as long as @p
 * copy.
 * @param path    Of the library, for messages.
 * @param at      The setting that names the library.
 * @param copy    Filled in; zero in what the plugin is too old to have.
 * @param faults  Added to.
 * @return Whether no fault was found. */
bool descriptor_check(const toni_plugin *found, const char *path, const struct value *at,
                      toni_plugin *copy, struct fault_list *faults);

/** @return How many needs a list has. @param needs  Ends with NULL; NULL is an empty one. */
size_t needs_count(const toni_dependency *const *needs);

#endif
