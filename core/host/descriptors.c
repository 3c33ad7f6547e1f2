/* Descriptors; see descriptors.h. */
#include "host/descriptors.h"

#include "base/log.h"
#include "host/control.h"
#include "http/admin.h"
#include "http/linger.h"
#include "http/listener.h"
#include "instance/watches.h"
#include "net/places.h"
#include "net/server.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

/* With fewer the host can't be made at all. */
#define LEAST_DESCRIPTORS 24
#define LEAST_PER_WORKER 8

/* How many a host has open before the first client, where that can't be counted: listeners,
 * loops, the log. */
#define USUALLY_OPEN 64

/* For what is opened now and then: a library and its copy at a reload, the pair of sockets of a
 * restart, files of plugins. */
#define OCCASIONAL 32

/* The loop of the cluster's thread. */
#define FOR_CLUSTER 3

/* An epoll and an eventfd for each thread that is started after the counting. */
#define PER_HTTP_THREAD 2

/* Containers have limits of ten million and more; no host serves as many clients, and others that
 * are started from here may have a table entry for each. */
#define MOST_DESCRIPTORS 1048576

/* --- Who needs how many */

/* Adds the sockets that were ended and are not closed yet. */
static uint64_t for_places(uint64_t places)
{
    return places + places_spare(places);
}

/* With TLS each client has two more, the pair of http/tls_front.h. */
#define PER_TLS_CLIENT 2

/* Adds the copies of sockets that are read to their end (http/linger.h). */
static uint64_t for_http_address(uint64_t connections)
{
    const uint64_t most = HTTP_LINGER_MAX + HTTP_LINGER_WAITING_MAX;
    uint64_t lingering = connections < most ? connections : most;
    return for_places(connections) + lingering;
}

static uint64_t for_tls_address(uint64_t connections)
{
    return for_http_address(connections) + PER_TLS_CLIENT * for_places(connections);
}

typedef uint64_t needed_for(uint64_t connections);

static needed_for *for_address(const struct descriptor_demand *demand)
{
    return demand->is_tls ? for_tls_address : for_http_address;
}

static uint64_t for_all_clients(const struct descriptor_demand *demand)
{
    return for_places(demand->limits->connections + SERVER_HANDSHAKES_MAX) +
           demand->http_addresses * for_address(demand)(demand->limits->http_connections);
}

/* Each kind has one place at least, and WebSocket one more for handshakes. */
static uint64_t for_fewest_clients(const struct descriptor_demand *demand)
{
    return for_places(2) + demand->http_addresses * for_address(demand)(1);
}

static uint64_t in_reserve(const struct descriptor_demand *demand)
{
    return CONTROL_REQUESTS_MAX + OCCASIONAL + WATCHES_MOST +
           demand->admin_addresses * for_address(demand)(HTTP_ADMIN_CONNECTIONS) +
           demand->http_addresses * HTTP_THREADS_MAX * PER_HTTP_THREAD;
}

/* --- Raising the limit */

static rlim_t most_useful(const struct descriptor_demand *demand)
{
    uint64_t needed = for_all_clients(demand) + in_reserve(demand) + demand->engine + USUALLY_OPEN +
                      (uint64_t)demand->workers * LEAST_PER_WORKER;
    return needed > MOST_DESCRIPTORS ? needed : MOST_DESCRIPTORS;
}

static uint64_t least_to_start(const struct descriptor_demand *demand)
{
    return LEAST_DESCRIPTORS + (uint64_t)demand->workers * LEAST_PER_WORKER +
           (demand->engine > 0 ? FOR_CLUSTER + demand->engine : 0);
}

int descriptors_raise(const struct descriptor_demand *demand)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return 0;
    rlim_t soft = limit.rlim_cur;
    rlim_t most = most_useful(demand);
    limit.rlim_cur = limit.rlim_max < most ? limit.rlim_max : most;
    if (soft != limit.rlim_cur && setrlimit(RLIMIT_NOFILE, &limit)) {
        log_warn("the limit of open files could not be changed", log_str("error", strerror(errno)));
        limit.rlim_cur = soft;
    }
    if (limit.rlim_cur < least_to_start(demand)) {
        log_error("too few files may be open to start: raise the hard limit (`ulimit -Hn`, or "
                  "LimitNOFILE= in systemd), or lower `workers`",
                  log_uint("open_files", limit.rlim_cur), log_uint("workers", demand->workers),
                  log_uint("needed", least_to_start(demand)));
        return -1;
    }
    return 0;
}

