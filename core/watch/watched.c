/* Being watched; see watched.h. */
#include "watch/watched.h"

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

pid_t watched_by(void)
{
    const char *text = getenv(WATCHED_VARIABLE);
    char *end = NULL;
    const long pid = text ? strtol(text, &end, 10) : 0;
    const bool is_number = text && end != text && *end == '\0' && pid > 0 && pid <= INT_MAX;
    (void)unsetenv(WATCHED_VARIABLE);
    return is_number ? (pid_t)pid : 0;
}

void watched_follow(pid_t watch)
{
    if (watch == 0)
        return;
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (getppid() != watch)
        (void)kill(getpid(), SIGTERM);
}
