/* A run: the main thread leads the others through the phases and shows how far they are; see
 * bench.h.
 */
#include "command/bench.h"

#include "base/clock.h"
#include "command/progress.h"
#include "command/result.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LOOK_NS 5000000L

/* SIGINT and SIGTERM end a run with its report; the same a second time ends the process. */
static atomic_bool stops_by_signal;

static void on_signal(int number)
{
    atomic_store(&stops_by_signal, true);
    (void)signal(number, SIG_DFL);
}

static bool all_done(const struct shared *shared, const struct crew *crews, enum phase phase)
{
    for (uint32_t i = 0; i < shared->plan->threads; i++) {
        if (atomic_load(&crews[i].done) < (int)phase)
            return false;
    }
    return true;
}

/* @return Whether anybody can still send. */
static bool anybody_publishes(const struct shared *shared, const struct crew *crews)
{
    uint64_t publishing = 0;
    for (uint32_t i = 0; i < shared->plan->threads; i++)
        publishing += atomic_load_explicit(&crews[i].glance.publishing, memory_order_relaxed);
    return publishing > 0;
}

/* Sets a phase, and waits until all threads are done with it. */
static void go_through(struct shared *shared, const struct crew *crews, enum phase phase,
                       struct progress *progress)
{
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    atomic_store(&shared->phase, phase);
    while (!all_done(shared, crews, phase)) {
        if (atomic_load(&stops_by_signal) ||
            (phase == PHASE_RUN && !shared->plan->handshakes && !anybody_publishes(shared, crews)))
            atomic_store(&shared->stops, true);
        progress_show(progress, crews);
        (void)nanosleep(&pause, NULL);
    }
}

static void set_times(struct shared *shared)
{
    shared->start_ns = clock_now_ns();
    shared->measure_ns = shared->start_ns + shared->plan->warm_up_ns;
    shared->end_ns = shared->start_ns + shared->plan->duration_ns;
}

/* @return How many threads were started. */
static uint32_t start(struct crew *crews, const struct plan *plan)
{
    for (uint32_t i = 0; i < plan->threads; i++) {
        if (pthread_create(&crews[i].thread, NULL, crew_work, &crews[i]))
            return i;
    }
    return plan->threads;
}

static void lead(struct shared *shared, const struct crew *crews)
{
    struct progress progress;
    progress_init(&progress);
    if (!shared->plan->handshakes) {
        go_through(shared, crews, PHASE_CONNECT, &progress);
        go_through(shared, crews, PHASE_JOIN, &progress);
        set_times(shared);
    }
    go_through(shared, crews, PHASE_RUN, &progress);
    go_through(shared, crews, PHASE_DRAIN, &progress);
    go_through(shared, crews, PHASE_LEAVE, &progress);
    progress_finish(&progress);
}

static int report(const struct plan *plan, const struct crew *crews, bool is_early)
{
    struct result *result = result_create(plan, crews, is_early);
    int code = EXIT_FAILURE;
    if (!result)
        (void)fputs("toni bench: no memory for the report\n", stderr);
    else if (plan->json ? report_json(result) : report_text(result))
        (void)fputs("toni bench: the report could not be printed\n", stderr);
    else if (result_is_right(result))
        code = EXIT_SUCCESS;
    result_destroy(result);
    return code;
}

static int run(struct shared *shared, struct crew *crews)
{
    const struct plan *plan = shared->plan;
    for (uint32_t i = 0; i < plan->threads; i++) {
        if (crew_init(&crews[i], shared, i)) {
            (void)fputs("toni bench: no memory, or no descriptors, for so many\n", stderr);
            return EXIT_FAILURE;
        }
    }
    if (plan->handshakes)
        set_times(shared);
    const uint32_t started = start(crews, plan);
    if (started < plan->threads) {
        (void)fputs("toni bench: so many threads can't be started\n", stderr);
        exit(EXIT_FAILURE); /* the others wait for phases that don't come */
    }
    lead(shared, crews);
    for (uint32_t i = 0; i < started; i++)
        (void)pthread_join(crews[i].thread, NULL);
    return report(plan, crews, atomic_load(&shared->stops));
}

int bench(int argc, char **argv)
{
    struct plan plan;
    struct shared shared = {.plan = &plan};
    plan_read(&plan, argc, argv);
    atomic_store(&shared.phase, plan.handshakes ? PHASE_RUN : PHASE_CONNECT);
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGPIPE, SIG_IGN);
    int code = EXIT_FAILURE;
    if (plan.url.tls) {
        plan.target.tls = stream_context(
            &(struct stream_terms){.takes_any = plan.takes_any, .authorities = plan.authorities});
    }
    struct crew *crews = calloc(plan.threads, sizeof *crews);
    shared.sent = calloc(plan.connections, sizeof *shared.sent);
    if (crews && shared.sent && (plan.target.tls || !plan.url.tls)) {
        for (uint32_t i = 0; i < plan.threads; i++)
            crews[i].epoll = -1;
        code = run(&shared, crews);
        for (uint32_t i = 0; i < plan.threads; i++)
            crew_finish(&crews[i]);
    }
    free(crews);
    free(shared.sent);
    plan_finish(&plan);
    return code;
}
