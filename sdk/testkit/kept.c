/* HTTP exchanges that a service under test has kept, to answer them later or by a stream. */
#include "toni_testkit_private.h"

#include <inttypes.h>
#include <stdlib.h>

/* @param id  0 finds a place for one more. */
static toni_fake_exchange **find_kept(toni_fake_host *host, toni_exchange_id id)
{
    for (size_t i = 0; i < TONI_FAKE_MAX_KEPT; i++) {
        if (host->kept[i] ? host->kept[i]->id == id : id == 0)
            return &host->kept[i];
    }
    return NULL;
}

static toni_fake_exchange *kept_of(toni_fake_host *host, toni_exchange_id id)
{
    toni_fake_exchange **place = id ? find_kept(host, id) : NULL;
    return place ? *place : NULL;
}

static int32_t exchange_keep(toni_exchange *exchange, uint64_t limit_ms, toni_exchange_id *id)
{
    toni_fake_host *host = host_of(exchange);
    toni_fake_exchange *of = (toni_fake_exchange *)exchange;
    const int may_be = of->in_callback && of->status == 0 && of->id == 0;
    fake_record(host, "keep %" PRIu64 " %" PRIu64 "\n", host->last_kept + 1, limit_ms);
    const int32_t result = fake_answer(host, "keep", may_be ? TONI_OK : TONI_ERR_INVALID);
    if (result < 0)
        return result;
    toni_fake_exchange **place = find_kept(host, 0);
    ck_assert_msg(place, "more kept exchanges than the fake host takes: TONI_FAKE_MAX_KEPT");
    *place = of;
    *id = of->id = ++host->last_kept;
    return TONI_OK;
}

/* No id leads to it any more. */
static void forget(toni_fake_exchange *exchange)
{
    toni_fake_exchange **place = exchange->id ? find_kept(host_of(exchange), exchange->id) : NULL;
    exchange->id = 0;
    if (place)
        *place = NULL;
}

/* --- Streams: told as tasks are, when time passes, or at once by what the test does */

static void tell_of_end(toni_fake_exchange *exchange, toni_exchange_id id)
{
    const toni_release_fn release = exchange->stream_release;
    exchange->is_stream = 0;
    exchange->stream_release = NULL;
    if (exchange->on_stream)
        exchange->on_stream(host_of(exchange)->self, exchange->stream_data, id, TONI_STREAM_ENDED);
    exchange->on_stream = NULL;
    if (release)
        release(exchange->stream_data);
}

void toni_fake_exchange_withdraw(toni_fake_exchange *exchange)
{
    const toni_exchange_id id = exchange->id;
    forget(exchange);
    if (exchange->is_stream)
        tell_of_end(exchange, id);
}

void toni_fake_exchange_drain(toni_fake_exchange *exchange)
{
    ck_assert_msg(exchange->is_stream && exchange->id, "no stream, or one that has ended");
    exchange->is_full = 0;
    if (exchange->on_stream)
        exchange->on_stream(host_of(exchange)->self, exchange->stream_data, exchange->id,
                            TONI_STREAM_DRAINED);
}

static int32_t exchange_begin(toni_context *context, toni_exchange_id id, uint32_t status,
                              toni_str content_type, toni_stream_fn notify, void *data,
                              toni_release_fn release)
{
    toni_fake_host *host = host_of_context(context);
    toni_fake_exchange *exchange = kept_of(host, id);
    const int has_content =
        status >= 200 && status <= 599 && status != 204 && status != 205 && status != 304;
    int32_t refusal = exchange ? TONI_OK : TONI_ERR_NOT_FOUND;
    const int has_type = content_type.size == 0 || toni_fake_is_field_value(content_type);
    if (!has_content || !has_type || (exchange && exchange->is_stream))
        refusal = TONI_ERR_INVALID;
    fake_record(host, "begin %" PRIu64 " %u %.*s\n", id, status, TONI_STR_ARG(content_type));
    const int32_t result = fake_answer(host, "begin", refusal);
    if (result < 0 || !exchange)
        return result;
    exchange->status = status;
    exchange->is_stream = 1;
    exchange->on_stream = notify;
    exchange->stream_data = data;
    exchange->stream_release = release;
    return TONI_OK;
}

