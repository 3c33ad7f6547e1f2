/* Results; see result.h. */
#include "command/result.h"

#include "base/clock.h"

#include <stdlib.h>

static void merge_tally(struct tally *into, const struct tally *from)
{
    into->delivered += from->delivered;
    into->lost += from->lost;
    into->late += from->late;
    into->repeated += from->repeated;
    into->strayed += from->strayed;
    into->damaged += from->damaged;
    into->errors += from->errors;
    percentiles_merge(&into->latencies, &from->latencies);
}

static void merge(struct result *result, const struct crew *crew)
{
    merge_tally(&result->healthy, &crew->healthy);
    merge_tally(&result->slow, &crew->slow);
    percentiles_merge(&result->handshakes, &crew->handshakes);
    percentiles_merge(&result->late, &crew->late);
    reasons_merge(&result->refused, &crew->refused);
    reasons_merge(&result->closed, &crew->closed);
    reasons_merge(&result->closed_slow, &crew->closed_slow);
    result->opened += crew->opened;
    result->timed_out += crew->timed_out;
    result->missing += crew->missing;
    result->held_back += crew->held_back;
    result->unsent += crew->unsent;
    result->sent += crew->to.sent - crew->from.sent;
    result->received += crew->to.delivered - crew->from.delivered;
    const double seconds = (double)(crew->to.at_ns - crew->from.at_ns) / (double)NS_PER_S;
    const double connect_s = (double)crew->connected_ns / (double)NS_PER_S;
    if (seconds > result->seconds)
        result->seconds = seconds;
    if (connect_s > result->connect_s)
        result->connect_s = connect_s;
    if (seconds > 0) {
        result->threads[crew->number] = (struct own_cost){
            .busy = (double)(crew->to.cpu.used_ns - crew->from.cpu.used_ns) / (seconds * 1e9),
            .waited = (double)(crew->to.cpu.waited_ns - crew->from.cpu.waited_ns) / (seconds * 1e9),
        };
    }
}

static void judge(struct result *result)
{
    const struct plan *plan = result->plan;
    const struct symptoms symptoms = {
        .threads = result->threads,
        .thread_count = plan->threads,
        .rate = plan->rate,
        .sent_per_s = result->seconds > 0 ? (double)result->sent / result->seconds : 0,
        .unsent = result->unsent,
        .late_p99_ns = percentiles_at(&result->late, 0.99),
        .answer_p99_ns = percentiles_at(&result->healthy.latencies, 0.99),
    };
    /* Of nothing there is no figure that could be anybody's. */
    if (result->healthy.latencies.count > 0 || (plan->handshakes && result->opened > 0))
        limits_judge(&result->limits, &symptoms);
}

struct result *result_create(const struct plan *plan, const struct crew *crews, bool is_early)
{
    struct result *result = calloc(1, sizeof *result);
    if (!result)
        return NULL;
    result->plan = plan;
    result->is_early = is_early;
    result->threads = calloc(plan->threads, sizeof *result->threads);
    if (!result->threads) {
        free(result);
        return NULL;
    }
    for (uint32_t i = 0; i < plan->threads; i++)
        merge(result, &crews[i]);
    judge(result);
    return result;
}

void result_destroy(struct result *result)
{
    if (result)
        free(result->threads);
    free(result);
}

uint64_t result_lost(const struct result *result)
{
    return result->healthy.lost + result->missing;
}

bool result_is_right(const struct result *result)
{
    const struct tally *tally = &result->healthy, *slow = &result->slow;
    /* What a slow one has missed is a policy's to decide; all else must be right for it, too. */
    return result_lost(result) + tally->late + tally->repeated + tally->strayed + tally->damaged +
                   tally->errors + slow->late + slow->repeated + slow->strayed + slow->damaged +
                   result->timed_out + reasons_total(&result->refused) +
                   reasons_total(&result->closed) ==
               0 &&
           result->opened > 0 && (result->plan->handshakes || result->sent > 0);
}
