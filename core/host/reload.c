/* Reloads; see reload.h. */
#include "host/reload.h"

#include "base/clock.h"
#include "base/log.h"
#include "host/histories.h"
#include "net/access.h"
#include "net/dispatch.h"
#include "net/sweep.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How often to look whether the clients of a removed gateway are gone. */
#define LOOK_EVERY_MS 5

/* The peer has `close_ms`; then its connection is given up, which takes a moment. */
#define GIVE_UP_MS 1000

static const char no_thread[] =
    "nothing is reloaded: a thread can't be started; is there memory, and room for one more task "
    "(TasksMax=, `ulimit -u`)?\n";
static const char too_late[] = "the host stops: it does not reload any more\n";

struct reload_ask {
    struct reload_ask *next;
    reload_done *done;
    void *data;
};

int reload_init(struct reload *reload)
{
    return pthread_mutex_init(&reload->lock, NULL) ? -1 : 0;
}

static void on_worked(uv_async_t *worked);

int reload_open(struct reload *reload, uv_loop_t *loop)
{
    reload->worked.data = reload;
    return uv_async_init(loop, &reload->worked, on_worked);
}

void reload_close(struct reload *reload)
{
    uv_close((uv_handle_t *)&reload->worked, NULL);
}

void reload_watch(struct reload *reload, struct loading *loading)
{
    pthread_mutex_lock(&reload->lock);
    reload->loading = loading;
    if (atomic_load(&reload->is_hurried))
        graph_hurry(loading->graph);
    pthread_mutex_unlock(&reload->lock);
}

void reload_finish(struct reload *reload)
{
    pthread_mutex_destroy(&reload->lock);
    free(reload->last_text);
}

/* --- The world of a swap; on the reload's thread */

static uint64_t within(uint64_t ms)
{
    return clock_now_ns() + ms * NS_PER_MS;
}

static int adopt(void *data, struct slot *slot)
{
    const struct reload *reload = data;
    return sweep_gateway(reload->server, slot, dispatch_renew, within(slot_limits(slot)->hook_ms));
}

