/* Makes a plan of options, if they make sense together. */
#ifndef COMMAND_CHECKS_H
#define COMMAND_CHECKS_H

#include "command/options.h"

/* A mark tells no more rooms apart. */
#define CHECKS_CONNECTIONS_MAX 1000000U

#define CHECKS_SIZE_MAX (64U << 20)

/* What the name of a field consists of, RFC 9110, section 5.6.2. */
#define CHECKS_TOKEN "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/** Fills in what was not said, and looks up the URL.
 * @return NULL, or what is wrong, which lives as long as the process. */
const char *checks_run(struct options *options);

#endif
