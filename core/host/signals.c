/* Signals; see signals.h. They are blocked and read from a descriptor: no handler runs in the
 * middle of anything, and no system call of a hook ends with EINTR. */
#include "host/signals.h"

#include "base/log.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void end(struct signals *signals, int number)
{
    const struct signal_handlers *handlers = &signals->handlers;
    signals->ends++;
    if (signals->ends == 1)
        handlers->on_first(handlers->data, number);
    else if (signals->ends == 2)
        handlers->on_second(handlers->data, number);
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
    default:
        end(signals, number);
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct signals *signals = poll->data;
    struct signalfd_siginfo info;
    (void)status;
    (void)events;
    while (read(signals->descriptor, &info, sizeof info) == (ssize_t)sizeof info)
        on_signal(signals, (int)info.ssi_signo);
}

static void close_handles(struct signals *signals)
{
    uv_close((uv_handle_t *)&signals->arrival, NULL);
    uv_close((uv_handle_t *)&signals->end, NULL);
}

static void on_end(uv_async_t *async)
{
    close_handles(async->data);
}

static void *run(void *data)
{
    struct signals *signals = data;
    uv_run(&signals->loop, UV_RUN_DEFAULT);
    return NULL;
}

static sigset_t awaited(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR2);
    return set;
}

static int open_loop(struct signals *signals)
{
    if (uv_loop_init(&signals->loop))
        return -1;
    if (uv_async_init(&signals->loop, &signals->end, on_end)) {
        uv_loop_close(&signals->loop);
        return -1;
    }
    if (uv_poll_init(&signals->loop, &signals->arrival, signals->descriptor)) {
        uv_close((uv_handle_t *)&signals->end, NULL);
        uv_run(&signals->loop, UV_RUN_DEFAULT);
        uv_loop_close(&signals->loop);
        return -1;
    }
    signals->arrival.data = signals->end.data = signals;
    return 0;
}

void signals_block(void)
{
    const sigset_t set = awaited();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int signals_start(struct signals *signals, const struct signal_handlers *handlers)
{
    sigset_t set = awaited();
    *signals = (struct signals){.handlers = *handlers};
    signals->descriptor = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals->descriptor < 0)
        return -1;
    if (open_loop(signals)) {
        close(signals->descriptor);
        return -1;
    }
    if (!uv_poll_start(&signals->arrival, UV_READABLE, on_readable) &&
        !pthread_create(&signals->thread, NULL, run, signals))
        return 0;
    close_handles(signals);
    uv_run(&signals->loop, UV_RUN_DEFAULT);
    uv_loop_close(&signals->loop);
    close(signals->descriptor);
    return -1;
}

void signals_stop(struct signals *signals)
{
    uv_async_send(&signals->end);
    pthread_join(signals->thread, NULL);
    uv_loop_close(&signals->loop);
    close(signals->descriptor);
}
