/* A restart, as the host on either side sees it: the one that is replaced starts its successor and
 * leaves once that is ready; the successor takes over. See host_private.h. */
#include "host/host_private.h"

#include "base/log.h"
#include "host/privileges.h"
#include "host/service_notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long a host that leaves waits at least: for clients in their handshake, and for connections
 * that libmicrohttpd was about to accept. */
#define LEAST_LEAVE_MS 250

/* --- The host that is replaced */

void host_answer_restart(struct host *host, enum exit_code code, const char *text)
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

static void on_settled(uv_timer_t *timer)
{
    host_check_drained(timer->data);
}

/* The successor serves: new clients are its, those that are here are drained. */
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
    (void)reload_refuse(&host->reload); /* none runs: neither begins during the other */
    reload_hurry(&host->reload);        /* a hook that hangs must not keep two hosts running */
    host_begin_drain(host, drain_ms > LEAST_LEAVE_MS ? drain_ms : LEAST_LEAVE_MS,
                     TONI_STOPPING_RESTART);
    uv_timer_start(&host->settling, on_settled, LEAST_LEAVE_MS, 0);
    server_drain_staggered(host->server, drain_ms);
}

static void on_restart_over(void *data, const struct restart_end *end)
{
    struct host *host = data;
    host->restart = NULL;
    host_answer_restart(host, end->exit_code, end->text);
    if (end->is_ready)
        leave(host, end->pid);
    else
        revocation_link_close(&host->revocation_links[1]);
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
    struct revocation_link *link = &host->revocation_links[1];
    struct listener **list = list_listeners(host, &plan.listener_count);
    if (!list) {
        (void)snprintf(why, why_size, "out of memory");
        return -1;
    }
    plan.listeners = list;
    if (revocation_link_begin(link, host->connections, &plan.revocations)) {
        (void)snprintf(why, why_size, "no sockets or thread for the successor: %s",
                       strerror(errno));
        free(list);
        return -1;
    }
    host->restart = restart_begin(&plan, why, why_size);
    close(plan.revocations); /* the successor has it, or nobody: the link ends then */
    free(list);
    if (!host->restart)
        revocation_link_close(link);
    return host->restart ? 0 : -1;
}

static void refuse_restart(struct control_request *request, const char *why)
{
    char text[512];
    (void)snprintf(text, sizeof text, "%s\n", why);
    if (request)
        control_answer(request, EXIT_FAULT, text);
}

/* Reload and restart exclude each other, since either replaces what the other works on.
 * @return NULL, or why there can't be a restart. */
static const char *what_goes_on(const struct host *host)
{
    if (host->stop_asked || host->stopping)
        return "this host stops already";
    if (host->restart)
        return "a restart is under way already";
    return host->reload.is_running ? "a reload is under way: ask again when it is over" : NULL;
}

/* A successor would be no child of the watch's, which starts a host anew when this one has ended,
 * and holds the sockets meanwhile. */
static void stop_for_the_watch(struct host *host, struct control_request *request)
{
    log_info("restart: `toni run --watch` starts this host anew", log_int("watch", host->watch));
    if (request)
        control_answer(request, EXIT_CLEAN, "`toni run --watch` starts the host anew\n");
    host_ask_stop(host);
}

void host_restart(struct host *host, struct control_request *request)
{
    char why[500];
    const char *meanwhile = what_goes_on(host);
    if (meanwhile) {
        log_warn("restart: refused", log_str("reason", meanwhile));
        refuse_restart(request, meanwhile);
    } else if (host->watch > 0) {
        stop_for_the_watch(host, request);
    } else if (start_successor(host, why, sizeof why)) {
        log_error("restart: failed, this host goes on as before", log_str("reason", why));
        refuse_restart(request, why);
    } else {
        host->restart_request = request;
    }
}

/* --- The host that replaces it */

enum exit_code host_give_up_root(struct host *host, const char *config_path, bool may_be_root)
{
    char *text = NULL;
    size_t size = 0;
    const bool was_root = geteuid() == 0;
    FILE *faults = open_memstream(&text, &size);
    const enum exit_code code =
        privileges_give_up(config_path, may_be_root, &host->predecessor.inherited, faults);
    if (faults)
        (void)fclose(faults);
    predecessor_send_faults(&host->predecessor, text, size);
    free(text);
    if (code == EXIT_CLEAN && was_root && geteuid() != 0)
        log_info("root is given up", log_uint("user", geteuid()), log_uint("group", getegid()));
    return code;
}

int host_load(struct host *host, const char *config_path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *faults = open_memstream(&text, &size);
    int result =
        loading_init(&host->loading, config_path, LOADING_TO_RUN, &host->reload.is_hurried, faults);
    if (faults)
        (void)fclose(faults);
    predecessor_send_faults(&host->predecessor, text, size);
    free(text);
    return result;
}

int host_claim(struct host *host)
{
    if (!atomic_load(&host->signal))
        return control_claim(host->control, predecessor_pid(&host->predecessor));
    log_info("restart: told to end before it was ready");
    return -1;
}

void host_take_over(struct host *host)
{
    size_t count = 0;
    struct listener **list = list_listeners(host, &count);
    service_notify_ready();
    predecessor_relieve(&host->predecessor);
    for (size_t i = 0; list && i < count; i++)
        listener_take_over(list[i]);
    free(list);
}
