/* `toni bench`, for users. */
#ifndef COMMAND_BENCH_H
#define COMMAND_BENCH_H

/** @return The exit code: 0 all is right, 1 something was wrong or can't be measured, 2 a bad
 * command line. */
int bench(int argc, char **argv);

#endif
