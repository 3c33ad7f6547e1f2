/* What a running host is asked for: reload, restart and status over the control socket; stop,
 * reload and restart by signals. See host_private.h. */
#include "host/host_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/log_thread.h"
#include "base/process_end.h"
#include "host/service_notify.h"
#include "rooms/revoking.h"

#include <inttypes.h>
#include <stdio.h>
#include <toni/error.h>
#include <unistd.h>

/* A second signal ends the host in that time, whatever hinders it. */
#define LAST_SECONDS 2

/* What signals ask for, as bits of `asked_for`. */
#define ASKED_STOP 1u
#define ASKED_RELOAD 2u
#define ASKED_RESTART 4u

/* --- The control socket */

static void answer_reload(void *data, enum exit_code code, const char *text)
{
    control_answer(data, code, text);
}

/* @param request  NULL: it was a signal. */
static void reload(struct host *host, struct control_request *request)
{
    const char *meanwhile = "a restart is under way, which reads the configuration as well\n";
    if (!host->restart) {
        reload_ask(&host->reload, request ? answer_reload : NULL, request);
        return;
    }
    log_warn("reload refused", log_str("reason", "a restart is under way"));
    if (request)
        control_answer(request, EXIT_FAULT, meanwhile);
}

static void handle_reload(void *data, struct control_request *request, const char *arguments)
{
    struct host *host = data;
    if (arguments[0] != '\0')
        control_answer(request, EXIT_USAGE, "reload takes no arguments\n");
    else
        reload(host, request);
}

static void handle_restart(void *data, struct control_request *request, const char *arguments)
{
    if (arguments[0] != '\0')
        control_answer(request, EXIT_USAGE, "restart takes no arguments\n");
    else
        host_restart(data, request);
}

static void handle_revoke(void *data, struct control_request *request, const char *arguments)
{
    const struct host *host = data;
    uint64_t closed;
    char text[96];
    const int32_t result =
        revoking_revoke_everywhere(host->connections, toni_str_of(arguments), &closed);
    if (result == TONI_ERR_INVALID) {
        control_answer(request, EXIT_USAGE, "a subject has 1 to 256 bytes\n");
    } else if (result != TONI_OK) {
        control_answer(request, EXIT_FAULT, "out of memory: nobody is revoked\n");
    } else {
        (void)snprintf(text, sizeof text, "revoked: %" PRIu64 " clients closed\n", closed);
        control_answer(request, EXIT_CLEAN, text);
    }
}

int host_open_control(struct host *host)
{
    host->commands[0] = (struct control_command){"status", status_handle, &host->status};
    host->commands[1] = (struct control_command){"reload", handle_reload, host};
    host->commands[2] = (struct control_command){"restart", handle_restart, host};
    host->commands[3] = (struct control_command){"revoke", handle_revoke, host};
    host->control = control_create(host->commands, &host->loop);
    if (!host->control)
        return -1;
    if (control_open(host->control, &host->loading.config->control))
        return -1;
    return predecessor_is_there(&host->predecessor) ? 0 : control_claim(host->control, 0);
}

/* --- Reloads */

static void on_reload_begins(void *data)
{
    (void)data;
    service_notify_reloading();
}

/* An hour is a small part of the day that the last warning leaves. */
#define CERTIFICATES_EVERY_MS 3600000

static void on_certificates_due(uv_timer_t *timer)
{
    struct host *host = timer->data;
    const struct config *config = host->loading.config;
    const struct tls_sets *tls = &host->loading.tls;
    const int64_t now_s = clock_wall_s();
    certificate_watch_look(&host->certificates[0], &tls->websocket, &config->websocket, now_s);
    certificate_watch_look(&host->certificates[1], &tls->http, &config->http, now_s);
    certificate_watch_look(&host->certificates[2], &tls->admin, &config->admin, now_s);
}

void host_watch_certificates(struct host *host)
{
    on_certificates_due(&host->certificates_due);
    uv_timer_start(&host->certificates_due, on_certificates_due, CERTIFICATES_EVERY_MS,
                   CERTIFICATES_EVERY_MS);
}

static void on_reload_over(void *data)
{
    struct host *host = data;
    service_notify_ready();
    if (!host->stopping)
        host_watch_certificates(host);
    if (host->stop_asked && !host->stopping)
        host_stop(host);
}

struct reload_notices host_reload_notices(struct host *host)
{
    return (struct reload_notices){on_reload_begins, on_reload_over, host};
}

/* --- Signals. The handlers run on the signals' thread. */

static void ask(struct host *host, unsigned what)
{
    atomic_fetch_or(&host->asked_for, what);
    uv_async_send(&host->asked);
}

static void on_first_signal(void *data, int number)
{
    struct host *host = data;
    atomic_store(&host->signal, number);
    reload_hurry(&host->reload);
    ask(host, ASKED_STOP);
}

/* Takes no lock: another thread may hold it, whatever it is at. */
static void on_second_signal(void *data, int number)
{
    struct host *host = data;
    signals_end_within(LAST_SECONDS, EXIT_FAULT);
    log_warn("stopped at once, by a second signal", log_str("signal", signals_name(number)));
    log_thread_seize(LAST_WORDS_MS);
    if (atomic_load(&host->is_loaded)) /* while it loads, the copies are the main thread's */
        copy_store_empty(&host->loading.loader.copies);
    process_end(EXIT_FAULT);
}

static void on_hangup(void *data)
{
    ask(data, ASKED_RELOAD);
}

static void on_restart_asked(void *data)
{
    ask(data, ASKED_RESTART);
}

int host_open_signals(struct host *host)
{
    return signals_start(&host->signals, &(struct signal_handlers){.on_first = on_first_signal,
                                                                   .on_second = on_second_signal,
                                                                   .on_reload = on_hangup,
                                                                   .on_restart = on_restart_asked,
                                                                   .data = host});
}

/* A stop comes first: the others are refused then. */
void host_on_asked(uv_async_t *asked)
{
    struct host *host = asked->data;
    const unsigned what = atomic_exchange(&host->asked_for, 0);
    if (what & ASKED_STOP)
        host_ask_stop(host);
    if (what & ASKED_RELOAD)
        reload(host, NULL);
    if (what & ASKED_RESTART)
        host_restart(host, NULL);
}
