/* The life of the host from its making to its end; see run.h and host_private.h. */
#include "host/host_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/log_stderr.h"
#include "base/log_thread.h"
#include "base/process_end.h"
#include "config/name.h"
#include "host/crash.h"
#include "host/descriptors.h"
#include "host/host_table.h"
#include "host/service_notify.h"
#include "net/loop.h"
#include "net/trim.h"
#include "watch/watched.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* How long to wait for a predecessor to say whom it knows as revoked: it has only to send that. */
#define REVOCATIONS_MS 5000

/* Closes the loop of a host that has made nothing else yet. */
static void close_loop(struct host *host)
{
    host_close_handles(host);
    uv_run(&host->loop, UV_RUN_DEFAULT);
    uv_loop_close(&host->loop);
}

static int open_loop(struct host *host)
{
    if (loop_init(&host->loop))
        return -1;
    if (uv_async_init(&host->loop, &host->drained, host_on_drained)) {
        uv_loop_close(&host->loop);
        return -1;
    }
    uv_async_init(&host->loop, &host->asked, host_on_asked); /* only the first can fail */
    (void)reload_open(&host->reload, &host->loop);
    uv_timer_init(&host->loop, &host->drain_limit);
    uv_timer_init(&host->loop, &host->settling);
    uv_timer_init(&host->loop, &host->newcomers);
    uv_timer_init(&host->loop, &host->certificates_due);
    host->certificates_due.data = host;
    host->drained.data = host->asked.data = host->drain_limit.data = host;
    host->settling.data = host->newcomers.data = host;
    if (!host_open_signals(host))
        return 0;
    close_loop(host);
    return -1;
}

static uint32_t worker_count(const struct config *config)
{
    return config->workers > 0 ? config->workers : (uint32_t)uv_available_parallelism();
}

static bool speaks_tls(const struct address_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->addresses[i].tls)
            return true;
    }
    return false;
}

/* Before the cluster's engine is attached to, it is taken for one with a single server. */
static uint64_t for_engine(const struct host *host)
{
    const uint64_t known = clustering_descriptors(host->clustering);
    const bool has_cluster = host->loading.config->cluster.at != NULL;
    return known > 0 || !has_cluster ? known : CLUSTERING_SERVER_DESCRIPTORS;
}

static struct descriptor_demand descriptor_demand(const struct host *host)
{
    const struct config *config = host->loading.config;
    return (struct descriptor_demand){
        .limits = &config->limits,
        .workers = worker_count(config),
        .http_addresses = config->http.count,
        .admin_addresses = config->admin.count,
        .is_tls = speaks_tls(&config->http) || speaks_tls(&config->admin),
        .engine = for_engine(host),
    };
}

/* Shares out the free descriptors, once all but clients is open.
 * @return 0; -1: there are too few, which is logged. */
static int fit_clients(struct host *host)
{
    const struct descriptor_demand demand = descriptor_demand(host);
    struct descriptor_shares shares;
    switch (descriptors_share(&demand, &shares)) {
    case DESCRIPTORS_FIT:
        return 0;
    case DESCRIPTORS_TOO_FEW:
        return -1;
    case DESCRIPTORS_LOWERED:
        break;
    }
    server_limit(host->server, shares.connections, shares.handshakes);
    http_server_limit(host->http, shares.http_connections);
    return 0;
}

