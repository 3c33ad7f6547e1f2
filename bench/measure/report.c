/* Reports; see report.h. */
#include "measure/report.h"

#include "base/clock.h"

#include <jansson.h>
#include <stdio.h>

#define EXIT_WRONG 3

/* From which share of the time on somebody was busy all along. */
#define BUSY 0.9

static double seconds(uint64_t ns)
{
    return (double)ns / (double)NS_PER_S;
}

/* The share of the window in which somebody ran or was kept from it by others on the machine. */
static double busy(const struct window *window, const struct cpu_time *time)
{
    return window->wall_ns ? (double)(time->used_ns + time->waited_ns) / (double)window->wall_ns
                           : 0;
}

static double per_second(uint64_t count, uint64_t ns)
{
    return ns ? (double)count / seconds(ns) : 0;
}

static json_t *latencies(const struct percentiles *percentiles)
{
    return json_pack("{s:f, s:f, s:f}", "p50", (double)percentiles_at(percentiles, 0.5) / 1e3,
                     "p99", (double)percentiles_at(percentiles, 0.99) / 1e3, "max",
                     (double)percentiles->largest / 1e3);
}

static json_t *memory(const struct memory *memory)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "before", (json_int_t)memory->before,
                     "opened", (json_int_t)memory->opened, "connected",
                     (json_int_t)memory->connected, "joined", (json_int_t)memory->joined, "after",
                     (json_int_t)memory->after, "peak_resident", (json_int_t)memory->peak);
}

static json_t *faults(const struct tally *tally)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "lost", (json_int_t)tally->lost, "late",
                     (json_int_t)tally->late, "repeated", (json_int_t)tally->repeated, "strayed",
                     (json_int_t)tally->strayed, "damaged", (json_int_t)tally->damaged);
}

/* How many of some connections have ended, by the code of the close frame. */
static json_t *closed(const struct crowd *crowd, uint32_t from, uint32_t to)
{
    json_t *object = json_object();
    for (uint32_t i = from; i < to; i++) {
        const struct connection *connection = &crowd->connections[i];
        if (connection->stream.fd >= 0 && !connection->close_code)
            continue;
        char code[16] = "lost";
        if (connection->broken)
            (void)snprintf(code, sizeof code, "protocol");
        else if (connection->close_code)
            (void)snprintf(code, sizeof code, "%u", (unsigned)connection->close_code);
        json_int_t count = json_integer_value(json_object_get(object, code));
        (void)json_object_set_new(object, code, json_integer(count + 1));
    }
    return object;
}

/* With a rate the generator stays awake between two messages, so it is judged by how late it was:
 * were it the cause of half of the latency, the latency would be its own. */
static bool generator_was_the_limit(const struct run *run, const struct crowd *crowd)
{
    const struct window *window = &run->window;
    if (crowd->options->rate > 0)
        return percentiles_at(&crowd->late, 0.99) >
               percentiles_at(&crowd->healthy.latencies, 0.99) / 2;
    return busy(window, &window->generator) >= BUSY && busy(window, &window->server) < BUSY;
}

static json_t *window_report(const struct run *run, const struct crowd *crowd)
{
    const struct window *window = &run->window;
    double server = busy(window, &window->server), generator = busy(window, &window->generator);
    return json_pack("{s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:b}", "sent",
                     (json_int_t)window->sent, "expected", (json_int_t)window->expected,
                     "delivered", (json_int_t)window->delivered, "wall_s", seconds(window->wall_ns),
                     "deliveries_per_s", per_second(window->delivered, window->wall_ns),
                     "server_cpu_s", seconds(window->server.used_ns), "deliveries_per_cpu_s",
                     per_second(window->delivered, window->server.used_ns), "server_busy", server,
                     "generator_cpu_s", seconds(window->generator.used_ns), "generator_busy",
                     generator, "generator_was_the_limit", generator_was_the_limit(run, crowd));
}

static json_t *slow_report(const struct crowd *crowd)
{
    const struct tally *tally = &crowd->slow;
    return json_pack("{s:i, s:I, s:o, s:o}", "connections", (int)crowd->options->slow, "delivered",
                     (json_int_t)tally->delivered, "faults", faults(tally), "closed",
                     closed(crowd, 0, crowd->options->slow));
}

/* What a slow one has missed is a policy's to decide; all else must be right. */
static bool is_right(const struct run *run, const struct crowd *crowd, const json_t *closed_healthy)
{
    const struct tally *healthy = &crowd->healthy, *slow = &crowd->slow;
    return run->window.sent == crowd->options->messages &&
           run->window.delivered == run->window.expected &&
           healthy->lost + healthy->late + healthy->repeated + healthy->strayed +
                   healthy->damaged ==
               0 &&
           slow->late + slow->repeated + slow->strayed + slow->damaged == 0 &&
           json_object_size(closed_healthy) == 0;
}

int report_print(const struct run *run, const struct crowd *crowd)
{
    json_t *closed_healthy = closed(crowd, crowd->options->slow, crowd->count);
    bool right = is_right(run, crowd, closed_healthy);
    json_t *report = json_pack("{s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:f}", "right", right,
                               "one_order", run->one_order, "window", window_report(run, crowd),
                               "latency_us", latencies(&crowd->healthy.latencies), "late_us",
                               latencies(&crowd->late), "faults", faults(&crowd->healthy), "closed",
                               closed_healthy, "slow", slow_report(crowd), "memory_kib",
                               memory(&run->memory), "connect_s", run->connect_s);
    int result = report ? json_dumpf(report, stdout, JSON_REAL_PRECISION(9)) : -1;
    (void)printf("\n");
    json_decref(report);
    if (result)
        return 1;
    return right ? 0 : EXIT_WRONG;
}
