/* The metrics of the host; see metrics.h. */
#include "http/metrics.h"

#include "base/log_limit.h"
#include "base/log_thread.h"
#include "http/admin.h"
#include "http/server.h"
#include "instance/guard_ticket.h"
#include "instance/tasks.h"
#include "net/server.h"
#include "net/worker.h"
#include "rooms/connections.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <toni/plugin.h>

/* --- Slots. Names that are gone are left out: who reloads with new names again and again would
 * have more and more to read. One that comes back goes on counting where it was. */

#define ANY_KIND UINT32_MAX

static struct slot *skip_others(struct slot *slot, uint32_t kind)
{
    while (slot && ((slot->kind & kind) == 0 || slot_is_vacant(slot)))
        slot = slot_next(slot);
    return slot;
}

static struct slot *first_of(const struct slots *slots, uint32_t kind)
{
    return skip_others(slots_first(slots), kind);
}

static struct slot *next_of(const struct slot *slot, uint32_t kind)
{
    return skip_others(slot_next(slot), kind);
}

static struct slot *first_of_all(const struct slots *slots)
{
    return skip_others(slots_first(slots), ANY_KIND);
}

static struct slot *next_of_all(const struct slot *slot)
{
    return skip_others(slot_next(slot), ANY_KIND);
}

/* --- Connections */

/* What the workers count, added up. */
struct worker_sums {
    uint64_t sockets;
    uint64_t received;
    uint64_t received_bytes;
    uint64_t deferred;
    uint64_t accepted;
    uint64_t refused[REFUSAL_STATUS_COUNT];
    uint64_t handshakes_late;
    uint64_t ended[END_CAUSE_COUNT];
};

static struct worker_sums add_up(const struct server *server)
{
    struct worker_sums sums = {0};
    for (uint32_t i = 0; i < server->worker_count; i++) {
        const struct worker_figures *figures = &server->workers[i].figures;
        sums.sockets += worker_load(&server->workers[i]);
        sums.received += counter_read(&figures->received);
        sums.received_bytes += counter_read(&figures->received_bytes);
        sums.deferred += counter_read(&figures->deferred);
        sums.accepted += counter_read(&figures->accepted);
        for (unsigned status = 0; status < REFUSAL_STATUS_COUNT; status++)
            sums.refused[status] += counter_read(&figures->refused[status]);
        sums.handshakes_late += counter_read(&figures->handshakes_late);
        for (unsigned cause = 0; cause < END_CAUSE_COUNT; cause++)
            sums.ended[cause] += counter_read(&figures->ended[cause]);
    }
    return sums;
}

static void write_connections(struct exposition *exposition, const struct worker_sums *sums,
                              const struct slots *slots)
{
    static const char *const causes[] = {
#define CAUSE_LABEL(name, label) label,
        END_CAUSES(CAUSE_LABEL)
#undef CAUSE_LABEL
    };
    static const char *const statuses[] = {
#define STATUS_LABEL(status) #status,
        REFUSAL_STATUSES(STATUS_LABEL)
#undef STATUS_LABEL
    };
    exposition_family(exposition, "toni_connections", "gauge",
                      "WebSocket connections that were let in and are not closed yet.");
    for (struct slot *slot = first_of(slots, TONI_GATEWAY); slot;
         slot = next_of(slot, TONI_GATEWAY)) {
        exposition_number(exposition, LABELS({"gateway", slot->name}),
                          atomic_load(&slot->connections));
    }
    exposition_gauge(exposition, "toni_sockets",
                     "Open sockets of WebSocket clients, those in their handshake included.",
                     sums->sockets);
    exposition_counter(exposition, "toni_connections_accepted_total",
                       "Handshakes that were answered with 101.", sums->accepted);
    exposition_family(exposition, "toni_handshakes_refused_total", "counter",
                      "Handshakes that were refused, by the status of the answer.");
    for (unsigned status = 0; status < REFUSAL_STATUS_COUNT; status++)
        exposition_number(exposition, LABELS({"status", statuses[status]}), sums->refused[status]);
    exposition_counter(exposition, "toni_handshakes_timed_out_total",
                       "Handshakes that took longer than handshake_ms.", sums->handshakes_late);
    exposition_family(exposition, "toni_connections_closed_total", "counter",
                      "Connections that ended after they were accepted, by what ended them.");
    for (unsigned cause = 0; cause < END_CAUSE_COUNT; cause++)
        exposition_number(exposition, LABELS({"reason", causes[cause]}), sums->ended[cause]);
}

