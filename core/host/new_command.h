/* `toni new`: its command line, and what it says. What it writes: new/project.h. */
#ifndef HOST_NEW_COMMAND_H
#define HOST_NEW_COMMAND_H

#include "host/run.h"

/** Runs it.
 * @param arguments  From `new` on; the first is replaced. */
enum exit_code new_command(int count, char **arguments);

#endif
