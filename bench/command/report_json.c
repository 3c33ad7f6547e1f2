/* Reports as JSON; see result.h. Times are in microseconds. */
#include "command/result.h"

#include <jansson.h>
#include <stdio.h>

static json_t *number(uint64_t count)
{
    return json_integer((json_int_t)count);
}

static json_t *times(const struct percentiles *percentiles)
{
    return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f}", "count", (json_int_t)percentiles->count,
                     "p50", (double)percentiles_at(percentiles, 0.5) / 1e3, "p90",
                     (double)percentiles_at(percentiles, 0.9) / 1e3, "p99",
                     (double)percentiles_at(percentiles, 0.99) / 1e3, "p99.9",
                     (double)percentiles_at(percentiles, 0.999) / 1e3, "max",
                     (double)percentiles->largest / 1e3);
}

static json_t *by_reason(const struct reasons *reasons)
{
    json_t *object = json_object();
    for (uint32_t i = 0; i < reasons->used; i++)
        (void)json_object_set_new(object, reasons->entries[i].text,
                                  number(reasons->entries[i].count));
    if (reasons->others > 0)
        (void)json_object_set_new(object, "other", number(reasons->others));
    return object;
}

static double per_second(uint64_t count, double seconds)
{
    return seconds > 0 ? (double)count / seconds : 0;
}

static json_t *plan_json(const struct plan *plan)
{
    json_t *object =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:b}", "url", plan->url_text, "connections",
                  (json_int_t)plan->connections, "rooms", (json_int_t)plan->rooms, "publishers",
                  (json_int_t)plan->publishers, "slow", (json_int_t)plan->slow, "size",
                  (json_int_t)plan->size, "handshakes", (int)plan->handshakes);
    if (plan->rate > 0)
        (void)json_object_set_new(object, "rate", json_real(plan->rate));
    else if (!plan->handshakes)
        (void)json_object_set_new(object, "outstanding", number(plan->outstanding));
    return object;
}

static json_t *connections_json(const struct result *result)
{
    return json_pack("{s:I, s:f, s:o, s:o, s:o}", "opened", (json_int_t)result->opened, "seconds",
                     result->plan->handshakes ? result->seconds : result->connect_s, "handshake_us",
                     times(&result->handshakes), "refused", by_reason(&result->refused), "closed",
                     by_reason(&result->closed));
}

static json_t *messages_json(const struct result *result)
{
    return json_pack(
        "{s:I, s:I, s:f, s:f, s:I, s:o}", "sent", (json_int_t)result->sent, "received",
        (json_int_t)result->received, "sent_per_s", per_second(result->sent, result->seconds),
        "received_per_s", per_second(result->received, result->seconds), "held_back",
        (json_int_t)result->held_back, "latency_us", times(&result->healthy.latencies));
}

static json_t *faults_json(const struct result *result)
{
    const struct tally *tally = &result->healthy, *slow = &result->slow;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "lost",
                     (json_int_t)result_lost(result), "doubled",
                     (json_int_t)tally->repeated + (json_int_t)slow->repeated, "disordered",
                     (json_int_t)tally->late + (json_int_t)slow->late, "strayed",
                     (json_int_t)tally->strayed + (json_int_t)slow->strayed, "damaged",
                     (json_int_t)tally->damaged + (json_int_t)slow->damaged, "errors",
                     (json_int_t)tally->errors, "timed_out", (json_int_t)result->timed_out,
                     "refused", (json_int_t)reasons_total(&result->refused), "closed",
                     (json_int_t)reasons_total(&result->closed));
}

static json_t *generator_json(const struct result *result)
{
    json_t *said = json_array(), *threads = json_array();
    for (uint32_t i = 0; i < result->limits.count; i++)
        (void)json_array_append_new(said, json_string(result->limits.said[i]));
    for (uint32_t i = 0; i < result->plan->threads; i++) {
        (void)json_array_append_new(threads,
                                    json_pack("{s:f, s:f}", "busy", result->threads[i].busy,
                                              "waited", result->threads[i].waited));
    }
    return json_pack("{s:b, s:o, s:o, s:I, s:o}", "was_the_limit", (int)(result->limits.count > 0),
                     "why", said, "threads", threads, "unsent", (json_int_t)result->unsent,
                     "late_us", times(&result->late));
}

int report_json(const struct result *result)
{
    json_t *report =
        json_pack("{s:b, s:b, s:f, s:o, s:o, s:o, s:o, s:o, s:o}", "right",
                  (int)result_is_right(result), "ended_early", (int)result->is_early, "seconds",
                  result->seconds, "plan", plan_json(result->plan), "connections",
                  connections_json(result), "messages", messages_json(result), "slow",
                  json_pack("{s:I, s:o}", "received", (json_int_t)result->slow.delivered, "closed",
                            by_reason(&result->closed_slow)),
                  "faults", faults_json(result), "generator", generator_json(result));
    const int printed =
        report ? json_dumpf(report, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : -1;
    (void)printf("\n");
    json_decref(report);
    return printed || fflush(stdout) != 0 || ferror(stdout) ? -1 : 0;
}
