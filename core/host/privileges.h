/* What a host may do beyond what any user may: it is given up before anything of a plugin runs.
 * What needs it is done before: addresses are bound on which only root may listen.
 *
 * All of it belongs to a thread, as the kernel sees it (capabilities, the bounding set,
 * no_new_privs), so it is done while there is one thread, whose rights all others then have. */
#ifndef HOST_PRIVILEGES_H
#define HOST_PRIVILEGES_H

#include "host/run.h"
#include "net/inherited.h"

#include <stdbool.h>
#include <stdio.h>

/** Gives up root and all capabilities. A process that has neither changes nothing but that it can't
 * get any (no_new_privs). Of the configuration it looks at `user`, `group` and `listen`: all else
 * is read later, as the user that the host is then.
 * @param may_be_root  Stays root where the configuration has no `user`.
 * @param inherited    Gets the sockets of addresses that the host could not bind later. NULL:
 *                     nothing is bound.
 * @param also         Faults are printed there, too; NULL is fine.
 * @return EXIT_CLEAN; else it has been said what is wrong, and the process must go no further.
 * @thread The only one that there is. */
enum exit_code privileges_give_up(const char *config_path, bool may_be_root,
                                  struct inherited *inherited, FILE *also);

#endif
