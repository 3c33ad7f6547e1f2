/* How a line gets to stderr: in one system call, and under systemd with its priority. Not about who
 * does it, and when: log_thread.h. */
#ifndef BASE_LOG_STDERR_H
#define BASE_LOG_STDERR_H

#include "base/log.h"

/** Looks whether stderr is the journal (JOURNAL_STREAM, as in sd-daemon(3)): then each line begins
 * with its priority, such as `<4>`. Once, before there are other threads. */
void log_stderr_look(void);

/** Writes a line, and waits for stderr to take it. What it refuses, on a disk that is full, is
 * lost.
 * @return 0; -1: not all of the line was written. @thread Any. */
int log_stderr_write(enum log_level level, const char *line, size_t length);

/** The same for one that can't wait.
 * @param until_ns  Of clock_now_ns(); how long to wait for room. Async-signal-safe.
 * @return 0; -1: it has no room for it until then. */
int log_stderr_write_until(enum log_level level, const char *line, size_t length,
                           uint64_t until_ns);

#endif