/* --- Guards that wait */

static void write_guards(struct exposition *exposition, const struct guard_tickets *tickets)
{
    static const char *const outcomes[] = {
#define OUTCOME_LABEL(name, label) label,
        GUARD_OUTCOMES(OUTCOME_LABEL)
#undef OUTCOME_LABEL
    };
    exposition_gauge(exposition, "toni_guards_waiting",
                     "Handshakes that wait for their guard's decision.",
                     counter_read(&tickets->waiting));
    exposition_gauge(exposition, "toni_guard_tickets_abandoned",
                     "Decisions that guards still owe, and that nobody waits for any more.",
                     counter_read(&tickets->abandoned));
    exposition_family(exposition, "toni_guard_waits_total", "counter",
                      "Handshakes whose guard waited, or would have, by what ended that.");
    for (unsigned outcome = 0; outcome < GUARD_OUTCOME_COUNT; outcome++)
        exposition_number(exposition, LABELS({"outcome", outcomes[outcome]}),
                          counter_read(&tickets->outcomes[outcome]));
    exposition_counter(exposition, "toni_guard_decisions_ignored_total",
                       "Decisions of guards that came when nobody waited any more.",
                       counter_read(&tickets->ignored));
}

/* Only of those that were asked: most instances are no guards. */
static bool was_asked(const struct slot *slot)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < GUARD_ANSWER_COUNT; i++)
        sum += counter_read(&slot->figures.guard.answers[i]);
    return sum > 0;
}

static void write_each_guard(struct exposition *exposition, const struct slots *slots)
{
    static const char *const answers[] = {
#define ANSWER_LABEL(name, label) label,
        GUARD_ANSWERS(ANSWER_LABEL)
#undef ANSWER_LABEL
    };
    exposition_family(exposition, "toni_guard_answers_total", "counter",
                      "Handshakes that a guard was asked about, by guard and what became of that.");
    for (struct slot *slot = first_of_all(slots); slot; slot = next_of_all(slot)) {
        for (unsigned i = 0; was_asked(slot) && i < GUARD_ANSWER_COUNT; i++) {
            exposition_number(exposition, LABELS({"guard", slot->name}, {"answer", answers[i]}),
                              counter_read(&slot->figures.guard.answers[i]));
        }
    }
    exposition_family(exposition, "toni_guard_seconds", "histogram",
                      "How long guards took to answer, what they waited for included.");
    for (struct slot *slot = first_of_all(slots); slot; slot = next_of_all(slot)) {
        struct histogram_figures figures = {0};
        if (!was_asked(slot))
            continue;
        striped_histogram_read(&slot->figures.guard.times, &figures);
        exposition_histogram(exposition, LABELS({"guard", slot->name}), &figures);
    }
}

/* --- Places */

/* Of all addresses of one setting. */
struct place_sums {
    const char *listener;
    uint64_t capacity, open, waiting, evicted;
};

static void add_places(struct place_sums *sums, const struct places *places, uint64_t open)
{
    sums->capacity += places->capacity;
    sums->open += open;
    sums->waiting += counter_read(&places->waiting);
    sums->evicted += counter_read(&places->evicted);
}

static void write_places(struct exposition *exposition, const struct metrics_sources *sources,
                         uint64_t sockets)
{
    struct place_sums sums[] = {
        {.listener = "websocket"}, {.listener = "http"}, {.listener = "admin"}};
    static const struct {
        const char *name, *type, *help;
        size_t offset;
    } families[] = {
        {"toni_places", "gauge", "Sockets that may be open at once, by listener.",
         offsetof(struct place_sums, capacity)},
        {"toni_places_taken", "gauge", "Open sockets, by listener.",
         offsetof(struct place_sums, open)},
        {"toni_places_waiting", "gauge",
         "Open sockets whose client the host waits for: in the handshake, or idle.",
         offsetof(struct place_sums, waiting)},
        {"toni_places_evicted_total", "counter",
         "Sockets that were ended while the host waited for their client, to make room.",
         offsetof(struct place_sums, evicted)},
    };
    const struct http_listener *each;
    add_places(&sums[0], &sources->server->places, sockets);
    for (size_t i = 0; i < sources->http->listener_count; i++)
        add_places(&sums[1], &sources->http->listeners[i].places,
                   http_listener_count(&sources->http->listeners[i]));
    for (size_t i = 0; (each = http_admin_http_listener(sources->admin, i)); i++)
        add_places(&sums[2], &each->places, http_listener_count(each));
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        exposition_family(exposition, families[f].name, families[f].type, families[f].help);
        for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
            uint64_t value;
            memcpy(&value, (const char *)&sums[i] + families[f].offset, sizeof value);
            exposition_number(exposition, LABELS({"listener", sums[i].listener}), value);
        }
    }
}

