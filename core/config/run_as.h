/* `user` and `group` of gateways.conf: who the host is once it has given up root. Not about how it
 * does that; host/privileges.h is. */
#ifndef CONFIG_RUN_AS_H
#define CONFIG_RUN_AS_H

#include "config/setting.h"

#include <stdbool.h>
#include <sys/types.h>

/* Zero: the file says nothing of it. */
struct run_as {
    const struct value *at; /* `user`, a string; NULL: it is not there, or no user */
    uid_t user;
    gid_t group;
};

/** Reads both out of the top of a configuration. Neither may be root's. */
void config_run_as_read(const struct section *top, struct run_as *run_as);

/** Adds a fault if this process is somebody else: it could not become them any more. */
void config_run_as_check(const struct run_as *run_as, struct fault_list *faults);

#endif