/* --- Sharing out */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* @return The largest number, from 1 to @p most, for which @p needed is no more than @p left; 1 if
 * there is none. */
static uint64_t what_fits(uint64_t left, uint64_t most, uint64_t (*needed)(uint64_t number))
{
    uint64_t fits = 1, too_many = most + 1;
    while (too_many - fits > 1) {
        uint64_t middle = fits + (too_many - fits) / 2;
        if (needed(middle) <= left)
            fits = middle;
        else
            too_many = middle;
    }
    return fits;
}

bool descriptors_are_enough(uint64_t left, const struct descriptor_demand *demand)
{
    return left >= demand->engine + for_fewest_clients(demand);
}

/* If there is not enough for both, HTTP gets a quarter at most, and WebSocket what HTTP does not
 * need. Of the places of WebSocket a quarter at most is for handshakes. */
bool descriptors_share_out(uint64_t left, const struct descriptor_demand *demand,
                           struct descriptor_shares *shares)
{
    const struct limits *limits = demand->limits;
    *shares = (struct descriptor_shares){.connections = limits->connections,
                                         .handshakes = SERVER_HANDSHAKES_MAX,
                                         .http_connections = limits->http_connections};
    if (for_all_clients(demand) <= left)
        return false;
    if (demand->http_addresses > 0) {
        shares->http_connections = what_fits(left / 4 / demand->http_addresses,
                                             limits->http_connections, for_address(demand));
        left -= least(left, demand->http_addresses * for_address(demand)(shares->http_connections));
    }
    uint64_t places = what_fits(left, limits->connections + SERVER_HANDSHAKES_MAX, for_places);
    shares->handshakes = least(SERVER_HANDSHAKES_MAX, places / 4 + 1);
    shares->connections =
        places > shares->handshakes ? least(limits->connections, places - shares->handshakes) : 1;
    return true;
}

/* @return How many are open. */
static uint64_t count_open(const struct descriptor_demand *demand)
{
    uint64_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return USUALLY_OPEN + (uint64_t)demand->workers * LEAST_PER_WORKER;
    /* cppcheck-suppress readdirCalled ; on a stream that no other thread has it is safe (glibc) */
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    (void)closedir(folder);
    return count - 1; /* the folder itself */
}

enum descriptors_fit descriptors_share(const struct descriptor_demand *demand,
                                       struct descriptor_shares *shares)
{
    struct rlimit limit = {.rlim_cur = RLIM_INFINITY};
    (void)getrlimit(RLIMIT_NOFILE, &limit); /* if it fails, there is none to be found */
    uint64_t open = count_open(demand);
    uint64_t left = limit.rlim_cur > open ? limit.rlim_cur - open : 0;
    uint64_t reserve = in_reserve(demand);
    if (demand->engine > 0 && !descriptors_are_enough(left, demand)) {
        log_error("too few files may be open for the cluster's engine and any client: raise the "
                  "hard limit (`ulimit -Hn`, or LimitNOFILE= in systemd), or lower `workers`",
                  log_uint("open_files", limit.rlim_cur),
                  log_uint("needed", open + demand->engine + for_fewest_clients(demand)));
        return DESCRIPTORS_TOO_FEW;
    }
    left -= demand->engine;
    left -= least(reserve, left / 2); /* of very few clients get some, too */
    if (!descriptors_share_out(left, demand, shares))
        return DESCRIPTORS_FIT;
    log_warn("fewer files may be open than the limits need, so they are lowered: raise the hard "
             "limit (`ulimit -Hn`, or LimitNOFILE= in systemd), or lower limits.connections and "
             "limits.http_connections",
             log_uint("open_files", limit.rlim_cur),
             log_uint("needed", open + demand->engine + reserve + for_all_clients(demand)),
             log_uint("connections", shares->connections),
             log_uint("http_connections", shares->http_connections));
    return DESCRIPTORS_LOWERED;
}