/* --- Messages */

static void write_dropped(struct exposition *exposition, const struct slots *slots)
{
    static const char *const reasons[] = {
#define REASON_LABEL(name, label) label,
        DROP_REASONS(REASON_LABEL)
#undef REASON_LABEL
    };
    exposition_family(exposition, "toni_messages_dropped_total", "counter",
                      "Messages that were accepted for a client and never written, by gateway and "
                      "reason.");
    for (struct slot *slot = first_of(slots, TONI_GATEWAY); slot;
         slot = next_of(slot, TONI_GATEWAY)) {
        for (unsigned reason = 0; reason < DROP_REASON_COUNT; reason++) {
            exposition_number(exposition,
                              LABELS({"gateway", slot->name}, {"reason", reasons[reason]}),
                              counter_read(&slot->clients.dropped[reason]));
        }
    }
}

static void write_messages(struct exposition *exposition, const struct worker_sums *sums,
                           const struct connections_figures *figures, const struct slots *slots)
{
    exposition_counter(exposition, "toni_messages_received_total", "Whole messages from clients.",
                       sums->received);
    exposition_counter(exposition, "toni_received_bytes_total",
                       "Bytes of whole messages from clients, without frame heads.",
                       sums->received_bytes);
    exposition_counter(
        exposition, "toni_receiving_deferred_total",
        "Times that a client's input was set aside, since it had used its share of a turn.",
        sums->deferred);
    exposition_counter(
        exposition, "toni_messages_targeted_total",
        "Messages to clients, once for each client that a send or broadcast was for.",
        figures->targeted);
    exposition_counter(exposition, "toni_messages_queued_total",
                       "Messages that came into outboxes, once for each client.", figures->queued);
    exposition_counter(exposition, "toni_messages_sent_total",
                       "Messages written to sockets, once for each client.", figures->sent);
    exposition_counter(
        exposition, "toni_sent_bytes_total",
        "Bytes written to sockets from outboxes, with frame heads and control frames.",
        figures->sent_bytes);
    exposition_counter(exposition, "toni_gap_notices_total",
                       "Notices to clients of messages that they don't get; see gap_notice.",
                       figures->gap_notices);
    write_dropped(exposition, slots);
}

static void write_refused(struct exposition *exposition, const toni_connections *connections,
                          const struct slots *slots)
{
    static const char *const reasons[] = {
#define REASON_LABEL(name, label) label,
        REFUSED_REASONS(REASON_LABEL)
#undef REASON_LABEL
    };
    exposition_family(exposition, "toni_messages_refused_total", "counter",
                      "Sends and broadcasts that failed at a limit, by the gateway of the client "
                      "that a send was for, and by reason.");
    for (struct slot *slot = first_of(slots, TONI_GATEWAY); slot;
         slot = next_of(slot, TONI_GATEWAY)) {
        for (unsigned reason = 0; reason < REFUSED_BUSY; reason++) {
            exposition_number(exposition,
                              LABELS({"gateway", slot->name}, {"reason", reasons[reason]}),
                              counter_read(&slot->clients.refused[reason]));
        }
    }
    exposition_number(exposition, LABELS({"gateway", ""}, {"reason", reasons[REFUSED_TOO_BIG]}),
                      counter_read(&connections->refused_too_big));
    exposition_number(exposition, LABELS({"gateway", ""}, {"reason", reasons[REFUSED_BUSY]}),
                      counter_read(&connections->refused_busy));
}

static void write_deflate(struct exposition *exposition, const struct deflaters *deflaters)
{
    const uint64_t shrunk = counter_read(&deflaters->shrunk);
    const uint64_t tried = counter_read(&deflaters->tried);
    exposition_family(exposition, "toni_deflate_messages_total", "counter",
                      "Sends and broadcasts that were compressed, once each, by result.");
    exposition_number(exposition, LABELS({"result", "shrunk"}), shrunk);
    exposition_number(exposition, LABELS({"result", "sent_as_is"}),
                      tried > shrunk ? tried - shrunk : 0);
    exposition_family(exposition, "toni_deflate_bytes_total", "counter",
                      "Bytes of the messages that shrank, before and after, once each.");
    exposition_number(exposition, LABELS({"side", "before"}),
                      counter_read(&deflaters->bytes_before));
    exposition_number(exposition, LABELS({"side", "after"}), counter_read(&deflaters->bytes_after));
}

