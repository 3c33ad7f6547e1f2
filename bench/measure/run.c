/* Runs; see run.h. */
#include "measure/run.h"

#include "base/clock.h"
#include "client/visits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- Publishing */

/* The kernel wakes a sleeper late, by up to so much: the rest of the wait is spent awake. */
#define AWAKE_NS (100 * 1000ULL)

/* When the next message must be sent, whatever has come back: a rate's messages are due in even
 * steps. */
static uint64_t due_ns(const struct crowd *crowd, const struct window *window, uint64_t start_ns)
{
    double rate = crowd->options->rate;
    return rate > 0 ? start_ns + (uint64_t)((double)window->sent * (double)NS_PER_S / rate) : 0;
}

/* A rate leaves time to wait for the next message; a window for some delivery. */
static bool must_wait(const struct crowd *crowd, const struct window *window, uint64_t start_ns,
                      uint64_t *wait_ns)
{
    const struct options *options = crowd->options;
    if (options->rate > 0) {
        uint64_t due = due_ns(crowd, window, start_ns);
        uint64_t now = clock_now_ns();
        *wait_ns = due > now + AWAKE_NS ? due - now - AWAKE_NS : 0;
        return now < due;
    }
    *wait_ns = NS_PER_S;
    return window->expected - window->delivered >= options->window;
}

/* Notes what has come. @return Whether something has. */
static bool note(struct window *window, const struct crowd *crowd, uint64_t delivered_before,
                 uint64_t start_ns)
{
    uint64_t delivered = crowd->healthy.delivered - delivered_before;
    if (delivered == window->delivered)
        return false;
    window->delivered = delivered;
    window->wall_ns = crowd->healthy.now_ns - start_ns;
    return true;
}

static int publish_next(struct crowd *crowd, struct window *window, uint64_t due)
{
    struct publisher *publisher = &crowd->publishers[window->sent % crowd->options->publishers];
    if (due)
        percentiles_add(&crowd->late, clock_now_ns() - due);
    if (crowd_publish(crowd, publisher, due))
        return -1;
    window->sent++;
    window->expected += crowd->members[publisher->connection->ledger.room] - crowd->options->others;
    return 0;
}

/* Fills the window while the server stands still. */
static int publish_burst(struct crowd *crowd, struct window *window, uint32_t messages)
{
    const struct options *options = crowd->options;
    int result = 0;
    for (uint32_t i = 0; i < options->pid_count; i++)
        watched_stop(options->pids[i]);
    while (result == 0 && window->sent < messages &&
           window->expected - window->delivered < options->window)
        result = publish_next(crowd, window, 0);
    for (uint32_t i = 0; i < options->pid_count; i++)
        watched_continue(options->pids[i]);
    return result;
}

/* Publishes what is due. @return Whether something was, or -1 if a publisher has ended. */
static int publish_due(struct crowd *crowd, struct window *window, uint32_t messages,
                       uint64_t start_ns, uint64_t *wait_ns)
{
    *wait_ns = NS_PER_S / 100;
    if (window->sent == messages)
        return 0;
    if (crowd->options->burst) {
        if (window->delivered < window->expected)
            return 0;
        return publish_burst(crowd, window, messages) ? -1 : 1;
    }
    if (must_wait(crowd, window, start_ns, wait_ns))
        return 0;
    return publish_next(crowd, window, due_ns(crowd, window, start_ns)) ? -1 : 1;
}

/* Publishes, in turn, and waits until all of it has come or nothing more does. */
static int publish_all(struct crowd *crowd, struct window *window, uint32_t messages)
{
    const uint64_t before = crowd->healthy.delivered, start = clock_now_ns();
    const uint64_t patience = crowd->options->patience_ms * NS_PER_MS;
    uint64_t heard = start;
    while (window->sent < messages || window->delivered < window->expected) {
        uint64_t wait_ns;
        int published = publish_due(crowd, window, messages, start, &wait_ns);
        if (published < 0)
            return -1;
        crowd_pump(crowd, published ? 0 : wait_ns);
        if (note(window, crowd, before, start) || published)
            heard = clock_now_ns();
        else if (clock_now_ns() - heard > patience)
            break;
    }
    return 0;
}

/* Opens and closes @p count connections; one that did not go all the way counts as lost. */
static int visit(struct crowd *crowd, struct window *window, uint32_t count)
{
    const struct options *options = crowd->options;
    char path[PATH_SIZE];
    struct visits visits = {.target = &crowd->targets[0],
                            .path = path,
                            .window = options->window,
                            .most = count,
                            .rate = options->rate,
                            .patience_ns = options->patience_ms * NS_PER_MS,
                            .answers = &crowd->healthy.latencies};
    if (count == 0)
        return 0;
    const int result = crowd_path(crowd, 0, path) ? -1 : visits_run(&visits);
    window->sent = window->expected = visits.begun;
    window->delivered = visits.done;
    window->wall_ns = visits.last_ns > visits.start_ns ? visits.last_ns - visits.start_ns : 0;
    crowd->healthy.lost += visits.wrong;
    return result;
}

