/* `watch` of gateways.conf: what `toni run --watch` looks at, and how it builds. */
#ifndef CONFIG_WATCH_H
#define CONFIG_WATCH_H

#include "config/setting.h"

#include <stddef.h>

/** More are a fault: folders below them are watched by themselves. */
#define CONFIG_WATCH_PATHS_MAX 64

struct config_watch {
    const char *build; /* a command for sh(1), run in the folder of the file; NULL: none is named.
                          Borrowed from the tree */
    char **paths;      /* files and folders */
    size_t path_count; /* 0: none are named */
};

/** Reads it out of the top of a configuration.
 * @param folder  Of the file: what `paths` are relative to.
 * @param watch   Filled in, to be given to config_watch_finish().
 * @return 0, or -1 on no memory. */
int config_watch_read(const struct section *top, const char *folder, struct config_watch *watch);

/** Frees what @p watch holds. */
void config_watch_finish(struct config_watch *watch);

#endif