/* --- HTTP */

static void write_answers(struct exposition *exposition, const char *service,
                          const struct counter answers[HTTP_CLASSES])
{
    static const char *const classes[HTTP_CLASSES] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
    for (unsigned i = 1; i < HTTP_CLASSES; i++) /* a service can't answer with 1xx */
        exposition_number(exposition, LABELS({"service", service}, {"status", classes[i]}),
                          counter_read(&answers[i]));
}

/* Of an exchange a stream makes one that was answered, so it can't be ended or stalled by itself.
 */
static void write_kept(struct exposition *exposition, const struct kept_list *kept)
{
    static const char *const outcomes[KEPT_OUTCOME_COUNT] = {
#define OUTCOME_LABEL(name, label) label,
        KEPT_OUTCOMES(OUTCOME_LABEL)
#undef OUTCOME_LABEL
    };
    exposition_gauge(exposition, "toni_http_kept",
                     "HTTP exchanges that services have kept, to answer them later.",
                     counter_read(&kept->waiting));
    exposition_family(exposition, "toni_http_kept_total", "counter",
                      "HTTP exchanges that services have kept, by what became of them.");
    for (unsigned i = KEPT_ANSWERED; i <= KEPT_REFUSED; i++)
        exposition_number(exposition, LABELS({"outcome", outcomes[i]}),
                          counter_read(&kept->outcomes[i]));
    exposition_gauge(exposition, "toni_http_streams", "HTTP answers that services are streaming.",
                     counter_read(&kept->streams));
    exposition_family(exposition, "toni_http_streams_total", "counter",
                      "HTTP answers that services have streamed, by what ended them.");
    for (unsigned i = 0; i < KEPT_OUTCOME_COUNT; i++) {
        if (i != KEPT_LATE && i != KEPT_REFUSED)
            exposition_number(exposition, LABELS({"outcome", outcomes[i]}),
                              counter_read(&kept->streamed[i]));
    }
}

static void write_http(struct exposition *exposition, const struct http_server *http)
{
    exposition_family(exposition, "toni_http_requests_total", "counter",
                      "Answered HTTP requests, by service and by the class of the status.");
    for (struct slot *slot = first_of(http->slots, TONI_SERVICE); slot;
         slot = next_of(slot, TONI_SERVICE)) {
        if (slot_has_path(slot))
            write_answers(exposition, slot->name, slot->answers);
    }
    write_answers(exposition, "", http->answers);
    exposition_gauge(exposition, "toni_http_requests_running",
                     "HTTP requests that have begun and are not answered to the end.",
                     atomic_load(&http->requests));
    write_kept(exposition, &http->slots->kept);
    exposition_gauge(exposition, "toni_http_body_bytes",
                     "Bytes of memory that bodies of HTTP requests take.",
                     atomic_load(&http->body_bytes));
}

/* --- Instances */

static void write_instance_counters(struct exposition *exposition, const struct slots *slots)
{
    static const struct {
        const char *name, *type, *help;
        size_t offset;
    } counters[] = {
        {"toni_callback_failures_total", "counter", "Callbacks that returned an error.",
         offsetof(struct instance_figures, callback_failures)},
        {"toni_callback_failures_kept_total", "counter",
         "Callbacks that returned an error and whose client stayed.",
         offsetof(struct instance_figures, callback_failures_kept)},
        {"toni_slow_callbacks_total", "counter", "Callbacks that took longer than callback_ms.",
         offsetof(struct instance_figures, slow_callbacks)},
        {"toni_slow_hooks_total", "counter", "Life-cycle hooks that took longer than hook_ms.",
         offsetof(struct instance_figures, slow_hooks)},
        {"toni_tasks_run_total", "counter", "Timers, posts and ends of jobs that were run.",
         offsetof(struct instance_figures, tasks_run)},
        {"toni_tasks_cancelled_total", "counter",
         "Tasks that were cancelled, by the plugin or as the instance ended.",
         offsetof(struct instance_figures, tasks_cancelled)},
        {"toni_jobs_run_total", "counter", "Jobs that have ended.",
         offsetof(struct instance_figures, jobs_run)},
        {"toni_periods_skipped_total", "counter",
         "Runs of periodic timers that were left out, since they were late.",
         offsetof(struct instance_figures, periods_skipped)},
        {"toni_tasks_pending", "gauge", "Tasks that are not over yet, timers included.",
         offsetof(struct instance_figures, tasks_pending)},
        {"toni_timers_active", "gauge", "Timers that can be cancelled.",
         offsetof(struct instance_figures, timers_active)},
        {"toni_watches_active", "gauge", "Descriptors that plugins have watched.",
         offsetof(struct instance_figures, watches_active)},
    };
    for (size_t c = 0; c < sizeof counters / sizeof counters[0]; c++) {
        exposition_family(exposition, counters[c].name, counters[c].type, counters[c].help);
        for (struct slot *slot = first_of_all(slots); slot; slot = next_of_all(slot)) {
            const void *counted = (const char *)&slot->figures + counters[c].offset;
            exposition_number(exposition, LABELS({"instance", slot->name}),
                              counter_read((const struct counter *)counted));
        }
    }
}

