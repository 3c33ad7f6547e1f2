/* The end that nobody asked for: a signal such as SIGSEGV, or a plugin that calls exit. The log
 * says which instance's call it was in, and where; then the process ends as it would have. */
#ifndef HOST_CRASH_H
#define HOST_CRASH_H

/** From now on crashes and exits of this process, not of those that it forks, are named. Once,
 * before anything of a plugin runs. What handled these signals before, such as a sanitizer, still
 * gets them. */
void crash_watch(void);

/** Functions that run at the exit run in reverse order, and plugins bring their own along: this one
 * is to be the first. To be called when plugins have been loaded. */
void crash_watch_exit(void);

/** Ends the process by SIGALRM, if a crash is being reported: the alarm that bounds the report may
 * be taken by the signals' thread. Returns if none is. @thread That which has taken SIGALRM. */
void crash_end_late(void);

/** From now on an exit is the host's own. */
void crash_expect_exit(void);

#endif
