/* Descriptors; see descriptors.h. */
#include "host/descriptors.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

/* What the host needs beside its connections: listeners, loops, libraries, the log. */
#define OTHER_DESCRIPTORS 64

/* Without these libwebsockets makes half a context, and does not come to an end with it. */
#define LEAST_DESCRIPTORS 24
#define LEAST_PER_WORKER 8

/* libwebsockets has an entry for each in a table of each worker; and where the limit is above ten
 * million, as containers have it, it takes it for a mistake and serves 2,560. */
#define MOST_DESCRIPTORS 1048576

static rlim_t most_useful(uint64_t connections)
{
    uint64_t needed = connections + OTHER_DESCRIPTORS;
    return needed > MOST_DESCRIPTORS ? needed : MOST_DESCRIPTORS;
}

int descriptors_raise(uint64_t connections, uint32_t workers)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return 0;
    rlim_t soft = limit.rlim_cur;
    rlim_t most = most_useful(connections);
    limit.rlim_cur = limit.rlim_max < most ? limit.rlim_max : most;
    if (soft != limit.rlim_cur && setrlimit(RLIMIT_NOFILE, &limit)) {
        log_warn("the limit of open files could not be changed", log_str("error", strerror(errno)));
        limit.rlim_cur = soft;
    }
    if (limit.rlim_cur < LEAST_DESCRIPTORS + (uint64_t)workers * LEAST_PER_WORKER) {
        log_error("too few files may be open to start: raise the hard limit (`ulimit -Hn`, or "
                  "LimitNOFILE= in systemd), or lower `workers`",
                  log_uint("open_files", limit.rlim_cur), log_uint("workers", workers));
        return -1;
    }
    if (limit.rlim_cur < connections + OTHER_DESCRIPTORS) {
        log_warn("fewer files may be open than limits.connections and limits.http_connections "
                 "need: raise the hard limit (`ulimit -Hn`, or LimitNOFILE= in systemd), or lower "
                 "them",
                 log_uint("open_files", limit.rlim_cur), log_uint("connections", connections));
    }
    return 0;
}
