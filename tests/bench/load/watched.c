/* The server under load; see watched.h. */
#include "watched.h"

#include "clock.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 96

/* Adds one thread's times. */
static bool add_schedstat(pid_t pid, const char *thread, struct cpu_time *time)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "/proc/%d/task/%.20s/schedstat", (int)pid, thread);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    char line[128], *end = line;
    bool read = fgets(line, sizeof line, file);
    (void)fclose(file);
    if (!read)
        return false;
    time->used_ns += strtoull(line, &end, 10);
    time->waited_ns += strtoull(end, NULL, 10);
    return true;
}

static bool from_schedstat(pid_t pid, struct cpu_time *time)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    if (!threads)
        return false;
    bool any = false;
    /* cppcheck-suppress readdirCalled ; there is one thread, and readdir_r is deprecated */
    for (const struct dirent *entry; (entry = readdir(threads));) {
        if (entry->d_name[0] != '.')
            any = add_schedstat(pid, entry->d_name, time) || any;
    }
    (void)closedir(threads);
    return any && time->used_ns > 0;
}

/* utime and stime are the 14th and 15th field; the second is a name in brackets, with anything in
 * it. */
static bool from_stat(pid_t pid, struct cpu_time *time)
{
    char path[PATH_SIZE], line[1024];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool read = fgets(line, sizeof line, file);
    (void)fclose(file);
    char *at = read ? strrchr(line, ')') : NULL;
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
    return from_schedstat(pid, time) || from_stat(pid, time) ? 0 : -1;
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
