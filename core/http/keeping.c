/* Exchanges that are answered later; see keeping.h. */
#include "http/keeping.h"

#include "base/clock.h"
#include "http/deadlines.h"
#include "http/exchange.h"
#include "instance/instance.h"

#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>
#include <toni/error.h>

struct keeping {
    struct kept kept; /* first */
    toni_exchange *exchange;
};

static toni_exchange *exchange_of(const struct kept *kept)
{
    return ((const struct keeping *)kept)->exchange;
}

/* --- Asleep. libmicrohttpd doesn't look at such a connection at all, so the list's sweep finds out
 * whether the client has gone. One that sends nothing more counts as gone: there is no telling. */

static void go_to_sleep(struct kept *kept)
{
    MHD_suspend_connection(exchange_of(kept)->mhd);
}

static void wake(struct kept *kept)
{
    MHD_resume_connection(exchange_of(kept)->mhd);
}

static bool is_gone(const struct kept *kept)
{
    struct pollfd client = {.fd = exchange_of(kept)->connection->fd, .events = POLLRDHUP};
    return poll(&client, 1, 0) > 0;
}

/* --- The connection's thread */

bool keeping_has(const toni_exchange *exchange)
{
    return exchange->keeping;
}

static enum kept_outcome end(toni_exchange *exchange, enum kept_outcome outcome)
{
    struct keeping *keeping = exchange->keeping;
    const enum kept_outcome before = kept_end(&keeping->kept, outcome);
    exchange->keeping = NULL;
    free(keeping);
    return before;
}

static enum keeping_step refuse(toni_exchange *exchange, uint32_t status, const char *text)
{
    http_exchange_refuse(exchange, status, text, status == 503 ? "Retry-After" : NULL,
                         HTTP_RETRY_AFTER);
    return KEEPING_ANSWERS;
}

enum keeping_step keeping_look(toni_exchange *exchange)
{
    if (kept_sleep(&exchange->keeping->kept, go_to_sleep))
        return KEEPING_SLEEPS;
    switch (end(exchange, KEPT_WITHDRAWN)) {
    case KEPT_LATE:
        return refuse(exchange, 504, "The service took too long to answer.\n");
    case KEPT_GONE:
        return KEEPING_ENDS;
    case KEPT_WITHDRAWN:
        return refuse(exchange, 503, "The service is not there any more.\n");
    default:
        return KEEPING_ANSWERS;
    }
}

void keeping_end(toni_exchange *exchange)
{
    if (exchange->keeping)
        (void)end(exchange, KEPT_GONE);
}

/* --- What plugins call */

/* No longer than the host allows. */
static uint64_t limit_of(const struct instance *instance, uint64_t limit_ms)
{
    const uint64_t most = instance->setup.limits.http_kept_ms;
    return limit_ms == 0 || limit_ms > most ? most : limit_ms;
}

static int32_t exchange_keep(toni_exchange *exchange, uint64_t limit_ms, toni_exchange_id *id)
{
    struct instance *instance = exchange->instance;
    if (!instance || exchange->keeping || exchange->answer.status != 0)
        return TONI_ERR_INVALID;
    struct keeping *keeping = malloc(sizeof *keeping);
    exchange->is_keep_refused = true;
    if (!keeping)
        return TONI_ERR_NO_MEMORY;
    *keeping = (struct keeping){
        .kept = {.instance = instance,
                 .due_ms = clock_now_ms() + limit_of(instance, limit_ms),
                 .wake = wake,
                 .is_gone = is_gone},
        .exchange = exchange,
    };
    /* Before others may find it, and answer. */
    exchange->keeping = keeping;
    exchange->is_keep_refused = false;
    const int32_t error = kept_begin(&instance->setup.slot->slots->kept, &keeping->kept, id);
    if (error == TONI_OK)
        return TONI_OK;
    exchange->keeping = NULL;
    exchange->is_keep_refused = true;
    free(keeping);
    return error;
}

static struct kept *lock(const toni_context *context, toni_exchange_id id)
{
    const struct instance *instance = instance_of(context);
    return kept_lock(&instance->setup.slot->slots->kept, instance, id);
}

static int32_t kept_answer(toni_context *context, toni_exchange_id id, uint32_t status,
                           toni_str content_type, toni_str body)
{
    struct http_answer answer;
    int32_t result = http_answer_make(&answer, status, content_type, body);
    if (result != TONI_OK)
        return result;
    struct kept *kept = lock(context, id);
    if (kept) {
        http_exchange_put(exchange_of(kept), &answer);
        kept_decide(kept, KEPT_ANSWERED);
        kept_unlock(kept);
    } else {
        result = TONI_ERR_NOT_FOUND;
    }
    http_answer_finish(&answer);
    return result;
}

static int32_t kept_add_header(toni_context *context, toni_exchange_id id, toni_str name,
                               toni_str value)
{
    struct kept *kept = lock(context, id);
    if (!kept)
        return TONI_ERR_NOT_FOUND;
    const int32_t result = http_exchange_add_field(exchange_of(kept), name, value);
    kept_unlock(kept);
    return result;
}

static int32_t kept_is_waiting(toni_context *context, toni_exchange_id id)
{
    struct kept *kept = lock(context, id);
    if (kept)
        kept_unlock(kept);
    return kept ? 1 : 0;
}

void keeping_fill_table(toni_host *table)
{
    table->exchange_keep = exchange_keep;
    table->kept_answer = kept_answer;
    table->kept_add_header = kept_add_header;
    table->kept_is_waiting = kept_is_waiting;
}
