/* Trying the cluster's engine; see engine_trial.h. The process says what it finds as strings, three
 * for each, with their NULs: IS_WARNING or nothing, a server's name or nothing, and a text. */
#include "host/engine_trial.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/process_end.h"
#include "base/process_wait.h"
#include "clustering/clustering.h"
#include "host/host_table.h"
#include "rooms/connections.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A server that is not up by then has a fault; one that was tried so often in vain, at once. */
#define SERVERS_MS 5000
#define TRIES 3

/* How long the engine may take to let go, beside what its hooks may. */
#define END_MS 5000

/* Loading, `create`, `start` and `destroy`. */
#define HOOKS 4

#define LOOK_EVERY_MS 10

#define IS_WARNING "warning"

#define OFFLINE "; `toni check --offline` asks no server"

/* --- In the process */

static void say_as(int out, const char *kind, const char *server, const char *text)
{
    struct buffer said;
    buffer_init(&said);
    if (buffer_append(&said, kind, strlen(kind) + 1) ||
        buffer_append(&said, server, strlen(server) + 1) ||
        buffer_append(&said, text, strlen(text) + 1) ||
        write(out, said.bytes, said.length) != (ssize_t)said.length)
        process_end(EXIT_FAILURE); /* which the host tells */
    buffer_finish(&said);
}

static void say(int out, const char *server, const char *text)
{
    say_as(out, "", server, text);
}

static void say_faults(int out, const struct fault_list *faults)
{
    for (size_t i = 0; i < faults->count; i++) {
        if (!faults->faults[i].is_warning)
            say(out, "", faults->faults[i].text);
    }
}

/* What failed of those that were to be made and started. */
static void say_failures(int out, const struct graph *graph)
{
    char text[FAILURE_SIZE + 256];
    for (size_t i = 0; i < graph->setup_count; i++) {
        const struct life *life = &graph->lives[i];
        if (life->result == TONI_OK && !life->is_abandoned)
            continue;
        (void)snprintf(text, sizeof text, "`%s` can't be made ready: %s", graph->setups[i].name,
                       life->is_abandoned ? "a hook has not returned within hook_ms"
                                          : life_why(life, life->result));
        say(out, "", text);
    }
}

/* @return Whether there is nothing to be waited for. */
static bool is_decided(struct clustering *clustering, uint32_t index,
                       const struct clustering_server *server)
{
    struct clustering_findings findings;
    return server->node.state == SERVER_UP || server->node.connections > TRIES ||
           clustering_findings(clustering, index, &findings);
}

static bool are_decided(struct clustering *clustering, const struct clustering_report *report)
{
    for (uint32_t i = 0; i < report->count; i++) {
        if (!is_decided(clustering, i, &report->servers[i]))
            return false;
    }
    return report->count > 0;
}

static void say_server(int out, const struct clustering_server *server)
{
    const char *why = cluster_why_text(server->node.why);
    if (server->node.why == WHY_START || server->node.why == WHY_CONNECTED ||
        server->node.why == WHY_NO_REPLY)
        why = "it has not answered in time";
    say(out, server->name, server->why[0] != '\0' ? server->why : why);
}

static void say_findings(int out, const char *server, const struct clustering_findings *findings)
{
    for (uint32_t i = 0; i < findings->count; i++) {
        const struct clustering_finding *finding = &findings->list[i];
        say_as(out, finding->is_warning ? IS_WARNING : "", server, finding->text);
    }
}

/* The thread is in a call that does not end, so nothing can be ended in peace. */
static void end_if_held(int out, const struct clustering *clustering)
{
    struct clustering_held held;
    char text[160];
    if (!clustering_held(clustering, &held) || clock_now_ns() < held.since_ns + NS_PER_S)
        return;
    (void)snprintf(text, sizeof text, "its function `%s` has not returned", held.callback);
    say(out, "", text);
    process_end(EXIT_SUCCESS);
}