static bool is_deserted(const struct reload *reload, struct slot *slot, uint64_t until_ns)
{
    const struct timespec pause = {.tv_nsec = (long)LOOK_EVERY_MS * NS_PER_MS};
    while (atomic_load(&slot->connections) > 0) {
        if (clock_now_ns() >= until_ns || atomic_load(&reload->is_hurried))
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

static int close_clients(void *data, struct slot *slot)
{
    const struct reload *reload = data;
    const uint64_t until_ns = within(slot_limits(slot)->close_ms + GIVE_UP_MS);
    if (sweep_gateway(reload->server, slot, dispatch_dismiss, until_ns))
        return -1;
    return is_deserted(reload, slot, until_ns) ? 0 : -1;
}

static int let_go(void *data, struct slot *slot)
{
    const struct reload *reload = data;
    return cluster_let_go(reload->clustering, slot);
}

static void go_on(void *data, struct slot *slot)
{
    const struct reload *reload = data;
    cluster_go_on(reload->clustering, slot);
}

/* --- The reload's thread */

static void report_faults(struct reload *reload, struct fault_list *faults)
{
    fault_list_sort(faults);
    for (size_t i = 0; i < faults->count; i++) {
        const struct fault *fault = &faults->faults[i];
        log_write(fault->is_warning ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR,
                  fault->is_warning ? "reload: a warning" : "reload refused",
                  (const struct log_field[]){log_str("file", fault->file),
                                             log_uint("line", fault->line),
                                             log_str("fault", fault->text)},
                  3);
    }
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream) {
        fault_list_print(faults, stream);
        if (!fclose(stream))
            (void)buffer_append(&reload->text, text, size); /* without memory only the log has it */
    }
    free(text);
}

static void report_success(struct reload *reload, const struct swap_report *report)
{
    log_info("reloaded", log_uint("swapped", report->swapped), log_uint("added", report->added),
             log_uint("removed", report->removed), log_uint("limits", report->limited),
             log_uint("paused_us", report->paused_ns / 1000),
             log_uint("plugins_us", report->plugins_ns / 1000));
    (void)buffer_appendf(&reload->text,
                         "reloaded: %zu swapped, %zu added, %zu removed, %zu with other limits; "
                         "paused for %.3f ms\n",
                         report->swapped, report->added, report->removed, report->limited,
                         (double)report->paused_ns / NS_PER_MS);
    (void)buffer_append(&reload->text, report->lines.bytes, report->lines.length);
    if (report->unfinished > 0) {
        (void)buffer_appendf(&reload->text,
                             "%zu old instances could not be ended yet; the log names them\n",
                             report->unfinished);
    }
}

static void report_certificates(struct reload *reload)
{
    const size_t count = tls_sets_differ(&reload->loading->tls, &reload->next_tls);
    if (count == 0)
        return;
    log_info("other certificates are shown from now on", log_uint("addresses", count));
    (void)buffer_appendf(&reload->text,
                         "other certificates on %zu addresses, for who connects from now on\n",
                         count);
}

/* @return A graph without faults, or NULL. */
static struct graph *read_next(struct reload *reload, struct fault_list *faults)
{
    const struct graph *now = reload->loading->graph;
    if (atomic_load(&reload->loading->loader.is_stuck)) {
        fault_add(faults, reload->config_path, 0,
                  "a library that an earlier reload brought in is being loaded still: this host "
                  "can load nothing more; `toni restart`");
        return NULL;
    }
    struct config *config = gateways_conf_read(reload->config_path, faults);
    struct graph *next = NULL;
    if (config) {
        changes_check_host(now->config, config, faults);
        (void)admin_token_read(&reload->next_admin_token, config->admin_token, config->folder,
                               faults);
        (void)tls_sets_load(&reload->next_tls, config, faults);
        next = graph_check(config, &reload->loading->loader, now, faults);
        if (next && fault_list_empty(faults))
            changes_check_namespaces(now, next, faults);
    }
    gateways_conf_destroy(config); /* the graph has its own reference */
    if (next && fault_list_empty(faults) && !graph_map(next, faults))
        return next;
    graph_destroy(next);
    return NULL;
}

static void swap(struct reload *reload, struct graph *next, struct fault_list *faults)
{
    const struct swap_world world = {.data = reload,
                                     .adopt = adopt,
                                     .close_clients = close_clients,
                                     .let_go = let_go,
                                     .go_on = go_on};
    struct swap_report report = {0};
    if (cluster_open_doors(reload->clustering, next->config, reload->server->connections)) {
        fault_at(faults, next->config->tree, "out of memory for its namespaces");
        graph_destroy(next);
        return;
    }
    if (!swap_run(reload->loading->graph, next, &world, &reload->leftovers, faults, &report)) {
        reload->next = next;
        reload->code = report.not_ready > 0 ? EXIT_FAULT : EXIT_CLEAN;
        report_success(reload, &report);
        report_certificates(reload);
    }
    swap_report_finish(&report);
}

static void *work(void *data)
{
    struct reload *reload = data;
    struct fault_list faults;
    fault_list_init(&faults);
    buffer_init(&reload->text);
    reload->next = NULL;
    reload->code = EXIT_USAGE;
    struct graph *next = read_next(reload, &faults);
    if (next) {
        reload->code = EXIT_FAULT;
        swap(reload, next, &faults);
    }
    if (!reload->next)
        tls_sets_finish(&reload->next_tls);
    report_faults(reload, &faults); /* or warnings */
    fault_list_finish(&faults);
    uv_async_send(&reload->worked);
    return NULL;
}

/* --- The main thread */

static void take_over(struct reload *reload)
{
    struct loading *loading = reload->loading;
    if (!reload->next)
        return;
    gateways_conf_destroy(loading->config);
    loading->graph = reload->next;
    loading->config = gateways_conf_ref(reload->next->config);
    access_change(reload->server->access, loading->config);
    http_admin_change_token(reload->admin, &reload->next_admin_token);
    server_change_tls(reload->server, &reload->next_tls.websocket);
    http_server_change_tls(reload->http, &reload->next_tls.http);
    http_admin_change_tls(reload->admin, &reload->next_tls.admin);
    tls_sets_finish(&loading->tls);
    loading->tls = reload->next_tls;
    reload->next_tls = (struct tls_sets){0};
    reload->server->limits.hook_ms = loading->config->limits.hook_ms;
    (void)histories_apply(reload->server->connections, loading->config);
    reload->server->limits.watchdog_ms = loading->config->limits.watchdog_ms;
    http_server_describe_again(reload->http);
}

static void remember(struct reload *reload, const char *text)
{
    reload->count++;
    reload->last_ms = clock_wall_ms();
    free(reload->last_text);
    reload->last_text = strdup(text);
    reload->old_libraries = reload->loading->loader.retired;
}

static void answer(struct reload_ask *asks, enum exit_code code, const char *text)
{
    for (struct reload_ask *ask = asks, *next; ask; ask = next) {
        next = ask->next;
        if (ask->done)
            ask->done(ask->data, code, text);
        free(ask);
    }
}

static void begin(struct reload *reload);

static void on_worked(uv_async_t *worked)
{
    struct reload *reload = worked->data;
    struct reload_ask *asks = reload->answered;
    pthread_join(reload->thread, NULL);
    pthread_mutex_lock(&reload->lock);
    take_over(reload);
    reload->is_running = false;
    pthread_mutex_unlock(&reload->lock);
    reload->answered = NULL;
    const char *text = buffer_append(&reload->text, "", 1) ? "out of memory\n" : reload->text.bytes;
    remember(reload, text);
    answer(asks, reload->code, text);
    buffer_finish(&reload->text);
    if (reload->waiting && !reload->is_refused) {
        begin(reload);
        return;
    }
    answer(reload->waiting, EXIT_FAULT, too_late);
    reload->waiting = NULL;
    reload->notices.is_over(reload->notices.data);
}

/* Answers that no thread could be started, for want of memory or of what the system allows. */
static void refuse_for_want_of_a_thread(struct reload *reload)
{
    struct reload_ask *asks = reload->answered;
    reload->answered = NULL;
    pthread_mutex_lock(&reload->lock);
    reload->is_running = false;
    pthread_mutex_unlock(&reload->lock);
    log_warn("reload refused", log_str("reason", "a thread can't be started"));
    answer(asks, EXIT_FAULT, no_thread);
    reload->notices.is_over(reload->notices.data);
}

/* Not on a thread of libuv's pool: that ends the process if it can't start its threads. */
static void begin(struct reload *reload)
{
    reload->answered = reload->waiting;
    reload->waiting = NULL;
    pthread_mutex_lock(&reload->lock);
    reload->is_running = true;
    pthread_mutex_unlock(&reload->lock);
    reload->notices.begins(reload->notices.data);
    if (pthread_create(&reload->thread, NULL, work, reload))
        refuse_for_want_of_a_thread(reload);
}

void reload_ask(struct reload *reload, reload_done *done, void *data)
{
    struct reload_ask *ask = calloc(1, sizeof *ask);
    if (!ask || reload->is_refused) {
        const char *why = ask ? too_late : "out of memory\n";
        log_warn("reload refused", log_str("reason", ask ? "the host stops" : "out of memory"));
        if (done)
            done(data, EXIT_FAULT, why);
        free(ask);
        return;
    }
    *ask = (struct reload_ask){.next = reload->waiting, .done = done, .data = data};
    reload->waiting = ask;
    if (!reload->is_running)
        begin(reload);
}

bool reload_refuse(struct reload *reload)
{
    reload->is_refused = true;
    return reload->is_running;
}

/* A swap that runs checks `is_hurried` by itself, and may be about to free the graph. */
void reload_hurry(struct reload *reload)
{
    atomic_store(&reload->is_hurried, true);
    pthread_mutex_lock(&reload->lock);
    if (!reload->is_running && reload->loading)
        graph_hurry(reload->loading->graph);
    pthread_mutex_unlock(&reload->lock);
}

int reload_end(struct reload *reload)
{
    return swap_leftovers_end(&reload->leftovers, reload->loading->graph);
}