static int32_t exchange_write(toni_context *context, toni_exchange_id id, toni_str bytes)
{
    toni_fake_host *host = host_of_context(context);
    const toni_fake_exchange *exchange = kept_of(host, id);
    int32_t refusal = exchange ? TONI_OK : TONI_ERR_NOT_FOUND;
    if (exchange && !exchange->is_stream)
        refusal = TONI_ERR_INVALID;
    else if (exchange && bytes.size > TONI_FAKE_STREAM_MAX)
        refusal = TONI_ERR_TOO_BIG;
    else if (exchange && exchange->is_full)
        refusal = TONI_ERR_FULL;
    if (bytes.size <= sizeof host->calls / 4)
        fake_record(host, "write %" PRIu64 " %.*s\n", id, TONI_STR_ARG(bytes));
    else
        fake_record(host, "write %" PRIu64 " (%zu bytes)\n", id, bytes.size);
    return fake_answer(host, "write", refusal);
}

/* `data` is the exchange; its stream is told even if its memory serves another request by then. */
struct fake_end {
    toni_stream_fn notify;
    void *data;
    toni_release_fn release;
    toni_exchange_id id;
};

static void on_end(void *self, void *data)
{
    const struct fake_end *end = data;
    if (end->notify)
        end->notify(self, end->data, end->id, TONI_STREAM_ENDED);
}

static void release_end(void *data)
{
    struct fake_end *end = data;
    if (end->release)
        end->release(end->data);
    free(end);
}

static int32_t exchange_end(toni_context *context, toni_exchange_id id)
{
    toni_fake_host *host = host_of_context(context);
    toni_fake_exchange *exchange = kept_of(host, id);
    int32_t refusal = exchange ? TONI_OK : TONI_ERR_NOT_FOUND;
    if (exchange && !exchange->is_stream)
        refusal = TONI_ERR_INVALID;
    fake_record(host, "end %" PRIu64 "\n", id);
    const int32_t result = fake_answer(host, "end", refusal);
    if (result < 0 || !exchange)
        return result;
    struct fake_end *end = malloc(sizeof *end);
    ck_assert_ptr_nonnull(end);
    *end =
        (struct fake_end){exchange->on_stream, exchange->stream_data, exchange->stream_release, id};
    exchange->is_stream = 0;
    forget(exchange);
    fake_add_task(host, on_end, end, release_end);
    return result;
}

static int32_t kept_answer(toni_context *context, toni_exchange_id id, uint32_t status,
                           toni_str content_type, toni_str body)
{
    toni_fake_host *host = host_of_context(context);
    toni_fake_exchange *exchange = kept_of(host, id);
    ck_assert_msg(status >= 200 && status <= 599, "%u is no status of an answer", status);
    fake_record(host, "answer_kept %" PRIu64 " %u %.*s %.*s\n", id, status,
                TONI_STR_ARG(content_type), TONI_STR_ARG(body));
    int32_t refusal = exchange ? TONI_OK : TONI_ERR_NOT_FOUND;
    if (exchange && exchange->is_stream)
        refusal = TONI_ERR_INVALID;
    const int32_t result = fake_answer(host, "answer_kept", refusal);
    if (result < 0 || !exchange)
        return result;
    exchange->status = status;
    forget(exchange);
    return result;
}

static int32_t kept_add_header(toni_context *context, toni_exchange_id id, toni_str name,
                               toni_str value)
{
    toni_fake_host *host = host_of_context(context);
    ck_assert_msg(name.size > 0 && value.size > 0, "a header field without a name or value");
    fake_record(host, "header_kept %" PRIu64 " %.*s: %.*s\n", id, TONI_STR_ARG(name),
                TONI_STR_ARG(value));
    const toni_fake_exchange *exchange = kept_of(host, id);
    int32_t refusal = exchange ? TONI_OK : TONI_ERR_NOT_FOUND;
    if (exchange && exchange->is_stream)
        refusal = TONI_ERR_INVALID;
    return fake_answer(host, "header_kept", refusal);
}

static int32_t kept_is_waiting(toni_context *context, toni_exchange_id id)
{
    return kept_of(host_of_context(context), id) ? 1 : 0;
}

void fake_kept_fill(toni_host *table)
{
    table->exchange_keep = exchange_keep;
    table->kept_answer = kept_answer;
    table->kept_add_header = kept_add_header;
    table->kept_is_waiting = kept_is_waiting;
    table->exchange_begin = exchange_begin;
    table->exchange_write = exchange_write;
    table->exchange_end = exchange_end;
}
