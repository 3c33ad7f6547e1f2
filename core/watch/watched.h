/* The host's side of `toni run --watch`: how a host knows that it is watched, and what it does
 * otherwise then. */
#ifndef WATCH_WATCHED_H
#define WATCH_WATCHED_H

#include <sys/types.h>

/** The variable of its environment that says by which process. */
#define WATCHED_VARIABLE "TONI_WATCHED_BY"

/** `watchdog_ms` of a watched host whose configuration has none: one that hangs is ended, so that
 * the next save is served. */
#define WATCHED_HANG_MS 5000

/** Reads the variable and removes it: nobody whom the host starts is watched. Before other threads
 * begin. @return The process; 0: it is watched by none. */
pid_t watched_by(void);

/** From now on this process gets SIGTERM when the watch ends, however that does; at once if it has
 * already. The kernel forgets it when a process becomes another user, so it is to be said after
 * that.
 * @param watch  0: does nothing. @thread Main. */
void watched_follow(pid_t watch);

#endif
