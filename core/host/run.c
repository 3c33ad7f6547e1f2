/* The life of the host; see run.h. Main thread only, but for the two calls of signals.h: it owns
 * configuration, graph and listeners; clients are the workers'. */
#include "host/run.h"

#include "base/clock.h"
#include "base/log.h"
#include "host/control.h"
#include "host/descriptors.h"
#include "host/host_table.h"
#include "host/loading.h"
#include "host/reload.h"
#include "host/signals.h"
#include "host/status.h"
#include "net/http_admin.h"
#include "net/http_server.h"
#include "net/server.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

struct host {
    toni_host table;
    struct loading loading;
    struct slots slots;
    char *real_path; /* of the configuration: who asks for the status may be in another folder */
    toni_connections *connections;
    struct tasks *tasks;
    struct server *server;
    struct http_server *http;
    struct http_admin *admin;
    struct status_sources status;
    struct reload reload;
    struct control_command commands[3]; /* and one without a name */
    struct control *control;
    uv_loop_t loop;
    uv_async_t stop;
    uv_async_t reload_asked; /* by SIGHUP */
    uv_async_t drained;
    uv_timer_t drain_limit;
    bool stop_asked; /* but a reload runs still */
    bool stopping;
    struct signals signals;
    atomic_int signal; /* the first that came */
};

/* --- Stopping */

/* Everybody is gone, or had `drain_ms` to go. */
static void finish_drain(struct host *host)
{
    if (uv_is_closing((uv_handle_t *)&host->drained))
        return;
    control_close(host->control);
    uv_close((uv_handle_t *)&host->stop, NULL);
    uv_close((uv_handle_t *)&host->reload_asked, NULL);
    uv_close((uv_handle_t *)&host->drained, NULL);
    uv_close((uv_handle_t *)&host->drain_limit, NULL);
}

static void on_drained(uv_async_t *async)
{
    struct host *host = async->data;
    if (host->stopping && atomic_load(&host->server->clients) == 0 && http_server_idle(host->http))
        finish_drain(host);
}

static void on_drain_limit(uv_timer_t *timer)
{
    struct host *host = timer->data;
    log_warn("drain_ms is over: the rest is closed at once",
             log_uint("clients", atomic_load(&host->server->clients)),
             log_uint("requests", atomic_load(&host->http->requests)));
    finish_drain(host);
}

static const char *signal_name(int number)
{
    return number == SIGINT ? "SIGINT" : "SIGTERM";
}

static void stop(struct host *host)
{
    host->stopping = host->status.is_draining = true;
    http_admin_drain(host->admin); /* who deals out clients shall hear of it first */
    log_info("stopping", log_str("signal", signal_name(atomic_load(&host->signal))),
             log_uint("clients", atomic_load(&host->server->clients)));
    graph_stopping(host->loading.graph);
    uv_update_time(&host->loop); /* the hooks took their time, which is not the clients' */
    uv_timer_start(&host->drain_limit, on_drain_limit, host->loading.config->limits.drain_ms, 0);
    http_server_drain(host->http);
    server_drain(host->server);
}

/* A reload that runs is waited for: what it has is the graph's. */
static void on_stop(uv_async_t *async)
{
    struct host *host = async->data;
    host->stop_asked = true;
    if (!reload_refuse(&host->reload))
        stop(host);
}

/* On the signals' thread. */
static void on_first_signal(void *data, int number)
{
    struct host *host = data;
    atomic_store(&host->signal, number);
    reload_hurry(&host->reload);
    uv_async_send(&host->stop);
}

/* On the signals' thread, whatever the main thread is at. */
static void on_second_signal(void *data, int number)
{
    struct host *host = data;
    log_warn("stopped at once, by a second signal", log_str("signal", signal_name(number)));
    plugin_loader_finish(&host->loading.loader);
    _exit(EXIT_FAULT);
}

/* On the signals' thread. */
static void on_hangup(void *data)
{
    struct host *host = data;
    uv_async_send(&host->reload_asked);
}

/* --- Reloading */

static void on_reload_asked(uv_async_t *async)
{
    struct host *host = async->data;
    reload_ask(&host->reload, NULL, NULL);
}

