/* The log's thread: writes to stderr what others have logged, so that none of them waits for who
 * reads it. Before log_thread_start(), and after log_thread_stop(), each line is written by the
 * thread that logs it: short commands need no more.
 *
 * What the ring has no room for is lost: a line says how many, where they would have stood, and
 * log_thread_lost() counts them. */
#ifndef BASE_LOG_THREAD_H
#define BASE_LOG_THREAD_H

#include "base/log.h"

/** Begins. The thread blocks all signals. A process that is forked writes its lines itself, and has
 * none of those that wait here.
 * @return 0, or -1 without memory or threads: then all stays as it was. */
int log_thread_start(void);

/** Waits until all that was logged before is written, or has nowhere to go.
 * @param limit_ms  For so many milliseconds at most.
 * @return 0; -1: stderr has not taken it in that time. @thread Any. */
int log_thread_flush(uint64_t limit_ms);

/** Flushes, and ends the thread. If stderr does not take it in @p limit_ms, the thread is left to
 * the end of the process, and what is logged from then on is lost. */
void log_thread_stop(uint64_t limit_ms);

/** For a process that ends at once, also from a signal's handler: writes what waits, from the
 * calling thread, and as long as stderr takes it without a wait for longer than @p limit_ms. The
 * log's thread writes no more from then on. Async-signal-safe: takes no lock but by trying.
 * @thread Any. */
void log_thread_seize(uint64_t limit_ms);

/** Formats a line and writes it, after log_thread_seize(). Async-signal-safe, without a field of a
 * double. */
void log_thread_write_now(enum log_level level, const char *message, const struct log_field *fields,
                          size_t count);

/** For the sink to stderr. @return Whether the line was taken, or counted as lost; if not, there is
 * no thread, and the caller writes it. @thread Any. */
bool log_thread_put(enum log_level level, const char *line, size_t length);

/** @return How many lines were lost since the process began. @thread Any. */
uint64_t log_thread_lost(void);

#endif
