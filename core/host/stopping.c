/* How a host stops: it drains, and its loop ends. See host_private.h. */
#include "host/host_private.h"

#include "base/log.h"
#include "host/service_notify.h"

#include <signal.h>

/* Reload, restart and control socket have handles of their own, which they close themselves. */
static void close_own(uv_handle_t *handle, void *host)
{
    if (handle->data == host && !uv_is_closing(handle))
        uv_close(handle, NULL);
}

void host_close_handles(struct host *host)
{
    if (uv_is_closing((uv_handle_t *)&host->drained))
        return;
    control_close(host->control);
    reload_close(&host->reload);
    watchdog_close(&host->watchdog);
    history_timer_close(&host->history_timer);
    uv_walk(&host->loop, close_own, host);
}

void host_check_drained(struct host *host)
{
    if (host->stopping && !uv_is_active((uv_handle_t *)&host->settling) &&
        server_is_drained(host->server) && http_server_idle(host->http))
        host_close_handles(host);
}

void host_on_drained(uv_async_t *drained)
{
    host_check_drained(drained->data);
}

/* The loop does not end as long as it waits for somebody's PROXY header. */
static void on_drain_limit(uv_timer_t *timer)
{
    struct host *host = timer->data;
    log_warn("drain_ms is over: the rest is closed at once",
             log_uint("clients", atomic_load(&host->server->clients)),
             log_uint("requests", atomic_load(&host->http->requests)));
    http_server_drain(host->http);
    server_end_unnamed(host->server);
    host_close_handles(host);
}

/* The hooks take their time before the clients' begins: so the loop's clock is read again. */
void host_begin_drain(struct host *host, uint64_t limit_ms, uint32_t why)
{
    graph_stopping(host->loading.graph, why);
    uv_update_time(&host->loop);
    uv_timer_start(&host->drain_limit, on_drain_limit, limit_ms, 0);
}

static void refuse_newcomers(struct host *host)
{
    http_server_drain(host->http);
    server_drain(host->server);
}

static void on_newcomers_late(uv_timer_t *timer)
{
    refuse_newcomers(timer->data);
}

/* The sockets are still there when this host has ended, with all who connect meanwhile: to refuse
 * those who were quicker, of whom nothing has come yet, would be the one thing that clients see of
 * `systemctl restart`. */
static void welcome_newcomers(struct host *host)
{
    const struct limits *limits = &host->loading.config->limits;
    const uint64_t most_ms = limits->drain_ms / 5 * 4; /* so that drain_ms is never over for them */
    uv_timer_start(&host->newcomers, on_newcomers_late,
                   limits->close_ms < most_ms ? limits->close_ms : most_ms, 0);
    http_server_stop_accepting(host->http);
    server_stop_accepting(host->server);
    server_drain_staggered(host->server, 0);
}

void host_stop(struct host *host)
{
    const bool is_leaving = host->stopping;
    const bool others_accept =
        server_sockets_stay(host->server) || http_server_sockets_stay(host->http);
    host->stopping = host->status.is_draining = true;
    http_admin_drain(host->admin); /* first, so that load balancers send nobody any more */
    log_info("stopping", log_str("signal", signals_name(atomic_load(&host->signal))),
             log_uint("clients", atomic_load(&host->server->clients)));
    if (!is_leaving) {
        service_notify_stopping();
        host_begin_drain(host, host->loading.config->limits.drain_ms, TONI_STOPPING_HOST);
    }
    uv_timer_stop(&host->settling);
    if (others_accept && !is_leaving)
        welcome_newcomers(host);
    else
        refuse_newcomers(host);
}

/* A reload that runs owns the graph until it is over: on_reload_over() stops the host then. */
void host_ask_stop(struct host *host)
{
    host->stop_asked = true;
    if (host->restart) {
        host_answer_restart(host, EXIT_FAULT, "the host stops");
        restart_cancel(host->restart);
    }
    if (!reload_refuse(&host->reload))
        host_stop(host);
}
