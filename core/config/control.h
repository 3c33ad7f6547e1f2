/* `control` of gateways.conf: where the host's control socket is. Read for the host with all the
 * rest, and alone for who wants to talk to a host whatever else its file says. */
#ifndef CONFIG_CONTROL_H
#define CONFIG_CONTROL_H

#include "config/setting.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/un.h>

/** What a host appends to the path of its socket until it puts that in place: a dot and its pid.
 */
#define CONTROL_SUFFIX_LONGEST (sizeof ".4194304" - 1)

/** The longest path: with the suffix it fits into an address. */
#define CONTROL_PATH_LONGEST                                                                       \
    (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1 - CONTROL_SUFFIX_LONGEST)

struct config_control {
    char *path;      /* NULL: switched off */
    bool is_default; /* the file names none; then it may be longer than CONTROL_PATH_LONGEST */
};

/** Reads it out of the top of a configuration.
 * @param folder   Of the file.
 * @param control  Filled in, to be given to config_control_finish(); the default after a fault.
 * @return 0, or -1 on no memory. */
int config_control_read(const struct section *top, const char *folder,
                        struct config_control *control);

/** Reads it out of a file that may be missing or faulty; then it is the default.
 * @param config_path  Of the gateways.conf.
 * @param control      As above.
 * @return 0, or -1 on no memory. */
int config_control_find(const char *config_path, struct config_control *control);

/** Frees what @p control holds. */
void config_control_finish(struct config_control *control);

#endif