static void answer_reload(void *data, enum exit_code code, const char *text)
{
    control_answer(data, code, text);
}

static void handle_reload(void *data, struct control_request *request, const char *arguments)
{
    struct host *host = data;
    if (arguments[0] != '\0')
        control_answer(request, EXIT_USAGE, "reload takes no arguments\n");
    else
        reload_ask(&host->reload, answer_reload, request);
}

static void on_reload_begins(void *data)
{
    (void)data;
}

static void on_reload_over(void *data)
{
    struct host *host = data;
    if (host->stop_asked && !host->stopping)
        stop(host);
}

/* --- Starting */

static int open_loop(struct host *host)
{
    if (uv_loop_init(&host->loop))
        return -1;
    if (uv_async_init(&host->loop, &host->drained, on_drained)) {
        uv_loop_close(&host->loop);
        return -1;
    }
    uv_async_init(&host->loop, &host->stop, on_stop); /* only the first can fail */
    uv_async_init(&host->loop, &host->reload_asked, on_reload_asked);
    uv_timer_init(&host->loop, &host->drain_limit);
    host->stop.data = host->reload_asked.data = host->drained.data = host->drain_limit.data = host;
    if (!signals_start(&host->signals, &(struct signal_handlers){.on_first = on_first_signal,
                                                                 .on_second = on_second_signal,
                                                                 .on_reload = on_hangup,
                                                                 .data = host}))
        return 0;
    finish_drain(host);
    uv_run(&host->loop, UV_RUN_DEFAULT);
    uv_loop_close(&host->loop);
    return -1;
}

static uint32_t worker_count(const struct config *config)
{
    return config->workers > 0 ? config->workers : (uint32_t)uv_available_parallelism();
}

/* `http_connections` holds for each address. */
static uint64_t connection_count(const struct config *config)
{
    return config->limits.connections + config->http.count * config->limits.http_connections;
}

/* Who asks something before the main loop turns waits for it. */
static int open_control(struct host *host)
{
    host->commands[0] = (struct control_command){"status", status_handle, &host->status};
    host->commands[1] = (struct control_command){"reload", handle_reload, host};
    host->control = control_create(host->commands, &host->loop);
    if (!host->control)
        return -1;
    return control_open(host->control, &host->loading.config->control) ||
                   control_claim(host->control, 0)
               ? -1
               : 0;
}

static int make(struct host *host)
{
    const struct config *config = host->loading.config;
    host->admin = http_admin_create(&config->admin, &host->loop);
    if (!host->admin || open_control(host))
        return -1;
    host->connections = connections_create(&host->table, &config->limits, worker_count(config));
    if (!host->connections) {
        log_error("the host could not be made: out of memory");
        return -1;
    }
    host->server = server_create(host->connections, &host->slots, &config->limits, &host->drained);
    host->http = http_server_create(&host->table, &host->slots, &config->limits, &host->drained);
    if (!host->server || !host->http)
        return -1;
    host->tasks = tasks_create(clock_now_ns);
    if (!host->tasks) {
        log_error("the threads for timers and jobs could not be made: out of memory or threads");
        return -1;
    }
    return graph_create(host->loading.graph, &host->slots, &host->table, host->connections,
                        host->tasks);
}

static void report_gateways(const struct host *host)
{
    const struct graph *graph = host->loading.graph;
    for (size_t i = 0; i < graph->instance_count; i++) {
        const struct instance_setup *setup = &graph->instances[i]->setup;
        if (graph->instances[i]->descriptor->kind != TONI_GATEWAY)
            continue;
        log_info("gateway ready", log_str("gateway", setup->name),
                 log_strn("path", setup->path.data, setup->path.size),
                 log_str("module", setup->module), log_str("library", setup->plugin->path));
    }
}

static void report_services(const struct host *host)
{
    const struct graph *graph = host->loading.graph;
    for (size_t i = 0; i < graph->instance_count; i++) {
        const struct instance_setup *setup = &graph->instances[i]->setup;
        if (graph->instances[i]->descriptor->kind != TONI_SERVICE)
            continue;
        log_info("service ready", log_str("service", setup->name),
                 log_strn("path", setup->path.data, setup->path.size),
                 log_str("module", setup->module), log_str("library", setup->plugin->path));
    }
}

