/* How the plugins of a configuration are built, and out of what: a command that it names, or a
 * build folder of CMake's near it. Starts nothing. */
#ifndef WATCH_BUILD_H
#define WATCH_BUILD_H

#include "config/watch.h"

#include <stddef.h>

struct build_way {
    char *arguments[6];  /* of the process; ends with NULL. The first is NULL: no way was found */
    char *text;          /* what a person would type */
    char *build_folder;  /* absolute; NULL: not known */
    char *source_folder; /* that CMake builds from, absolute; NULL: not known */
};

/** Looks for it.
 * @param folder  Of the configuration; absolute.
 * @param watch   Of it.
 * @param way     Filled in, to be given to build_finish().
 * @return 0, or -1 on no memory. */
int build_find(const char *folder, const struct config_watch *watch, struct build_way *way);

void build_finish(struct build_way *way);

#endif
