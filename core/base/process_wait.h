/* Waiting for the end of a process that this one has started. */
#ifndef BASE_PROCESS_WAIT_H
#define BASE_PROCESS_WAIT_H

#include <stdbool.h>
#include <sys/types.h>

/** @param pid  A child of this process, not reaped yet.
 * @return Whether it has ended; it can still be reaped then. @thread Any. */
bool process_has_ended(pid_t pid);

/** Waits until a child has ended. @return How, as waitpid(2) tells it. @thread Any. */
int process_reap(pid_t pid);

#endif
