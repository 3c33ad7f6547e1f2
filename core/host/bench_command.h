/* `toni bench`: hands over to the load generator, a program of its own (bench/), so that a host
 * holds nothing of it. */
#ifndef HOST_BENCH_COMMAND_H
#define HOST_BENCH_COMMAND_H

#include "host/run.h"

/** Executes the generator.
 * @param arguments  From `bench` on; the first is replaced. @return Only if it can't. */
enum exit_code bench_command(int count, char **arguments);

#endif
