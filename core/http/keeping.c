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

toni_exchange *keeping_exchange(const struct kept *kept)
{
    return ((const struct keeping *)kept)->exchange;
}

/* --- Asleep. libmicrohttpd doesn't look at such a connection at all, so the list's sweep finds out
 * whether the client has gone. One that sends nothing more counts as gone: there is no telling. */

void keeping_sleep(struct kept *kept)
{
    MHD_suspend_connection(keeping_exchange(kept)->mhd);
}

static void wake(struct kept *kept)
{
    MHD_resume_connection(keeping_exchange(kept)->mhd);
}

static bool is_gone(const struct kept *kept)
{
    struct pollfd client = {.fd = keeping_exchange(kept)->connection->fd, .events = POLLRDHUP};
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
    streaming_finish(&keeping->stream);
    free(keeping);
    return before;
}

enum kept_outcome keeping_end(toni_exchange *exchange, enum kept_outcome outcome)
{
    return exchange->keeping ? end(exchange, outcome) : KEPT_WAITS;
}

static enum keeping_step refuse(toni_exchange *exchange, uint32_t status, const char *text)
{
    http_exchange_refuse(exchange, status, text, status == 503 ? "Retry-After" : NULL,
                         HTTP_RETRY_AFTER);
    return KEEPING_ANSWERS;
}

/* The answer stands in the exchange, or what became of it stands for one. */
static enum keeping_step take_outcome(toni_exchange *exchange)
{
    switch (end(exchange, KEPT_ANSWERED)) {
    case KEPT_LATE:
        return refuse(exchange, 504, "The service took too long to answer.\n");
    case KEPT_WITHDRAWN:
        return refuse(exchange, 503, "The service is not there any more.\n");
    case KEPT_REFUSED:
        return refuse(exchange, 503, "Too many answers are being streamed.\n");
    case KEPT_GONE:
        return KEEPING_ENDS;
    default:
        return KEEPING_ANSWERS;
    }
}

/* Under the lock: it may have ended before its connection comes to it. From here on its time is
 * streaming.c's. */
static void begin_stream(toni_exchange *exchange, const struct kept *kept)
{
    exchange->is_stream = true;
    http_deadlines_enter(exchange->deadlines, exchange->connection,
                         kept->outcome == KEPT_WAITS ? HTTP_STREAMING : HTTP_SENDING);
}

enum keeping_step keeping_look(toni_exchange *exchange)
{
    struct kept *kept = &exchange->keeping->kept;
    enum keeping_step step = KEEPING_ANSWERS;
    kept_hold(kept);
    if (kept->is_stream) {
        begin_stream(exchange, kept);
        step = KEEPING_STREAMS;
    } else if (kept->outcome == KEPT_WAITS) {
        kept_sleep(kept, keeping_sleep);
        step = KEEPING_SLEEPS;
    }
    kept_unlock(kept);
    if (step == KEEPING_STREAMS && exchange->is_head)
        (void)end(exchange, KEPT_ANSWERED); /* libmicrohttpd wants no content */
    return step == KEEPING_ANSWERS ? take_outcome(exchange) : step;
}

/* --- What plugins call */

/* No longer than the host allows. */
static uint64_t limit_of(const struct instance *instance, uint64_t limit_ms)
{
    const uint64_t most = slot_limits(instance->setup.slot)->http_kept_ms;
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

struct kept *keeping_lock(const toni_context *context, toni_exchange_id id)
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
    struct kept *kept = keeping_lock(context, id);
    if (!kept) {
        result = TONI_ERR_NOT_FOUND;
    } else {
        result = kept->is_stream ? TONI_ERR_INVALID : TONI_OK;
        if (result == TONI_OK) {
            http_exchange_put(keeping_exchange(kept), &answer);
            kept_decide(kept, KEPT_ANSWERED);
        }
        kept_unlock(kept);
    }
    http_answer_finish(&answer);
    return result;
}

static int32_t kept_add_header(toni_context *context, toni_exchange_id id, toni_str name,
                               toni_str value)
{
    struct kept *kept = keeping_lock(context, id);
    if (!kept)
        return TONI_ERR_NOT_FOUND;
    const int32_t result = kept->is_stream
                               ? TONI_ERR_INVALID
                               : http_exchange_add_field(keeping_exchange(kept), name, value);
    kept_unlock(kept);
    return result;
}

static int32_t kept_is_waiting(toni_context *context, toni_exchange_id id)
{
    struct kept *kept = keeping_lock(context, id);
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
    streaming_fill_table(table);
}
