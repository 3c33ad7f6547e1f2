/* Signals; see signals.h. They are blocked and waited for: no handler runs in the middle of
 * anything, and no system call of a hook ends with EINTR. */
#include "host/signals.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "base/process_end.h"
#include "host/crash.h"

#include <signal.h>
#include <unistd.h>

/* The same signal within that time is one. */
#define REPEAT_MS 100

unsigned signal_ends_count(struct signal_ends *ends, int number, uint64_t now_ns)
{
    if (ends->count == 0) {
        ends->number = number;
        ends->first_ns = now_ns;
    } else if (ends->count == 1 && number == ends->number &&
               now_ns - ends->first_ns < REPEAT_MS * (uint64_t)NS_PER_MS) {
        return 0;
    }
    return ++ends->count;
}

static void end(struct signals *signals, int number)
{
    const struct signal_handlers *handlers = &signals->handlers;
    switch (signal_ends_count(&signals->ends, number, clock_now_ns())) {
    case 1:
        handlers->on_first(handlers->data, number);
        break;
    case 2:
        handlers->on_second(handlers->data, number);
        break;
    default:
        break;
    }
}

static void ask(const struct signals *signals, void (*handler)(void *data), const char *name)
{
    if (handler)
        handler(signals->handlers.data);
    else
        log_warn("a signal is ignored: this host can't do what it asks for",
                 log_str("signal", name));
}

static void on_signal(struct signals *signals, int number)
{
    switch (number) {
    case SIGHUP:
        ask(signals, signals->handlers.on_reload, "SIGHUP");
        break;
    case SIGUSR2:
        ask(signals, signals->handlers.on_restart, "SIGUSR2");
        break;
    case SIGUSR1: /* other programs open their log again; by itself it would end the host */
        ask(signals, NULL, "SIGUSR1");
        break;
    case SIGALRM: /* a plugin's alarm(); by itself it would end the host without a word */
        crash_end_late();
        log_limited(LOG_LEVEL_WARN, "SIGALRM is ignored: a plugin has set a timer of the process; "
                                    "the host's are toni_after() and toni_every()");
        break;
    default:
        end(signals, number);
    }
}

const char *signals_name(int number)
{
    return number == SIGINT ? "SIGINT" : "SIGTERM";
}

static sigset_t awaited(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGALRM);
    return set;
}

static void *run(void *data)
{
    struct signals *signals = data;
    const sigset_t set = awaited();
    int number;
    for (;;) {
        if (sigwait(&set, &number))
            continue;
        if (atomic_load(&signals->is_ending))
            return NULL;
        on_signal(signals, number);
    }
}

void signals_block(void)
{
    const sigset_t set = awaited();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int signals_start(struct signals *signals, const struct signal_handlers *handlers)
{
    *signals = (struct signals){.handlers = *handlers};
    return pthread_create(&signals->thread, NULL, run, signals) ? -1 : 0;
}

void signals_stop(struct signals *signals)
{
    atomic_store(&signals->is_ending, true);
    /* NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread,cert-pos44-c): it is blocked */
    pthread_kill(signals->thread, SIGTERM);
    pthread_join(signals->thread, NULL);
}

static volatile sig_atomic_t exit_code_in_time;

static void on_alarm(int number)
{
    (void)number;
    process_end(exit_code_in_time);
}

void signals_end_within(unsigned seconds, int exit_code)
{
    const struct sigaction action = {.sa_handler = on_alarm};
    sigset_t set;
    exit_code_in_time = exit_code;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    (void)sigaction(SIGALRM, &action, NULL);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    (void)alarm(seconds);
}