static void look_at_servers(int out, struct clustering *clustering)
{
    struct clustering_report report;
    struct clustering_findings findings;
    const uint64_t until_ms = clock_now_ms() + SERVERS_MS;
    do {
        (void)poll(NULL, 0, LOOK_EVERY_MS);
        clustering_read(clustering, &report);
    } while (!are_decided(clustering, &report) && clock_now_ms() < until_ms);
    end_if_held(out, clustering);
    for (uint32_t i = 0; i < report.count; i++) {
        if (clustering_findings(clustering, i, &findings))
            say_findings(out, report.servers[i].name, &findings);
        else if (report.servers[i].node.state != SERVER_UP)
            say_server(out, &report.servers[i]);
    }
}

static void attach(int out, const struct config *config, toni_connections *connections,
                   struct slots *slots)
{
    const struct clustering_settings settings = {.engine = config->cluster.engine,
                                                 .node = config->cluster.node,
                                                 .receipt_ms = config->cluster.receipt_ms,
                                                 .only_looks = true};
    struct clustering_report report;
    struct clustering *clustering = clustering_create(&settings, connections, slots);
    if (!clustering) {
        say(out, "", "there is no memory, or no descriptor, to try it");
        return;
    }
    if (clustering_start(clustering) == 0) {
        look_at_servers(out, clustering);
    } else {
        clustering_read(clustering, &report);
        say(out, "", report.refusal ? report.refusal : "its thread can't be started");
    }
    clustering_stop(clustering);
}

static void try_engine(int out, struct graph *graph, size_t number, struct slots *slots)
{
    struct fault_list faults;
    fault_list_init(&faults);
    graph_hurry(graph);
    if (graph_map(graph, &faults)) {
        say_faults(out, &faults);
        return;
    }
    const toni_host *table = host_table();
    toni_connections *connections = connections_create(table, &graph->config->limits, 1);
    struct tasks *tasks = tasks_create(clock_now_ns);
    if (!connections || !tasks || slots_init(slots)) {
        say(out, "", "there is no memory to try it");
        return;
    }
    if (graph_create_one(graph, number, slots, table, connections, tasks) || graph_start(graph))
        say_failures(out, graph);
    else
        attach(out, graph->config, connections, slots);
    (void)graph_end(graph);
}

/* Its log is of no interest: what comes of it is said as faults. */
static void hear_nothing(void *data, enum log_level level, const char *line, size_t length)
{
    (void)data, (void)level, (void)line, (void)length;
}

_Noreturn static void serve(struct graph *graph, size_t number, int out, pid_t parent)
{
    struct slots slots;
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* The standard output is for what the check prints. */
    if (getppid() != parent || nowhere < 0 || dup2(nowhere, STDOUT_FILENO) < 0)
        process_end(EXIT_FAILURE);
    log_set_sink(hear_nothing, NULL);
    try_engine(out, graph, number, &slots);
    process_end(EXIT_SUCCESS);
}

/* --- In the host */

/* @return The setting that says it, or @p group itself. */
static const struct value *find_text(const struct value *group, const char *text)
{
    for (const struct value *value = value_first(group); value; value = value_next(value)) {
        const enum value_type type = value_type(value);
        if (type == VALUE_STRING && strcmp(value_string(value), text) == 0)
            return value;
        if (type != VALUE_GROUP && type != VALUE_LIST)
            continue;
        const struct value *found = find_text(value, text);
        if (found != value)
            return found;
    }
    return group;
}

static void take_answer(const struct instance_setup *setup, bool is_warning, const char *server,
                        const char *text, struct fault_list *faults)
{
    const struct value *options = setup->options ? setup->options : setup->at;
    if (server[0] == '\0') {
        fault_at(faults, setup->at, "the cluster's engine `%s` can't be used: %s", setup->name,
                 text);
    } else if (is_warning) {
        fault_warn_at(faults, find_text(options, server),
                      "server `%s` of the cluster's engine `%s`: %s", server, setup->name, text);
    } else {
        fault_at(faults, find_text(options, server),
                 "server `%s` of the cluster's engine `%s` can't be used: %s" OFFLINE, server,
                 setup->name, text);
    }
}

/* @return The next string, which has its NUL; NULL: the process has ended within it. */
static const char *next_string(const struct buffer *heard, size_t *at)
{
    const char *string = heard->bytes + *at;
    const size_t left = heard->length - *at, size = strnlen(string, left);
    *at += size + 1;
    return size < left ? string : NULL;
}