static void write_instances(struct exposition *exposition, const struct slots *slots)
{
    write_instance_counters(exposition, slots);
    exposition_family(exposition, "toni_lock_wait_seconds_total", "counter",
                      "What callbacks waited for the lock of their instance.");
    for (struct slot *slot = first_of_all(slots); slot; slot = next_of_all(slot)) {
        exposition_seconds(exposition, LABELS({"instance", slot->name}),
                           counter_read(&slot->figures.lock_wait_ns));
    }
    exposition_family(exposition, "toni_callback_seconds", "histogram",
                      "How long callbacks took, without the wait for the lock.");
    for (struct slot *slot = first_of_all(slots); slot; slot = next_of_all(slot)) {
        struct histogram_figures figures = {0};
        striped_histogram_read(&slot->figures.callback_times, &figures);
        exposition_histogram(exposition, LABELS({"instance", slot->name}), &figures);
    }
}

/* --- Workers */

static void write_turns(struct exposition *exposition, const struct server *server)
{
    exposition_family(exposition, "toni_worker_turn_seconds", "histogram",
                      "How long a turn of a worker's loop took, from its first event to the end "
                      "of its flush.");
    for (uint32_t i = 0; i < server->worker_count; i++) {
        char name[16];
        struct histogram_figures figures = {0};
        (void)snprintf(name, sizeof name, "%u", (unsigned)i);
        histogram_read(&server->workers[i].figures.turns, &figures);
        exposition_histogram(exposition, LABELS({"worker", name}), &figures);
    }
}

static void write_log(struct exposition *exposition)
{
    exposition_counter(exposition, "toni_log_lines_lost_total",
                       "Lines of the log that had no place to wait in, since stderr was not read.",
                       log_thread_lost());
    exposition_counter(exposition, "toni_log_lines_suppressed_total",
                       "Lines of the log that were left out, since there were many of their kind.",
                       log_limit_suppressed());
}

static void write_task_threads(struct exposition *exposition, struct tasks *tasks)
{
    const struct tasks_figures figures = tasks_read(tasks);
    exposition_gauge(
        exposition, "toni_task_threads",
        "Threads that run timers and posts: two, and one for each instance that held one up "
        "at the same time as others.",
        figures.threads);
    exposition_counter(exposition, "toni_task_reliefs_total",
                       "How often another thread took over, since a callback or task held one up.",
                       figures.reliefs);
}

void metrics_write_host(struct exposition *exposition, const struct metrics_sources *sources)
{
    toni_connections *connections = sources->server->connections;
    const struct worker_sums sums = add_up(sources->server);
    struct connections_figures figures;
    connections_figures(connections, &figures);
    write_connections(exposition, &sums, sources->slots);
    metrics_write_tls(exposition, sources);
    write_guards(exposition, sources->server->guard_tickets);
    write_each_guard(exposition, sources->slots);
    write_places(exposition, sources, sums.sockets);
    write_messages(exposition, &sums, &figures, sources->slots);
    write_refused(exposition, connections, sources->slots);
    write_deflate(exposition, &connections->deflaters);
    metrics_write_rooms(exposition, connections, &figures);
    metrics_write_cluster(exposition, sources->clustering);
    write_http(exposition, sources->http);
    write_instances(exposition, sources->slots);
    write_task_threads(exposition, sources->tasks);
    write_turns(exposition, sources->server);
    write_log(exposition);
    metrics_write_plugins(exposition, sources->slots);
}
