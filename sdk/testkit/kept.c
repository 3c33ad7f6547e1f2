/* HTTP exchanges that a service under test has kept, to answer them later. */
#include "toni_testkit_private.h"

#include <inttypes.h>

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

void toni_fake_exchange_withdraw(toni_fake_exchange *exchange)
{
    toni_fake_exchange **place = exchange->id ? find_kept(host_of(exchange), exchange->id) : NULL;
    exchange->id = 0;
    if (place)
        *place = NULL;
}

static int32_t kept_answer(toni_context *context, toni_exchange_id id, uint32_t status,
                           toni_str content_type, toni_str body)
{
    toni_fake_host *host = host_of_context(context);
    toni_fake_exchange *exchange = kept_of(host, id);
    ck_assert_msg(status >= 200 && status <= 599, "%u is no status of an answer", status);
    fake_record(host, "answer_kept %" PRIu64 " %u %.*s %.*s\n", id, status,
                TONI_STR_ARG(content_type), TONI_STR_ARG(body));
    const int32_t result =
        fake_answer(host, "answer_kept", exchange ? TONI_OK : TONI_ERR_NOT_FOUND);
    if (result < 0 || !exchange)
        return result;
    exchange->status = status;
    toni_fake_exchange_withdraw(exchange);
    return result;
}

static int32_t kept_add_header(toni_context *context, toni_exchange_id id, toni_str name,
                               toni_str value)
{
    toni_fake_host *host = host_of_context(context);
    ck_assert_msg(name.size > 0 && value.size > 0, "a header field without a name or value");
    fake_record(host, "header_kept %" PRIu64 " %.*s: %.*s\n", id, TONI_STR_ARG(name),
                TONI_STR_ARG(value));
    return fake_answer(host, "header_kept", kept_of(host, id) ? TONI_OK : TONI_ERR_NOT_FOUND);
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
}