static void take_answers(const struct instance_setup *setup, const struct buffer *heard,
                         struct fault_list *faults)
{
    for (size_t at = 0; at < heard->length;) {
        const char *kind = next_string(heard, &at);
        const char *server = kind && at < heard->length ? next_string(heard, &at) : NULL;
        const char *text = server && at < heard->length ? next_string(heard, &at) : NULL;
        if (!text)
            return; /* which is told */
        take_answer(setup, strcmp(kind, IS_WARNING) == 0, server, text, faults);
    }
}

/* @return Whether all was said within the limit. */
static bool listen_to(int in, uint64_t limit_ms, struct buffer *heard)
{
    const uint64_t until_ms = clock_now_ms() + limit_ms;
    struct pollfd socket = {.fd = in, .events = POLLIN};
    char part[1024];
    for (uint64_t now; (now = clock_now_ms()) < until_ms;) {
        const uint64_t left = until_ms - now;
        if (poll(&socket, 1, left < INT16_MAX ? (int)left : INT16_MAX) <= 0)
            continue;
        const ssize_t got = read(in, part, sizeof part);
        if (got == 0)
            return true;
        if (got > 0)
            (void)buffer_append(heard, part, (size_t)got); /* without memory one is missing */
    }
    return false;
}

/* @return Whether it has ended, or does so at once: it has said all. */
static bool ends(pid_t pid)
{
    const uint64_t until_ms = clock_now_ms() + END_MS;
    while (!process_has_ended(pid)) {
        if (clock_now_ms() >= until_ms)
            return false;
        (void)poll(NULL, 0, 1);
    }
    return true;
}

static void tell_end(const struct instance_setup *setup, int status, uint64_t limit_ms,
                     struct fault_list *faults)
{
    const char *name = WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : NULL;
    if (limit_ms > 0) {
        fault_at(faults, setup->at,
                 "trying the cluster's engine `%s` took longer than %llu ms: one of its functions "
                 "has not returned",
                 setup->name, (unsigned long long)limit_ms);
    } else if (name) {
        fault_at(faults, setup->at,
                 "the cluster's engine `%s` ended the process that tried it: SIG%s", setup->name,
                 name);
    } else if (status != 0) {
        fault_at(faults, setup->at,
                 "the cluster's engine `%s` ended the process that tried it, or that had no "
                 "memory: status %#x",
                 setup->name, (unsigned)status);
    }
}

static void hear(const struct instance_setup *setup, pid_t pid, int in, struct fault_list *faults)
{
    const uint64_t limit_ms = HOOKS * setup->limits.hook_ms + SERVERS_MS + END_MS;
    struct buffer heard;
    buffer_init(&heard);
    const bool is_late = !listen_to(in, limit_ms, &heard) || !ends(pid);
    if (is_late)
        kill(pid, SIGKILL);
    const int status = process_reap(pid);
    take_answers(setup, &heard, faults);
    tell_end(setup, status, is_late ? limit_ms : 0, faults);
    buffer_finish(&heard);
}

/* @return Its number; setup_count: there is no cluster. */
static size_t find_engine(const struct graph *graph)
{
    const struct config_cluster *cluster = &graph->config->cluster;
    size_t number = 0;
    if (!cluster->at)
        return graph->setup_count;
    while (number < graph->setup_count && strcmp(graph->setups[number].name, cluster->engine) != 0)
        number++;
    return number;
}

void engine_trial(struct graph *graph, struct fault_list *faults)
{
    const size_t number = find_engine(graph);
    int ends[2];
    if (number == graph->setup_count)
        return;
    const struct instance_setup *setup = &graph->setups[number];
    const pid_t self = getpid();
    if (pipe2(ends, O_CLOEXEC)) {
        fault_at(faults, setup->at, "the cluster's engine `%s` can't be tried: %s", setup->name,
                 strerror(errno));
        return;
    }
    const pid_t pid = fork();
    const int error = errno;
    if (pid == 0) {
        close(ends[0]);
        serve(graph, number, ends[1], self);
    }
    close(ends[1]);
    if (pid > 0)
        hear(setup, pid, ends[0], faults);
    else
        fault_at(faults, setup->at, "the cluster's engine `%s` can't be tried: %s", setup->name,
                 strerror(error));
    close(ends[0]);
}
