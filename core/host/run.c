/* The life of the host; see run.h. Main thread only, but for the calls of signals.h: it owns
 * configuration, graph and listeners; clients are the workers'. */
#include "host/run.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/log_stderr.h"
#include "base/log_thread.h"
#include "host/control.h"
#include "host/crash.h"
#include "host/descriptors.h"
#include "host/handover.h"
#include "host/host_table.h"
#include "host/loading.h"
#include "host/predecessor.h"
#include "host/program.h"
#include "host/reload.h"
#include "host/restart.h"
#include "host/service_notify.h"
#include "host/signals.h"
#include "host/status.h"
#include "http/admin.h"
#include "http/server.h"
#include "net/access.h"
#include "net/server.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

/* How long a host that leaves waits at least, for those who are in their handshake, and for a
 * connection that libmicrohttpd was about to accept in the last moment. */
#define LEAST_LEAVE_MS 250

/* What stderr gets to take the last lines of the log, if nobody reads it. */
#define LAST_WORDS_MS 500

/* A second signal ends the host in that time, whatever hinders it. */
#define LAST_SECONDS 2

struct host {
    toni_host table;
    struct loading loading;
    struct slots slots;
    char *real_path; /* of the configuration: who asks for the status may be in another folder */
    toni_connections *connections;
    struct tasks *tasks;
    struct server *server;
    struct http_server *http;
    struct access *access;
    struct http_admin *admin;
    struct status_sources status;
    struct reload reload;
    struct control_command commands[4]; /* and one without a name */
    struct control *control;
    uv_loop_t loop;
    struct program program;
    struct predecessor predecessor;
    struct restart *restart;                 /* that is under way, or NULL */
    struct control_request *restart_request; /* that asked for it, or NULL */
    uv_async_t restart_signal;
    uv_timer_t settling; /* while it leaves: see LEAST_LEAVE_MS */
    uv_async_t stop;
    uv_async_t reload_asked; /* by SIGHUP */
    uv_async_t drained;
    uv_timer_t drain_limit;
    bool stop_asked; /* but a reload runs still */
    bool stopping;   /* or leaving */
    struct signals signals;
    atomic_int signal;     /* the first that came */
    atomic_bool is_loaded; /* the configuration, and the plugins */
};

/* Tells who asked for the restart that is under way, if it was not a signal. */
static void answer_restart(struct host *host, enum exit_code code, const char *text)
{
    char *lines = NULL;
    if (!host->restart_request)
        return;
    if (asprintf(&lines, "%s\n", text) < 0)
        lines = NULL;
    control_answer(host->restart_request, code, lines ? lines : text);
    host->restart_request = NULL;
    free(lines);
}

/* --- Stopping */

/* Everybody is gone, or had `drain_ms` to go. */
static void finish_drain(struct host *host)
{
    if (uv_is_closing((uv_handle_t *)&host->drained))
        return;
    control_close(host->control);
    uv_close((uv_handle_t *)&host->restart_signal, NULL);
    uv_close((uv_handle_t *)&host->settling, NULL);
    uv_close((uv_handle_t *)&host->stop, NULL);
    uv_close((uv_handle_t *)&host->reload_asked, NULL);
    reload_close(&host->reload);
    uv_close((uv_handle_t *)&host->drained, NULL);
    uv_close((uv_handle_t *)&host->drain_limit, NULL);
}

