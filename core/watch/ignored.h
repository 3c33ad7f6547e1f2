/* Which changes of files are no save: what editors keep beside a file, and what compilers and CMake
 * make. By the name alone. */
#ifndef WATCH_IGNORED_H
#define WATCH_IGNORED_H

#include <stdbool.h>

/** @param name  Of a file or folder, without the folders before it.
 * @return Whether its changes, and those of all below it, are none of a source. */
bool ignored_name(const char *name);

#endif
