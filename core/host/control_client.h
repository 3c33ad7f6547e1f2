/* The other side of the control socket: asks a host that runs. */
#ifndef HOST_CONTROL_CLIENT_H
#define HOST_CONTROL_CLIENT_H

#include "host/run.h"

/** Sends a request to the host that runs with a configuration, and prints the answer: to stdout if
 * it has done that, else to stderr.
 * @param config_path  Of its gateways.conf; of that only `control` is read, and it may be faulty.
 * @param request      A line without its end.
 * @param limit_ms     How long to wait for the answer; -1: as long as it takes.
 * @return What the host says; EXIT_FAULT if there is none, or it doesn't answer. */
enum exit_code control_ask(const char *config_path, const char *request, int limit_ms);

#endif