static void on_drained(uv_async_t *async)
{
    struct host *host = async->data;
    if (host->stopping && !uv_is_active((uv_handle_t *)&host->settling) &&
        server_is_drained(host->server) && http_server_idle(host->http))
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

/* What a stop and a restart have in common, before the clients are told. */
static void begin_drain(struct host *host, uint64_t limit_ms)
{
    graph_stopping(host->loading.graph);
    uv_update_time(&host->loop); /* the hooks took their time, which is not the clients' */
    uv_timer_start(&host->drain_limit, on_drain_limit, limit_ms, 0);
}

/* A host that leaves already doesn't take its time any more. */
static void stop(struct host *host)
{
    bool is_leaving = host->stopping;
    host->stopping = host->status.is_draining = true;
    http_admin_drain(host->admin); /* who deals out clients shall hear of it first */
    log_info("stopping", log_str("signal", signal_name(atomic_load(&host->signal))),
             log_uint("clients", atomic_load(&host->server->clients)));
    if (!is_leaving) {
        service_notify_stopping();
        begin_drain(host, host->loading.config->limits.drain_ms);
    }
    uv_timer_stop(&host->settling);
    http_server_drain(host->http);
    server_drain(host->server);
}

/* A reload that runs is waited for: what it has is the graph's. */
static void on_stop(uv_async_t *async)
{
    struct host *host = async->data;
    host->stop_asked = true;
    if (host->restart) {
        answer_restart(host, EXIT_FAULT, "the host stops");
        restart_cancel(host->restart);
    }
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

/* On the signals' thread, whatever any other is at: also where that holds what is wanted here. */
static void on_second_signal(void *data, int number)
{
    struct host *host = data;
    signals_end_within(LAST_SECONDS, EXIT_FAULT);
    log_warn("stopped at once, by a second signal", log_str("signal", signal_name(number)));
    log_thread_seize(LAST_WORDS_MS);
    if (atomic_load(&host->is_loaded)) /* while it loads, the copies are the main thread's */
        copy_store_empty(&host->loading.loader.copies);
    _exit(EXIT_FAULT);
}

/* On the signals' thread. */
static void on_hangup(void *data)
{
    struct host *host = data;
    uv_async_send(&host->reload_asked);
}

/* --- Restarting: what the host does that is replaced */

static void on_settled(uv_timer_t *timer)
{
    struct host *host = timer->data;
    on_drained(&host->drained);
}

/* The successor serves. Who connects from now on is its; who is here stays for a while. */
static void leave(struct host *host, pid_t successor)
{
    uint64_t drain_ms = host->loading.config->limits.drain_ms;
    host->stopping = host->status.is_draining = true;
    http_admin_leave(host->admin);
    http_server_leave(host->http);
    server_leave(host->server);
    log_info("restart: the successor is ready, this host drains", log_int("successor", successor),
             log_uint("clients", atomic_load(&host->server->clients)));
    service_notify_successor(successor);
    (void)reload_refuse(&host->reload); /* none runs: see ask_reload() and restart() */
    reload_hurry(&host->reload);        /* a hook that hangs must not keep two hosts running */
    begin_drain(host, drain_ms > LEAST_LEAVE_MS ? drain_ms : LEAST_LEAVE_MS);
    uv_timer_start(&host->settling, on_settled, LEAST_LEAVE_MS, 0);
    server_take_leave(host->server, drain_ms);
}

static void on_restart_over(void *data, const struct restart_end *end)
{
    struct host *host = data;
    host->restart = NULL;
    answer_restart(host, end->exit_code, end->text);
    if (end->is_ready)
        leave(host, end->pid);
}

/* @return To be freed; NULL on no memory. */
static struct listener **list_listeners(struct host *host, size_t *count)
{
    struct listener *admin;
    size_t most = host->server->listener_count + host->http->listener_count;
    for (size_t i = 0; http_admin_listener(host->admin, i); i++)
        most++;
    struct listener **list = calloc(most + 1, sizeof(struct listener *));
    *count = 0;
    if (!list)
        return NULL;
    for (size_t i = 0; i < host->server->listener_count; i++)
        list[(*count)++] = &host->server->listeners[i];
    for (size_t i = 0; i < host->http->listener_count; i++)
        list[(*count)++] = &host->http->listeners[i].socket;
    for (size_t i = 0; (admin = http_admin_listener(host->admin, i)); i++)
        list[(*count)++] = admin;
    return list;
}

static int start_successor(struct host *host, char *why, size_t why_size)
{
    struct restart_plan plan = {
        .program = &host->program,
        .limit_ms = host->loading.config->limits.restart_ms,
        .loop = &host->loop,
        .over = on_restart_over,
        .data = host,
    };
    struct listener **list = list_listeners(host, &plan.listener_count);
    if (!list) {
        (void)snprintf(why, why_size, "out of memory");
        return -1;
    }
    plan.listeners = list;
    host->restart = restart_begin(&plan, why, why_size);
    free(list);
    return host->restart ? 0 : -1;
}

static void refuse_restart(struct control_request *request, const char *why)
{
    char text[512];
    (void)snprintf(text, sizeof text, "%s\n", why);
    if (request)
        control_answer(request, EXIT_FAULT, text);
}

/* A reload and a restart are not for the same moment: either takes the place of what the other
 * works on. @return NULL, or why there can't be a restart. */
static const char *what_goes_on(const struct host *host)
{
    if (host->stop_asked || host->stopping)
        return "this host stops already";
    if (host->restart)
        return "a restart is under way already";
    return host->reload.is_running ? "a reload is under way: ask again when it is over" : NULL;
}

/* @param request  NULL: it was a signal. */
static void restart(struct host *host, struct control_request *request)
{
    char why[500];
    const char *meanwhile = what_goes_on(host);
    if (meanwhile) {
        log_warn("restart: refused", log_str("reason", meanwhile));
        refuse_restart(request, meanwhile);
    } else if (start_successor(host, why, sizeof why)) {
        log_error("restart: failed, this host goes on as before", log_str("reason", why));
        refuse_restart(request, why);
    } else {
        host->restart_request = request;
    }
}

static void on_restart_signal(uv_async_t *async)
{
    restart(async->data, NULL);
}

static void handle_restart(void *data, struct control_request *request, const char *arguments)
{
    if (arguments[0] != '\0')
        control_answer(request, EXIT_USAGE, "restart takes no arguments\n");
    else
        restart(data, request);
}

/* On the signals' thread. */
static void on_restart_asked(void *data)
{
    struct host *host = data;
    uv_async_send(&host->restart_signal);
}

/* --- Reloading */

static void answer_reload(void *data, enum exit_code code, const char *text)
{
    control_answer(data, code, text);
}

/* @param request  NULL: it was a signal. */
static void ask_reload(struct host *host, struct control_request *request)
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

static void on_reload_asked(uv_async_t *async)
{
    ask_reload(async->data, NULL);
}

static void handle_reload(void *data, struct control_request *request, const char *arguments)
{
    struct host *host = data;
    if (arguments[0] != '\0')
        control_answer(request, EXIT_USAGE, "reload takes no arguments\n");
    else
        ask_reload(host, request);
}

static void on_reload_begins(void *data)
{
    (void)data;
    service_notify_reloading();
}

static void on_reload_over(void *data)
{
    struct host *host = data;
    service_notify_ready();
    if (host->stop_asked && !host->stopping)
        stop(host);
}

/* --- Restarting: what the host does that replaces another */

static int load(struct host *host, const char *config_path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *faults = open_memstream(&text, &size);
    int result = loading_init(&host->loading, config_path, true, &host->reload.is_hurried, faults);
    if (faults)
        (void)fclose(faults);
    predecessor_tell_faults(&host->predecessor, text, size);
    free(text);
    return result;
}

/* From here on the sockets are this host's alone, whatever becomes of the one before it. */
static void take_over(struct host *host)
{
    size_t count = 0;
    struct listener **list = list_listeners(host, &count);
    service_notify_ready();
    predecessor_relieve(&host->predecessor);
    for (size_t i = 0; list && i < count; i++)
        listener_take_over(list[i]);
    free(list);
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
    (void)reload_open(&host->reload, &host->loop);
    uv_async_init(&host->loop, &host->reload_asked, on_reload_asked);
    uv_async_init(&host->loop, &host->restart_signal, on_restart_signal);
    uv_timer_init(&host->loop, &host->drain_limit);
    uv_timer_init(&host->loop, &host->settling);
    host->stop.data = host->reload_asked.data = host->drained.data = host->drain_limit.data = host;
    host->restart_signal.data = host->settling.data = host;
    if (!signals_start(&host->signals, &(struct signal_handlers){.on_first = on_first_signal,
                                                                 .on_second = on_second_signal,
                                                                 .on_reload = on_hangup,
                                                                 .on_restart = on_restart_asked,
                                                                 .data = host}))
        return 0;
    finish_drain(host);
    uv_run(&host->loop, UV_RUN_DEFAULT);
    uv_loop_close(&host->loop);
    return -1;
}

/* Of a host that could not be loaded. */
static void close_loop(struct host *host)
{
    signals_stop(&host->signals);
    finish_drain(host);
    uv_run(&host->loop, UV_RUN_DEFAULT);
    uv_loop_close(&host->loop);
}

static uint32_t worker_count(const struct config *config)
{
    return config->workers > 0 ? config->workers : (uint32_t)uv_available_parallelism();
}

static struct descriptor_demand descriptor_demand(const struct config *config)
{
    return (struct descriptor_demand){
        .limits = &config->limits,
        .workers = worker_count(config),
        .http_addresses = config->http.count,
        .admin_addresses = config->admin.count,
    };
}

/* All is there now but the clients. */
static void fit_clients(struct host *host)
{
    const struct descriptor_demand demand = descriptor_demand(host->loading.config);
    struct descriptor_shares shares;
    if (!descriptors_share(&demand, &shares))
        return;
    server_limit(host->server, shares.connections, shares.handshakes);
    http_server_limit(host->http, shares.http_connections);
}

/* Who asks something before the main loop turns waits for it. While there is a host before this one
 * it is that one's to answer. */
static int open_control(struct host *host)
{
    host->commands[0] = (struct control_command){"status", status_handle, &host->status};
    host->commands[1] = (struct control_command){"reload", handle_reload, host};
    host->commands[2] = (struct control_command){"restart", handle_restart, host};
    host->control = control_create(host->commands, &host->loop);
    if (!host->control)
        return -1;
    if (control_open(host->control, &host->loading.config->control))
        return -1;
    return predecessor_is_there(&host->predecessor) ? 0 : control_claim(host->control, 0);
}

static int make(struct host *host)
{
    const struct config *config = host->loading.config;
    host->access = access_create(host->loading.config);
    if (!host->access) {
        log_error("the host could not be made: out of memory");
        return -1;
    }
    /* Before any address is bound: who starts a host twice is told of the other, not of a port. */
    if (open_control(host))
        return -1;
    host->admin = http_admin_create(&config->admin, &host->predecessor.inherited, host->access);
    if (!host->admin)
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
    host->server->access = host->access;
    host->http->access = host->access;
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

/* Takes from the host before this one what that can't take back; so not if that, or somebody else,
 * has told this one to end while it started. */
static int claim(struct host *host)
{
    if (!atomic_load(&host->signal))
        return control_claim(host->control, predecessor_pid(&host->predecessor));
    log_info("restart: told to end before it was ready");
    return -1;
}

static int open_up(struct host *host)
{
    const struct config *config = host->loading.config;
    if (graph_start(host->loading.graph) ||
        server_bind(host->server, config->websocket.addresses, config->websocket.count,
                    &host->predecessor.inherited) ||
        http_server_bind(host->http, &config->http, &host->predecessor.inherited))
        return -1;
    offer_page(host);
    if (server_start(host->server) || graph_ready(host->loading.graph))
        return -1;
    fit_clients(host);
    if (server_accept(host->server, &host->loop) || http_server_start(host->http, &host->loop) ||
        http_admin_start(host->admin))
        return -1;
    if (predecessor_is_there(&host->predecessor) && claim(host))
        return -1;
    http_admin_ready(host->admin, &(struct metrics_sources){.server = host->server,
                                                            .http = host->http,
                                                            .admin = host->admin,
                                                            .slots = &host->slots,
                                                            .tasks = host->tasks});
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
    (void)log_thread_flush(LAST_WORDS_MS);
    _exit(EXIT_FAULT);
}

static void unmake(struct host *host)
{
    control_close(host->control);
    restart_finish(host->restart);
    if (host->http)
        (void)http_server_stop(host->http);
    if (host->server)
        (void)server_stop(host->server);
    http_admin_withdraw(host->admin);
    const int leftovers = reload_end(&host->reload);
    /* libwebsockets unloads its own plugins at the end: it would wait for the lock that a hung
     * dlopen() holds, and so would exit(). */
    if (graph_end(host->loading.graph) || leftovers || atomic_load(&host->loading.loader.is_stuck))
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
    access_destroy(host->access);
    control_destroy(host->control);
    uv_loop_close(&host->loop);
}

/* Also as process 1 of a container: root in there is closer to the machine than others are. */
static void warn_of_root(void)
{
    if (geteuid() == 0)
        log_warn("the host runs as root, which it has no need of, and so do its plugins: start it "
                 "as a user of its own");
}

/* What no configuration does without. */
static int raise_for_any(void)
{
    const struct limits limits = limits_default();
    const struct descriptor_demand demand = {.limits = &limits, .workers = 1};
    return descriptors_raise(&demand);
}

/* What can go wrong between the configuration and the first instance. */
static int prepare(struct host *host)
{
    warn_of_root();
    host_table_fill(&host->table);
    if (slots_init(&host->slots))
        return -1;
    const struct descriptor_demand demand = descriptor_demand(host->loading.config);
    return descriptors_raise(&demand);
}

static enum exit_code load_and_serve(struct host *host, const char *config_path)
{
    enum exit_code code = EXIT_FAULT;
    if (load(host, config_path)) {
        const bool is_stopped = atomic_load(&host->signal) != 0;
        close_loop(host);
        if (is_stopped)
            log_info("stopped while it started");
        return is_stopped ? EXIT_CLEAN : EXIT_USAGE;
    }
    host->real_path = realpath(config_path, NULL);
    host->status.config_path = host->real_path ? host->real_path : config_path;
    atomic_store(&host->is_loaded, true);
    crash_watch_exit();
    reload_watch(&host->reload, &host->loading);
    if (prepare(host)) {
        close_loop(host);
        return EXIT_FAULT;
    }
    if (!make(host) && !open_up(host)) {
        take_over(host);
        uv_run(&host->loop, UV_RUN_DEFAULT);
        code = EXIT_CLEAN;
    }
    unmake(host);
    log_info("stopped");
    return code;
}

enum exit_code host_run(const char *config_path)
{
    struct host host = {
        .status = {.started_ms = clock_wall_ms()},
        .reload = {.config_path = config_path,
                   .notices = {on_reload_begins, on_reload_over, &host}},
    };
    enum exit_code code = EXIT_FAULT;
    (void)signal(SIGPIPE, SIG_IGN); /* a log that nobody reads must not end the host */
    signals_block();
    log_stderr_look();
    if (log_thread_start())
        log_warn("the log has no thread of its own: whoever logs waits for whoever reads stderr");
    crash_watch();
    if (predecessor_meet(&host.predecessor))
        goto finish;
    (void)program_init(&host.program); /* if that fails, a restart will say so */
    if (raise_for_any())
        goto finish;
    if (reload_init(&host.reload))
        goto finish;
    if (open_loop(&host)) /* before anything of a plugin runs: it may hang */
        log_error("the main loop could not be made: out of memory or descriptors");
    else
        code = load_and_serve(&host, config_path);
    reload_finish(&host.reload);

finish:
    if (code != EXIT_CLEAN)
        predecessor_keep(&host.predecessor);
    const bool is_stuck = atomic_load(&host.loading.loader.is_stuck);
    loading_finish(&host.loading);
    program_finish(&host.program);
    free(host.real_path);
    log_thread_stop(LAST_WORDS_MS);
    crash_expect_exit();
    if (is_stuck) /* exit() would wait for the lock that dlopen holds */
        _exit(EXIT_FAULT);
    return code;
}
