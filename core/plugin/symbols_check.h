/* Does a library show more than its one symbol? What it shows may be taken from elsewhere: a
 * function of the same name in a library of the host's is called in its place. */
#ifndef PLUGIN_SYMBOLS_CHECK_H
#define PLUGIN_SYMBOLS_CHECK_H

#include "config/fault.h"

/** Warns of it, with the first names.
 * @param fd      Of a file that elf_check() has let pass.
 * @param path    Of the library.
 * @param at      The setting that names it.
 * @param faults  Warnings are added. */
void symbols_check(int fd, const char *path, const struct value *at, struct fault_list *faults);

#endif
