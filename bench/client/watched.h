/* What the server under load costs: its processor time and memory as /proc has them. And the
 * generator's own. */
#ifndef CLIENT_WATCHED_H
#define CLIENT_WATCHED_H

#include <stdint.h>
#include <sys/types.h>

/* Times since the process was started. */
struct cpu_time {
    uint64_t used_ns;
    uint64_t waited_ns; /* ready to run, while others had the core */
};

/** The sum over all threads of a process, to the nanosecond from schedstat; where the kernel has
 * none, from stat (utime + stime), in ticks of mostly 10 ms, and without what was waited.
 * @return 0, or -1 if there is no such process. */
int watched_cpu(pid_t pid, struct cpu_time *time);

/** The times of the thread that calls, since it was started; without what was waited, where the
 * kernel does not tell. */
void watched_own_thread(struct cpu_time *time);

/** Stops a process, and returns once all its threads stand still; or lets it go on. */
void watched_stop(pid_t pid);
void watched_continue(pid_t pid);

/** @return The process's share of memory (Pss), in KiB; 0 if it can't be read. */
uint64_t watched_memory_kib(pid_t pid);

/** @return The most that was ever resident (VmHWM), in KiB; 0 if it can't be read. */
uint64_t watched_peak_kib(pid_t pid);

#endif
