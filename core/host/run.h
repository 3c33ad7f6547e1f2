/* `toni run`: the life of the host, from its configuration to its end. */
#ifndef HOST_RUN_H
#define HOST_RUN_H

#include <stdbool.h>

/* Exit codes of the program. */
enum exit_code {
    EXIT_CLEAN = 0,
    EXIT_FAULT = 1, /* something failed while running */
    EXIT_USAGE = 2, /* a bad command line or configuration */
};

/** Runs the host until a signal stops it.
 * @param may_be_root  If it is root, and is told nobody to become, it stays that.
 * @return The program's exit code. */
enum exit_code host_run(const char *config_path, bool may_be_root);

#endif