static int make(struct host *host)
{
    const struct config *config = host->loading.config;
    host->access = access_create(host->loading.config);
    if (!host->access) {
        log_error("the host could not be made: out of memory");
        return -1;
    }
    /* Before any address is bound, so that a second host with this configuration names the first
     * one, not a port in use. */
    if (host_open_control(host))
        return -1;
    host->admin =
        http_admin_create(&config->admin, &host->loading.tls.admin, &host->predecessor.inherited,
                          host->access, &host->loading.admin_token);
    if (!host->admin)
        return -1;
    host->connections = connections_create(host->table, &config->limits, worker_count(config));
    if (!host->connections) {
        log_error("the host could not be made: out of memory");
        return -1;
    }
    if (revocation_store_open(&host->revocation_store, host->connections, config->state))
        return -1;
    revocation_link_join(&host->revocation_links[0], host->connections,
                         host->predecessor.revocations, REVOCATIONS_MS);
    host->predecessor.revocations = -1;
    host->server = server_create(host->connections, &host->slots, &config->limits, &host->drained);
    host->http = http_server_create(host->table, &host->slots, &config->limits, &host->drained);
    if (!host->server || !host->http)
        return -1;
    host->server->access = host->access;
    host->http->access = host->access;
    host->tasks = tasks_create(clock_now_ns);
    if (!host->tasks) {
        log_error("the threads for timers and jobs could not be made: out of memory or threads");
        return -1;
    }
    if (cluster_make(config, host->connections, &host->slots, &host->clustering))
        return -1;
    if (histories_apply(host->connections, config))
        return -1;
    history_timer_start(&host->history_timer, &host->loop, host->connections);
    return graph_create(host->loading.graph, &host->slots, host->table, host->connections,
                        host->tasks);
}

static void report_ready(const struct host *host, uint32_t kind)
{
    const struct graph *graph = host->loading.graph;
    for (size_t i = 0; i < graph->instance_count; i++) {
        const struct instance_setup *setup = &graph->instances[i]->setup;
        if (graph->instances[i]->descriptor->kind & kind) {
            log_info(kind == TONI_GATEWAY ? "gateway ready" : "service ready",
                     log_str(kind_name(kind), setup->name),
                     log_strn("path", setup->path.data, setup->path.size),
                     log_str("module", setup->module), log_str("library", setup->plugin->path));
        }
    }
}

/* A page that can't be offered is no fault. */
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
    if (graph_start(host->loading.graph) || cluster_begin(host->clustering) ||
        server_bind(host->server, config->websocket.addresses, config->websocket.count,
                    &host->loading.tls.websocket, &host->predecessor.inherited) ||
        http_server_bind(host->http, &config->http, &host->loading.tls.http,
                         &host->predecessor.inherited))
        return -1;
    offer_page(host);
    if (server_start(host->server) || graph_ready(host->loading.graph) || fit_clients(host))
        return -1;
    if (server_accept(host->server, &host->loop) || http_server_start(host->http, &host->loop) ||
        http_admin_start(host->admin))
        return -1;
    if (predecessor_is_there(&host->predecessor) && host_claim(host))
        return -1;
    http_admin_ready(host->admin, &(struct metrics_sources){.server = host->server,
                                                            .http = host->http,
                                                            .admin = host->admin,
                                                            .slots = &host->slots,
                                                            .tasks = host->tasks,
                                                            .clustering = host->clustering,
                                                            .is_ready_by_cluster =
                                                                config->cluster.is_ready_by_it});
    host_watch_certificates(host);
    report_ready(host, TONI_GATEWAY);
    report_ready(host, TONI_SERVICE);
    log_info("ready", log_uint("workers", host->connections->lane_count), log_int("pid", getpid()));
    http_server_report_page(host->http);
    host->reload.server = host->server;
    host->reload.clustering = host->clustering;
    host->reload.http = host->http;
    host->reload.admin = host->admin;
    host->status.server = host->server;
    host->status.connections = host->connections;
    host->status.clustering = host->clustering;
    host->status.slots = &host->slots;
    host->status.reload = &host->reload;
    return 0;
}

