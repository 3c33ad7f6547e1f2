/* `toni run --watch`: a small process that has no plugin in it. It looks at the sources of the
 * plugins, builds them when something is saved, and has the host, a child of it, reload; so a
 * plugin that crashes or hangs the host is survived. */
#ifndef WATCH_WATCH_H
#define WATCH_WATCH_H

#include <stdbool.h>

struct watch_plan {
    const char *config_path;
    const char *log_level; /* of the host; NULL: the default */
    bool may_be_root;      /* the host */
};

/** Watches until SIGINT, SIGTERM or SIGHUP. @return The program's exit code. */
int watch_run(const struct watch_plan *plan);

#endif
