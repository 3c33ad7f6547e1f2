/* The metrics of the process: its build, whether it is ready, and what Prometheus expects of every
 * process, under the names that its client libraries use. What can't be found out is left out. */
#include "base/clock.h"
#include "http/metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <toni/abi.h>
#include <unistd.h>
#include <uv.h>

#define TEXT(macro) TEXT_OF(macro)
#define TEXT_OF(text) #text

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

static void write_build(struct exposition *exposition, const struct metrics_process *process)
{
    exposition_family(exposition, "toni_build_info", "gauge",
                      "Always 1; the labels say what runs.");
    exposition_number(exposition,
                      LABELS({"version", TONI_VERSION},
                             {"abi", TEXT(TONI_ABI_MAJOR) "." TEXT(TONI_ABI_MINOR)},
                             {"compiler", COMPILER}, {"libmicrohttpd", process->libmicrohttpd},
                             {"libuv", uv_version_string()}),
                      1);
    exposition_gauge(exposition, "toni_ready",
                     "1: ready; 0: starting or draining, or what /readyz says 503 for.",
                     process->is_ready);
}

/* @return How many descriptors are open, but for the one that this takes; -1: not known. */
static int64_t open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return -1;
    int64_t count = -1;
    /* cppcheck-suppress readdirCalled ; on a stream that no other thread has it is safe (glibc) */
    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 2; /* `.` and `..` */
}

static void write_descriptors(struct exposition *exposition)
{
    const int64_t count = open_descriptors();
    struct rlimit limit;
    if (count >= 0)
        exposition_gauge(exposition, "process_open_fds", "Open file descriptors.", (uint64_t)count);
    if (!getrlimit(RLIMIT_NOFILE, &limit))
        exposition_gauge(exposition, "process_max_fds", "How many file descriptors may be open.",
                         limit.rlim_cur);
}

static void write_memory(struct exposition *exposition)
{
    unsigned long long pages, resident;
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return;
    char line[128];
    const char *read = fgets(line, sizeof line, file);
    (void)fclose(file);
    /* NOLINTNEXTLINE(cert-err34-c): the kernel writes numbers */
    if (!read || sscanf(line, "%llu %llu", &pages, &resident) != 2)
        return;
    exposition_gauge(exposition, "process_virtual_memory_bytes", "Virtual memory.", pages * page);
    exposition_gauge(exposition, "process_resident_memory_bytes", "Resident memory.",
                     resident * page);
}

static void write_times(struct exposition *exposition, const struct metrics_process *process)
{
    struct timespec used;
    if (!clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used)) {
        exposition_family(exposition, "process_cpu_seconds_total", "counter",
                          "Processor time, of user and system.");
        exposition_seconds(exposition, NO_LABELS,
                           (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec);
    }
    exposition_family(exposition, "process_start_time_seconds", "gauge",
                      "When the process started, since the Unix epoch.");
    exposition_seconds(exposition, NO_LABELS, (uint64_t)process->started_ms * NS_PER_MS);
}

void metrics_write_process(struct exposition *exposition, const struct metrics_process *process)
{
    write_build(exposition, process);
    write_descriptors(exposition);
    write_memory(exposition);
    write_times(exposition, process);
}