/* A call that never returns goes on using what it was given, so nothing of that may be freed. */
static void end_at_once(struct host *host)
{
    http_admin_destroy(host->admin);
    signals_stop(&host->signals); /* the handler of a second signal uses the loader */
    plugin_loader_finish(&host->loading.loader);
    (void)log_thread_flush(LAST_WORDS_MS);
    process_end(EXIT_FAULT);
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
    clustering_stop(host->clustering);
    /* exit() would wait for the lock that a hung dlopen() holds. */
    if (graph_end(host->loading.graph) || leftovers || atomic_load(&host->loading.loader.is_stuck))
        end_at_once(host);
    signals_stop(&host->signals); /* they use the graph and the loop */
    host_close_handles(host);
    uv_run(&host->loop, UV_RUN_DEFAULT); /* lets go of the handles */
    graph_destroy(host->loading.graph);
    host->loading.graph = NULL;
    for (size_t i = 0; i < 2; i++)
        revocation_link_close(&host->revocation_links[i]);
    revocation_store_close(&host->revocation_store); /* nobody revokes any more */
    http_server_destroy(host->http);
    server_destroy(host->server);
    connections_destroy(host->connections);
    clustering_destroy(host->clustering);
    tasks_destroy(
        host->tasks); /* after the connections: messages on their way may have had receipts */
    slots_finish(&host->slots);
    http_admin_destroy(host->admin);
    access_destroy(host->access);
    for (size_t i = 0; i < 3; i++)
        certificate_watch_finish(&host->certificates[i]);
    control_destroy(host->control);
    uv_loop_close(&host->loop);
}

/* Warns in containers too: root in there can do more to the machine than another user. */
static void warn_of_root(void)
{
    if (geteuid() == 0)
        log_warn("the host runs as root, which it has no need of, and so do its plugins: start it "
                 "as a user of its own");
}

/* Raises the limit of descriptors to what any configuration needs. */
static int raise_for_any(void)
{
    const struct limits limits = limits_default();
    const struct descriptor_demand demand = {.limits = &limits, .workers = 1};
    return descriptors_raise(&demand);
}

/* All that can fail between the configuration and the first instance. */
static int prepare(struct host *host)
{
    warn_of_root();
    host->table = host_table();
    if (slots_init(&host->slots))
        return -1;
    const struct descriptor_demand demand = descriptor_demand(host);
    return descriptors_raise(&demand);
}

static enum exit_code load_and_serve(struct host *host, const char *config_path)
{
    enum exit_code code = EXIT_FAULT;
    if (host_load(host, config_path)) {
        const bool is_stopped = atomic_load(&host->signal) != 0;
        signals_stop(&host->signals);
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
        signals_stop(&host->signals);
        close_loop(host);
        return EXIT_FAULT;
    }
    if (!make(host) && !open_up(host)) {
        const bool is_successor = predecessor_is_there(&host->predecessor);
        host_take_over(host);
        watchdog_start(&host->watchdog, &host->loop, host->server, host->clustering,
                       service_notify_watchdog_ms(is_successor),
                       host->watch > 0 ? WATCHED_HANG_MS : 0);
        uv_run(&host->loop, UV_RUN_DEFAULT);
        code = EXIT_CLEAN;
    }
    unmake(host);
    log_info("stopped");
    return code;
}

enum exit_code host_run(const char *config_path, bool may_be_root)
{
    struct host host = {
        .status = {.started_ms = clock_wall_ms()},
        .watch = watched_by(),
        .reload = {.config_path = config_path, .notices = host_reload_notices(&host)},
    };
    enum exit_code code = EXIT_FAULT;
    trim_set_bounds();
    /* Neither a log that nobody reads nor one that has reached a limit must end the host. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    signals_block();
    log_stderr_look();
    crash_watch();
    if (predecessor_meet(&host.predecessor))
        goto finish;
    code = host_give_up_root(&host, config_path, may_be_root);
    if (code != EXIT_CLEAN)
        goto finish;
    code = EXIT_FAULT;
    watched_follow(host.watch);
    if (log_thread_start())
        log_warn("the log has no thread of its own: whoever logs waits for whoever reads stderr");
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
        process_end(EXIT_FAULT);
    return code;
}
