/* Maps a copy of a library and asks it what it is. The only place that calls dlopen: in the process
 * that tries it (trial.h), and then in the host. */
#ifndef PLUGIN_LIBRARY_MAP_H
#define PLUGIN_LIBRARY_MAP_H

#include "config/fault.h"

#include <stdbool.h>
#include <toni/plugin.h>

/** Maps a copy. Its constructors run, and may take any time.
 * @param copy    Path of the copy.
 * @param path    Of the original, for messages.
 * @param at      The setting that names it, for faults.
 * @param faults  Gets why it can't be mapped.
 * @return dlopen's handle; NULL after a fault. */
void *library_map(const char *copy, const char *path, const struct value *at,
                  struct fault_list *faults);

/** Asks a library what it is, and checks that.
 * @param handle      From library_map().
 * @param descriptor  Filled in; what it points to is the library's.
 * @return Whether no fault was found. */
bool library_describe(void *handle, const char *path, const struct value *at,
                      toni_plugin *descriptor, struct fault_list *faults);

/** Unmaps; what has threads or timers of its own must stay. */
void library_unmap(void *handle);

/** Tells whether something of that name, or soname, is mapped. */
bool library_is_mapped(const char *name);

#endif
