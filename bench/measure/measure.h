/* `toni-bench measure`, for scripts/bench and scripts/soak: a load of so many messages, checked
 * whole, and what it cost the server. Not for users: that is command/bench.h. */
#ifndef MEASURE_MEASURE_H
#define MEASURE_MEASURE_H

/** @return 0 if everything came as it should, 3 if not, 1 if it could not be done. */
int measure(int argc, char **argv);

#endif
