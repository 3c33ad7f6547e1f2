/* HTTP requests to a service under test, and their answers. */
#include "toni_testkit_private.h"

static toni_fake_exchange *exchange_of(const toni_exchange *exchange)
{
    return (toni_fake_exchange *)exchange;
}

static toni_str exchange_part(const toni_exchange *exchange, uint32_t part)
{
    ck_assert_uint_ge(part, TONI_EXCHANGE_METHOD);
    ck_assert_uint_le(part, TONI_EXCHANGE_ADDRESS);
    return exchange_of(exchange)->parts[part];
}

static int32_t exchange_parameter(const toni_exchange *exchange, toni_str name, toni_str *value)
{
    const toni_fake_exchange *of = exchange_of(exchange);
    return fake_get_text(
        fake_find_setting(of->parameters, of->parameter_count, name, toni_str_equal), value);
}

static int32_t exchange_header(const toni_exchange *exchange, toni_str name, toni_str *value)
{
    const toni_fake_exchange *of = exchange_of(exchange);
    return fake_get_text(
        fake_find_setting(of->headers, of->header_count, name, fake_equal_in_any_case), value);
}

static int32_t exchange_certificate(const toni_exchange *exchange, toni_certificate *certificate)
{
    return fake_show_certificate(exchange_of(exchange)->certificate, certificate);
}

static int32_t exchange_is_secure(const toni_exchange *exchange)
{
    return exchange_of(exchange)->is_secure || exchange_of(exchange)->certificate;
}

static int32_t exchange_add_header(toni_exchange *exchange, toni_str name, toni_str value)
{
    toni_fake_host *host = host_of(exchange);
    ck_assert_msg(name.size > 0 && value.size > 0, "a header field without a name or value");
    fake_record(host, "header %.*s: %.*s\n", TONI_STR_ARG(name), TONI_STR_ARG(value));
    return fake_answer(host, "header", exchange_of(exchange)->id ? TONI_ERR_INVALID : TONI_OK);
}

static int32_t exchange_answer(toni_exchange *exchange, uint32_t status, toni_str content_type,
                               toni_str body)
{
    toni_fake_host *host = host_of(exchange);
    ck_assert_msg(status >= 200 && status <= 599, "%u is no status of an answer", status);
    fake_record(host, "answer %u %.*s %.*s\n", status, TONI_STR_ARG(content_type),
                TONI_STR_ARG(body));
    if (exchange_of(exchange)->id)
        return TONI_ERR_INVALID;
    exchange_of(exchange)->status = status;
    return fake_result_of(host, "answer");
}

/* --- What tests do with them */

void toni_fake_exchange_init(toni_fake_exchange *exchange, toni_fake_host *host, const char *method,
                             const char *path)
{
    const toni_plugin *plugin = host->plugin;
    toni_str whole = toni_str_of(path);
    ck_assert_msg(plugin != NULL, "no plugin is loaded");
    ck_assert_msg(plugin->on_request != NULL, "the plugin answers no HTTP");
    toni_str own = plugin->path;
    ck_assert_msg(whole.size >= own.size &&
                      toni_str_equal(toni_str_make(whole.data, own.size), own),
                  "%s is not below the service's path", path);
    toni_str below = toni_str_make(whole.data + own.size, whole.size - own.size);
    *exchange = (toni_fake_exchange){.host = &host->table};
    exchange->parts[TONI_EXCHANGE_METHOD] = toni_str_of(method);
    exchange->parts[TONI_EXCHANGE_PATH] = toni_str_of(path);
    exchange->parts[TONI_EXCHANGE_SUBPATH] = below;
    exchange->parts[TONI_EXCHANGE_BODY] = TONI_LIT("");
    exchange->parts[TONI_EXCHANGE_ADDRESS] = TONI_LIT("192.0.2.1");
}

void toni_fake_exchange_set_part(toni_fake_exchange *exchange, uint32_t part, toni_str value)
{
    ck_assert_uint_le(part, TONI_EXCHANGE_ADDRESS);
    exchange->parts[part] = value;
}

void toni_fake_exchange_set_header(toni_fake_exchange *exchange, const char *name,
                                   const char *value)
{
    fake_add_setting(exchange->headers, &exchange->header_count, name)->text = toni_str_of(value);
}

void toni_fake_exchange_set_parameter(toni_fake_exchange *exchange, const char *name,
                                      const char *value)
{
    fake_add_setting(exchange->parameters, &exchange->parameter_count, name)->text =
        toni_str_of(value);
}

int32_t toni_fake_exchange_run(toni_fake_exchange *exchange)
{
    toni_fake_host *host = host_of(exchange);
    exchange->in_callback = 1;
    const int32_t result = host->plugin->on_request(host->self, (toni_exchange *)exchange);
    exchange->in_callback = 0;
    if (result < 0)
        toni_fake_exchange_withdraw(exchange);
    return result;
}

void fake_exchange_fill(toni_host *table)
{
    table->exchange_part = exchange_part;
    table->exchange_certificate = exchange_certificate;
    table->exchange_is_secure = exchange_is_secure;
    table->exchange_parameter = exchange_parameter;
    table->exchange_header = exchange_header;
    table->exchange_add_header = exchange_add_header;
    table->exchange_answer = exchange_answer;
}