static int work(struct crowd *crowd, struct window *window, uint32_t count)
{
    return crowd->options->handshakes ? visit(crowd, window, count)
                                      : publish_all(crowd, window, count);
}

/* --- Measuring */

static struct cpu_time difference(struct cpu_time from, struct cpu_time to)
{
    return (struct cpu_time){.used_ns = to.used_ns - from.used_ns,
                             .waited_ns = to.waited_ns - from.waited_ns};
}

/* Lets whoever drives this run do something of his own, such as attach a profiler. */
static void wait_at_gate(const struct options *options, const char *name)
{
    char line[16];
    if (!options->gate)
        return;
    (void)printf("{\"gate\": \"%s\"}\n", name);
    (void)fflush(stdout);
    (void)!fgets(line, sizeof line, stdin); /* the end of stdin opens it too */
}

static int read_times(const struct options *options, struct cpu_time *server,
                      struct cpu_time *generator)
{
    *server = (struct cpu_time){0};
    pid_t pid = getpid();
    bool read = watched_cpu(pid, generator) == 0;
    for (uint32_t i = 0; read && i < options->pid_count; i++) {
        struct cpu_time one;
        pid = options->pids[i];
        read = watched_cpu(pid, &one) == 0;
        server->used_ns += one.used_ns;
        server->waited_ns += one.waited_ns;
    }
    if (read)
        return 0;
    (void)fprintf(stderr, "toni-bench: the times of process %d can't be read\n", (int)pid);
    return -1;
}

static uint64_t memory_kib(const struct options *options)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < options->pid_count; i++)
        sum += watched_memory_kib(options->pids[i]);
    return sum;
}

static uint64_t peak_kib(const struct options *options)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < options->pid_count; i++)
        sum += watched_peak_kib(options->pids[i]);
    return sum;
}

/* The processor's time of a thread that runs is brought up to date when it sleeps. */
#define REST_NS (20 * (uint64_t)NS_PER_MS)

static int measure(struct run *run, struct crowd *crowd)
{
    const struct options *options = crowd->options;
    struct cpu_time server[2], generator[2];
    percentiles_clear(&crowd->healthy.latencies);
    percentiles_clear(&crowd->late);
    wait_at_gate(options, "begin");
    if (read_times(options, &server[0], &generator[0]))
        return -1;
    int result = work(crowd, &run->window, options->messages);
    crowd_pump(crowd, REST_NS);
    if (read_times(options, &server[1], &generator[1]))
        return -1;
    wait_at_gate(options, "end");
    run->window.server = difference(server[0], server[1]);
    run->window.generator = difference(generator[0], generator[1]);
    run->memory.after = memory_kib(options);
    run->memory.peak = peak_kib(options);
    return result;
}

static void warm_up(struct crowd *crowd)
{
    struct window window = {0};
    if (work(crowd, &window, crowd->options->warm_up))
        (void)fprintf(stderr, "toni-bench: a publisher was closed while warming up\n");
}

/* --- Checking */

/* Compares each room's readers who got as much as the first of them. Publishers who don't get their
 * own messages get each something else. */
static int compare_orders(struct run *run, const struct crowd *crowd)
{
    const struct options *options = crowd->options;
    const struct ledger **first = calloc(options->rooms, sizeof *first);
    if (!first)
        return -1;
    run->one_order = true;
    const uint32_t end = options->connections - (options->others ? options->publishers : 0);
    for (uint32_t i = options->slow; i < end; i++) {
        const struct ledger *ledger = &crowd->connections[i].ledger;
        const struct ledger *other = first[ledger->room];
        if (!other)
            first[ledger->room] = ledger;
        else if (other->delivered == ledger->delivered && other->order != ledger->order)
            run->one_order = false;
    }
    free((void *)first);
    return 0;
}

int run_load(struct run *run, struct crowd *crowd)
{
    const struct options *options = crowd->options;
    memset(run, 0, sizeof *run);
    run->memory.before = memory_kib(options);
    uint64_t start = clock_now_ns();
    if (crowd_connect(crowd))
        return -1;
    run->connect_s = (double)(clock_now_ns() - start) / (double)NS_PER_S;
    crowd_settle(crowd, options->settle_ms);
    run->memory.opened = memory_kib(options);
    if (crowd_join(crowd))
        return -1;
    crowd_settle(crowd, options->settle_ms);
    run->memory.connected = memory_kib(options);
    if (crowd_join_idle(crowd))
        return -1;
    crowd_settle(crowd, options->settle_ms);
    run->memory.joined = memory_kib(options);
    warm_up(crowd);
    crowd_listen_slow(crowd, false);
    if (measure(run, crowd))
        (void)fprintf(stderr, "toni-bench: a publisher was closed, or the server has ended\n");
    crowd_listen_slow(crowd, true);
    if (options->slow > 0)
        crowd_settle(crowd, options->settle_ms);
    wait_at_gate(options, "close");
    return compare_orders(run, crowd);
}
