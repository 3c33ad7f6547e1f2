/* The end of the process without anybody's help: no exit handler runs, and no lock is taken, also
 * where another thread holds whatever it may. */
#ifndef BASE_PROCESS_END_H
#define BASE_PROCESS_END_H

/** Ends the process. Not by _exit(2): ThreadSanitizer flushes stderr in it, and waits for ever if a
 * thread is inside of fprintf() while nobody reads what stderr leads to.
 * @param code  The exit code. @thread Any, also in the handler of a signal. */
_Noreturn void process_end(int code);

#ifdef TONI_COVERAGE
/** Writes down what was counted until now, which otherwise only exit(3) does. Not
 * async-signal-safe: for builds that measure alone. */
void process_keep_counts(void);
#else
static inline void process_keep_counts(void)
{
}
#endif

#endif
