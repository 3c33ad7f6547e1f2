/* Looks after the workers: one that is held up is named in the log while it is, after
 * `callback_ms`; after `watchdog_ms`, if that is set, it ends the host, so that a service manager
 * starts it anew. Tells the service manager that all is well, if it asks for that. A timer of the
 * main loop, so that a main loop that hangs tells nothing. */
#ifndef HOST_WATCHDOG_H
#define HOST_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct clustering;
struct server;

/* One that is held up, as it was found first. */
struct watched {
    uint64_t since_ns; /* since when */
    uint64_t stood_ns; /* for how long the process had stood still until then */
};

struct watchdog {
    uv_timer_t timer;
    const struct server *server;   /* its limits are read anew at each look */
    struct clustering *clustering; /* NULL: the host is alone */
    uint64_t told_engine_ns;       /* since when the engine's call runs that was told last */
    uint64_t hang_ms;       /* what `watchdog_ms` is where the configuration has none; 0: none */
    uint64_t service_ms;    /* that the service manager waits for a sign at most; 0: it doesn't */
    uint64_t told_ns;       /* since when the worker is held up that was told last */
    uint64_t due_ns;        /* when it wanted to look */
    uint64_t stood_ns;      /* for how long the process has stood still, all in all */
    uint64_t still_ns;      /* for how long the last time, */
    uint64_t still_from_ns; /* which began then */
    struct watched worker, engine;
    bool is_running;
    bool is_ending; /* the host was told to end, by the thread that is held up */
};

/** Begins to look.
 * @param clustering  Whose engine it looks after, too: that is named alone, and broadcasts are
 *                    refused meanwhile. NULL: the host is alone.
 * @param service_ms  Of service_notify_watchdog_ms().
 * @param hang_ms     What `watchdog_ms` is where the configuration has none; 0: none. */
void watchdog_start(struct watchdog *watchdog, uv_loop_t *loop, const struct server *server,
                    struct clustering *clustering, uint64_t service_ms, uint64_t hang_ms);

/** Ends that. One that was never started is fine. */
void watchdog_close(struct watchdog *watchdog);

#endif
