/* Socket activation: listening sockets from the service manager, by the protocol of
 * sd_listen_fds(3). */
#ifndef HOST_ACTIVATION_H
#define HOST_ACTIVATION_H

#include "net/inherited.h"

/** Takes what the service manager has opened for this process, and removes what says so from the
 * environment. Before other threads begin.
 * @param inherited  The listening stream sockets are added here; others are named in the log, and
 *                   closed.
 * @return 0, or -1, which is logged. */
int activation_receive(struct inherited *inherited);

#endif
