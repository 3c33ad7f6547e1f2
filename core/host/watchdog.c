/* The watchdog; see watchdog.h. */
#include "host/watchdog.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/process_end.h"
#include "clustering/clustering.h"
#include "host/run.h"
#include "host/service_notify.h"
#include "net/held.h"
#include "net/server_data.h"

#include <pthread.h>
#include <signal.h>

/* How often it looks at least. */
#define LOOK_MS 1000

/* The handler of a crash takes 5 seconds at most; a thread that can't run it ends nothing. */
#define CRASH_MS 6000

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* @return After how long one that is held up ends the host; 0: it doesn't. */
static uint64_t limit_of(const struct watchdog *watchdog)
{
    const uint64_t set_ms = watchdog->server->limits.watchdog_ms;
    return set_ms > 0 ? set_ms : watchdog->hang_ms;
}

/* @return In how many milliseconds to look again: several times within each limit. */
static uint64_t next_look(const struct watchdog *watchdog)
{
    const uint64_t limit_ms = limit_of(watchdog);
    uint64_t ms = LOOK_MS;

    if (limit_ms > 0)
        ms = least(ms, limit_ms / 4 + 1);
    if (watchdog->service_ms > 0)
        ms = least(ms, watchdog->service_ms / 4 + 1);
    return ms;
}

static void log_held(enum log_level level, const char *message, const struct held *held,
                     uint64_t held_ms, uint64_t limit_ms)
{
    log_at(level, message, log_str("instance", held->instance), log_str("callback", held->callback),
           log_uint("worker", held->worker), log_uint("clients", held->clients),
           log_uint("held_ms", held_ms), log_uint("limit_ms", limit_ms));
}

static void tell(struct watchdog *watchdog, const struct held *held, uint64_t held_ms)
{
    if (held_ms <= held->callback_ms || watchdog->told_ns == held->since_ns)
        return;
    watchdog->told_ns = held->since_ns;
    log_held(LOG_LEVEL_WARN,
             held->callback ? "a callback has not returned yet: its worker waits, and so do all "
                              "clients of that"
                            : "a turn of a worker does not end, in no callback: all its clients "
                              "wait; another thread may be in the instance that it calls",
             held, held_ms, held->callback_ms);
}

static uint64_t ms_since(uint64_t since_ns, uint64_t now_ns)
{
    return since_ns < now_ns ? (now_ns - since_ns) / NS_PER_MS : 0;
}

/* A look that is late by more than the time between two looks: the whole process stood still, or
 * the machine did, and nobody could return from anything meanwhile.
 * @return For how long. */
static uint64_t standstill_ns(const struct watchdog *watchdog, uint64_t now_ns)
{
    const uint64_t late_ns = now_ns > watchdog->due_ns ? now_ns - watchdog->due_ns : 0;
    return late_ns > next_look(watchdog) * NS_PER_MS ? late_ns : 0;
}

static void note_standstill(struct watchdog *watchdog, uint64_t now_ns)
{
    const uint64_t still_ns = standstill_ns(watchdog, now_ns);
    if (still_ns == 0)
        return;
    watchdog->still_ns = still_ns;
    watchdog->still_from_ns = now_ns - still_ns;
    watchdog->stood_ns += still_ns;
}

/* Of several only the one that is held up for longest is seen: so another may be found first some
 * time after a standstill that it was in, too.
 * @return For how long one is held up, the process's standstills left out. */
static uint64_t held_for_ms(const struct watchdog *watchdog, struct watched *watched,
                            uint64_t since_ns, uint64_t now_ns)
{
    if (watched->since_ns != since_ns) {
        const bool was_in_it = since_ns < watchdog->still_from_ns;
        watched->since_ns = since_ns;
        watched->stood_ns = watchdog->stood_ns - (was_in_it ? watchdog->still_ns : 0);
    }
    return ms_since(since_ns + (watchdog->stood_ns - watched->stood_ns), now_ns);
}

/* No client waits for the engine: so it doesn't end the host. */
static void look_at_engine(struct watchdog *watchdog, uint64_t now_ns)
{
    struct clustering_held held;
    if (!watchdog->clustering)
        return;
    uint64_t held_ms = 0;
    if (clustering_held(watchdog->clustering, &held))
        held_ms = held_for_ms(watchdog, &watchdog->engine, held.since_ns, now_ns);
    const bool is_held = held_ms > 0 && held_ms > held.callback_ms;
    clustering_hold(watchdog->clustering, is_held);
    if (!is_held || watchdog->told_engine_ns == held.since_ns)
        return;
    watchdog->told_engine_ns = held.since_ns;
    log_warn("a function of the cluster's engine has not returned yet: broadcasts are refused, and "
             "rooms hear nothing from other hosts",
             log_str("instance", held.instance), log_str("callback", held.callback),
             log_uint("held_ms", held_ms), log_uint("limit_ms", held.callback_ms));
}

/* The thread that is held up is made to crash: so the log says where it is (host/crash.h), and a
 * core dump shows it. */
static void end_host(struct watchdog *watchdog, const struct held *held, uint64_t held_ms)
{
    log_held(LOG_LEVEL_ERROR,
             "a worker is held up for longer than watchdog_ms: the watchdog ends the host", held,
             held_ms, limit_of(watchdog));
    watchdog->is_ending = true;
    /* NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread,cert-pos44-c): it has a handler */
    (void)pthread_kill(held->thread, SIGABRT);
}

/* @return For how long a worker is held up; 0: none is. */
static uint64_t look(struct watchdog *watchdog)
{
    const uint64_t limit_ms = limit_of(watchdog);
    const uint64_t now_ns = clock_now_ns();
    struct held held;

    note_standstill(watchdog, now_ns);
    look_at_engine(watchdog, now_ns);
    if (!held_find(watchdog->server, &held) || held.since_ns > now_ns)
        return 0;
    const uint64_t held_ms = held_for_ms(watchdog, &watchdog->worker, held.since_ns, now_ns);
    tell(watchdog, &held, held_ms);
    if (limit_ms > 0 && held_ms > limit_ms)
        end_host(watchdog, &held, held_ms);
    return held_ms;
}

static void on_look(uv_timer_t *timer)
{
    struct watchdog *watchdog = timer->data;

    if (watchdog->is_ending)
        process_end(EXIT_FAULT);
    const uint64_t held_ms = look(watchdog);
    if (watchdog->service_ms > 0 && held_ms < watchdog->service_ms / 2)
        service_notify_alive();
    const uint64_t after_ms = watchdog->is_ending ? CRASH_MS : next_look(watchdog);
    watchdog->due_ns = clock_now_ns() + after_ms * NS_PER_MS;
    uv_timer_start(timer, on_look, after_ms, 0);
}

void watchdog_start(struct watchdog *watchdog, uv_loop_t *loop, const struct server *server,
                    struct clustering *clustering, uint64_t service_ms, uint64_t hang_ms)
{
    watchdog->clustering = clustering;
    watchdog->server = server;
    watchdog->hang_ms = hang_ms;
    watchdog->service_ms = service_ms;
    uv_timer_init(loop, &watchdog->timer);
    watchdog->timer.data = watchdog;
    watchdog->is_running = true;
    watchdog->due_ns = clock_now_ns();
    uv_timer_start(&watchdog->timer, on_look, 0, 0);
}

void watchdog_close(struct watchdog *watchdog)
{
    if (watchdog->is_running)
        uv_close((uv_handle_t *)&watchdog->timer, NULL);
    watchdog->is_running = false;
}
