/* What the command line of `toni bench` says before it is made sense of. */
#ifndef COMMAND_OPTIONS_H
#define COMMAND_OPTIONS_H

#include "command/plan.h"

struct options {
    struct plan *plan;
    double slow;                               /* share of the connections */
    const char *message, *join, *event, *data; /* NULL: not said */
    const char *subprotocol;
    struct target sources; /* has these, and nothing else */
};

#endif