/* The host serves without a page as well as with one. */
static void offer_page(struct host *host)
{
    const char *folder = host->loading.www_folder;
    if (host->loading.config->page)
        http_server_offer_page(host->http, folder ? folder : "", host->server->listeners,
                               host->server->listener_count);
}

static int open_up(struct host *host)
{
    const struct config *config = host->loading.config;
    if (graph_start(host->loading.graph) ||
        server_bind(host->server, config->websocket.addresses, config->websocket.count) ||
        http_server_bind(host->http, &config->http))
        return -1;
    offer_page(host);
    if (server_start(host->server) || graph_ready(host->loading.graph) ||
        server_accept(host->server, &host->loop) || http_server_start(host->http, &host->loop))
        return -1;
    http_admin_ready(host->admin, &(struct metrics_sources){.server = host->server,
                                                            .http = host->http,
                                                            .slots = &host->slots});
    report_gateways(host);
    report_services(host);
    log_info("ready", log_uint("workers", host->connections->lane_count), log_int("pid", getpid()));
    http_server_report_page(host->http);
    host->reload.server = host->server;
    host->reload.http = host->http;
    host->status.server = host->server;
    host->status.slots = &host->slots;
    host->status.reload = &host->reload;
    return 0;
}

/* What never returns goes on using what it was given, so nothing of that may be freed. */
static void end_at_once(struct host *host)
{
    http_admin_destroy(host->admin);
    signals_stop(&host->signals); /* a second one ends the loader too */
    plugin_loader_finish(&host->loading.loader);
    _exit(EXIT_FAULT);
}

static void unmake(struct host *host)
{
    control_close(host->control);
    if (host->http)
        (void)http_server_stop(host->http);
    if (host->server)
        (void)server_stop(host->server);
    http_admin_withdraw(host->admin);
    const int remains = reload_end(&host->reload);
    if (graph_end(host->loading.graph) || remains)
        end_at_once(host);
    signals_stop(&host->signals); /* they use the graph and the loop */
    finish_drain(host);
    uv_run(&host->loop, UV_RUN_DEFAULT); /* lets go of the handles */
    graph_destroy(host->loading.graph);
    host->loading.graph = NULL;
    http_server_destroy(host->http);
    server_destroy(host->server);
    connections_destroy(host->connections);
    tasks_destroy(host->tasks); /* messages that were still on their way had receipts */
    slots_finish(&host->slots);
    http_admin_destroy(host->admin);
    control_destroy(host->control);
    uv_loop_close(&host->loop);
}

enum exit_code host_run(const char *config_path)
{
    struct host host = {
        .status = {.started_ms = clock_wall_ms()},
        .reload = {.config_path = config_path,
                   .loading = &host.loading,
                   .notices = {on_reload_begins, on_reload_over, &host}},
    };
    enum exit_code code = EXIT_USAGE;
    (void)signal(SIGPIPE, SIG_IGN); /* a log that nobody reads must not end the host */
    signals_block();
    if (loading_init(&host.loading, config_path))
        goto finish;
    host.real_path = realpath(config_path, NULL);
    host.status.config_path = host.real_path ? host.real_path : config_path;
    code = EXIT_FAULT;
    host_table_fill(&host.table);
    if (slots_init(&host.slots))
        goto finish;
    if (descriptors_raise(connection_count(host.loading.config), worker_count(host.loading.config)))
        goto finish;
    if (reload_init(&host.reload, &host.loop))
        goto finish;
    if (open_loop(&host)) {
        log_error("the main loop could not be made: out of memory or descriptors");
        goto finish;
    }
    if (!make(&host) && !open_up(&host)) {
        uv_run(&host.loop, UV_RUN_DEFAULT);
        code = EXIT_CLEAN;
    }
    unmake(&host);
    reload_finish(&host.reload);
    log_info("stopped");

finish:
    loading_finish(&host.loading);
    free(host.real_path);
    return code;
}
