/* The server under load; see watched.h. */
#include "client/watched.h"

#include "base/clock.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATH_SIZE 96

/* Reads the first line of a file below /proc/PID. */
static bool read_line(pid_t pid, const char *name, char *line, size_t size)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "/proc/%d/%.40s", (int)pid, name);
    FILE *file = fopen(path, "re");
    bool read = file && fgets(line, (int)size, file);
    if (file)
        (void)fclose(file);
    return read;
}

/* What to do with each thread. @return Whether to go on. */
typedef bool (*on_thread)(pid_t pid, const char *thread, void *data);

/* @return Whether there was a thread, and every call said yes. */
static bool each_thread(pid_t pid, on_thread call, void *data)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    if (!threads)
        return false;
    bool all = true, any = false;
    /* cppcheck-suppress readdirCalled ; there is one thread here, and readdir_r is deprecated */
    for (const struct dirent *entry; all && (entry = readdir(threads));) {
        if (entry->d_name[0] == '.')
            continue;
        any = true;
        all = call(pid, entry->d_name, data);
    }
    (void)closedir(threads);
    return any && all;
}

/* Adds one thread's times. */
static bool add_schedstat(pid_t pid, const char *thread, void *data)
{
    struct cpu_time *time = data;
    char name[PATH_SIZE], line[128], *end = line;
    (void)snprintf(name, sizeof name, "task/%.20s/schedstat", thread);
    if (!read_line(pid, name, line, sizeof line))
        return false;
    time->used_ns += strtoull(line, &end, 10);
    time->waited_ns += strtoull(end, NULL, 10);
    return true;
}

static bool from_schedstat(pid_t pid, struct cpu_time *time)
{
    return each_thread(pid, add_schedstat, time) && time->used_ns > 0;
}

/* utime and stime are the 14th and 15th field; the second is a name in brackets, with anything in
 * it. */
static bool from_stat(pid_t pid, struct cpu_time *time)
{
    char line[1024];
    char *at = read_line(pid, "stat", line, sizeof line) ? strrchr(line, ')') : NULL;
    for (int field = 2; at && field < 14; field++) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    if (!at)
        return false;
    uint64_t ticks = strtoull(at, &at, 10);
    ticks += strtoull(at, NULL, 10);
    time->used_ns = ticks * NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
    time->waited_ns = 0;
    return true;
}

int watched_cpu(pid_t pid, struct cpu_time *time)
{
    *time = (struct cpu_time){0};
    if (from_schedstat(pid, time))
        return 0;
    *time = (struct cpu_time){0};
    return from_stat(pid, time) ? 0 : -1;
}

void watched_own_thread(struct cpu_time *time)
{
    struct timespec used = {0};
    char line[128] = "", *end = line;
    *time = (struct cpu_time){0};
    /* The kernel's file is behind by what has run since the last tick. */
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) == 0)
        time->used_ns = (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
    FILE *file = fopen("/proc/thread-self/schedstat", "re");
    if (!file)
        return;
    if (fgets(line, sizeof line, file)) {
        (void)strtoull(line, &end, 10);
        time->waited_ns = strtoull(end, NULL, 10);
    }
    (void)fclose(file);
}

static bool stands_still(pid_t pid, const char *thread, void *data)
{
    char name[PATH_SIZE], line[1024];
    (void)data;
    (void)snprintf(name, sizeof name, "task/%.20s/stat", thread);
    const char *end = read_line(pid, name, line, sizeof line) ? strrchr(line, ')') : NULL;
    return end && end[1] == ' ' && end[2] == 'T';
}

void watched_stop(pid_t pid)
{
    uint64_t start = clock_now_ns();
    if (kill(pid, SIGSTOP))
        return;
    while (!each_thread(pid, stands_still, NULL) && clock_now_ns() - start < NS_PER_S)
        (void)usleep(100);
}

void watched_continue(pid_t pid)
{
    (void)kill(pid, SIGCONT);
}

/* A line such as "Pss:   1234 kB" of a file below /proc/PID. */
static uint64_t read_kib(pid_t pid, const char *name, const char *key)
{
    char path[PATH_SIZE], line[256];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    uint64_t kib = 0;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, key, strlen(key)) == 0) {
            kib = strtoull(line + strlen(key), NULL, 10);
            break;
        }
    }
    (void)fclose(file);
    return kib;
}

uint64_t watched_memory_kib(pid_t pid)
{
    return read_kib(pid, "smaps_rollup", "Pss:");
}

uint64_t watched_peak_kib(pid_t pid)
{
    return read_kib(pid, "status", "VmHWM:");
}
