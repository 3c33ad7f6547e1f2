/* Reads a configuration file into a tree of values. The only place that knows libconfig; it knows
 * the syntax and no key. */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include "config/fault.h"

/** Reads a file and what it includes; `@include` is relative to the file's folder.
 * @param path    Of the file, as messages shall name it.
 * @param faults  Gets what is wrong: missing, unreadable, malformed, without any setting.
 * @return The tree, to be destroyed by value_destroy(), each value with the file and line that it
 *         came from; or NULL, and a fault was added. */
struct value *config_file_read(const char *path, struct fault_list *faults);

/** The folder that a file lies in.
 * @return To be given to free(); NULL on no memory. */
char *config_file_folder(const char *path);

#endif
