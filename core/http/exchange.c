/* Exchanges; see exchange.h. */
#include "http/exchange.h"

#include "base/log_limit.h"
#include "http/deadlines.h"
#include "http/keeping.h"
#include "http/path.h"
#include "http/peer.h"
#include "rooms/request.h"
#include "ws/field.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <toni/error.h>

struct http_field {
    char *name; /* with its value behind it, in one allocation */
    char *value;
};

/* --- The request */

toni_exchange *http_exchange_create(const toni_host *host, struct MHD_Connection *mhd,
                                    struct http_connection *connection, const char *target)
{
    toni_exchange *exchange = calloc(1, sizeof *exchange + strlen(target) + 1);
    if (!exchange)
        return NULL;
    exchange->host = host;
    exchange->mhd = mhd;
    exchange->connection = connection;
    exchange->is_asterisk = strcmp(target, "*") == 0;
    ssize_t size = http_path_decode(target, exchange->text);
    exchange->path_is_bad = size < 0;
    exchange->path = toni_str_make(exchange->text, size < 0 ? 0 : (size_t)size);
    buffer_init(&exchange->body);
    buffer_init(&exchange->answer.content);
    http_peer_text(mhd, exchange->address);
    return exchange;
}

static toni_str exchange_part(const toni_exchange *exchange, uint32_t part)
{
    switch (part) {
    case TONI_EXCHANGE_METHOD:
        return toni_str_of(exchange->method);
    case TONI_EXCHANGE_PATH:
        return exchange->path;
    case TONI_EXCHANGE_SUBPATH:
        return exchange->subpath;
    case TONI_EXCHANGE_BODY:
        return toni_str_make(exchange->body.bytes, exchange->body.length);
    case TONI_EXCHANGE_ADDRESS:
        return toni_str_of(exchange->address);
    default:
        return toni_str_make("", 0);
    }
}

static int32_t exchange_certificate(const toni_exchange *exchange, toni_certificate *certificate)
{
    const struct http_secure *secure = exchange->connection->secure;
    return certificate_show(secure ? secure->certificate : NULL, certificate);
}

static int32_t exchange_is_secure(const toni_exchange *exchange)
{
    return exchange->connection->secure != NULL;
}

struct search {
    toni_str name;
    bool any_case;
    bool found;
    toni_str value;
};

static enum MHD_Result compare(void *data, enum MHD_ValueKind kind, const char *name,
                               size_t name_size, const char *value, size_t value_size)
{
    (void)kind;
    struct search *search = data;
    if (name_size != search->name.size)
        return MHD_YES;
    search->found = search->any_case ? strncasecmp(name, search->name.data, name_size) == 0
                                     : memcmp(name, search->name.data, name_size) == 0;
    if (!search->found)
        return MHD_YES;
    search->value = toni_str_make(value ? value : "", value ? value_size : 0);
    return MHD_NO; /* no more, thanks */
}

static int32_t find(const toni_exchange *exchange, enum MHD_ValueKind kind, struct search search,
                    toni_str *value)
{
    if (search.name.size == 0)
        return TONI_ERR_NOT_FOUND;
    MHD_get_connection_values_n(exchange->mhd, kind, compare, &search);
    if (!search.found)
        return TONI_ERR_NOT_FOUND;
    *value = search.value;
    return TONI_OK;
}

static int32_t exchange_parameter(const toni_exchange *exchange, toni_str name, toni_str *value)
{
    return find(exchange, MHD_GET_ARGUMENT_KIND, (struct search){.name = name}, value);
}

/* libmicrohttpd leaves the white space behind a value, which is no part of it. */
static int32_t exchange_header(const toni_exchange *exchange, toni_str name, toni_str *value)
{
    const struct search search = {.name = name, .any_case = true};
    const int32_t result = find(exchange, MHD_HEADER_KIND, search, value);
    if (result == TONI_OK)
        *value = field_trim(*value);
    return result;
}

/* --- The answer */

/* One without a value is of no use, and libmicrohttpd refuses it. */
int32_t http_exchange_add_field(toni_exchange *exchange, toni_str name, toni_str value)
{
    if (!token_valid(name) || field_is_managed(name) || !field_value_valid(value))
        return TONI_ERR_INVALID;
    struct http_field *fields =
        reallocarray(exchange->fields, exchange->field_count + 1, sizeof *fields);
    if (!fields)
        return TONI_ERR_NO_MEMORY;
    exchange->fields = fields;
    char *text = calloc(1, name.size + value.size + 2);
    if (!text)
        return TONI_ERR_NO_MEMORY;
    struct http_field field = {.name = text, .value = text + name.size + 1};
    memcpy(field.name, name.data, name.size);
    memcpy(field.value, value.data, value.size);
    fields[exchange->field_count++] = field;
    return TONI_OK;
}

int32_t http_answer_make(struct http_answer *answer, uint32_t status, toni_str content_type,
                         toni_str body)
{
    if (status < 200 || status > 599 || (content_type.size > 0 && !field_value_valid(content_type)))
        return TONI_ERR_INVALID;
    struct buffer content;
    buffer_init(&content);
    char *type = strndup(content_type.size > 0 ? content_type.data : "", content_type.size);
    if (!type || buffer_append(&content, body.data, body.size)) {
        free(type);
        return TONI_ERR_NO_MEMORY;
    }
    *answer = (struct http_answer){.status = status, .content_type = type, .content = content};
    return TONI_OK;
}

void http_answer_finish(struct http_answer *answer)
{
    free(answer->content_type);
    answer->content_type = NULL;
    buffer_finish(&answer->content);
}

void http_exchange_put(toni_exchange *exchange, struct http_answer *answer)
{
    const struct http_answer before = exchange->answer;
    exchange->answer = *answer;
    *answer = before;
}

/* Once it is kept, others may answer at any moment: by its id, as the service has to. */
static int32_t exchange_add_header(toni_exchange *exchange, toni_str name, toni_str value)
{
    return exchange->keeping ? TONI_ERR_INVALID : http_exchange_add_field(exchange, name, value);
}

static int32_t exchange_answer(toni_exchange *exchange, uint32_t status, toni_str content_type,
                               toni_str body)
{
    struct http_answer answer;
    const int32_t result = exchange->keeping
                               ? TONI_ERR_INVALID
                               : http_answer_make(&answer, status, content_type, body);
    if (result != TONI_OK)
        return result;
    http_exchange_put(exchange, &answer);
    http_answer_finish(&answer);
    return TONI_OK;
}

static void clear_answer(toni_exchange *exchange)
{
    for (size_t i = 0; i < exchange->field_count; i++)
        free(exchange->fields[i].name);
    free(exchange->fields);
    exchange->fields = NULL;
    exchange->field_count = 0;
    http_answer_finish(&exchange->answer);
}

void http_exchange_refuse(toni_exchange *exchange, uint32_t status, const char *text,
                          const char *field, const char *value)
{
    clear_answer(exchange);
    exchange->answer.status = status;
    /* Without memory the status has to say it all. */
    (void)exchange_answer(exchange, status, toni_str_of("text/plain; charset=utf-8"),
                          toni_str_of(text));
    if (field && value)
        (void)exchange_add_header(exchange, toni_str_of(field), toni_str_of(value));
}

/* --- libmicrohttpd's */

bool http_has_content(uint32_t status)
{
    return status != 204 && status != 205 && status != 304;
}

static struct MHD_Response *make_response(toni_exchange *exchange)
{
    if (exchange->is_stream)
        return streaming_response(exchange);
    if (!http_has_content(exchange->answer.status)) {
        buffer_finish(&exchange->answer.content);
        free(exchange->answer.content_type);
        exchange->answer.content_type = NULL;
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(
        exchange->answer.content.length, exchange->answer.content.bytes, MHD_RESPMEM_MUST_FREE);
    if (response)
        buffer_init(&exchange->answer.content); /* the bytes are the response's now */
    return response;
}

static bool add_fields(const toni_exchange *exchange, struct MHD_Response *response)
{
    if (exchange->answer.content_type && *exchange->answer.content_type &&
        MHD_add_response_header(response, "Content-Type", exchange->answer.content_type) != MHD_YES)
        return false;
    if (exchange->is_last && MHD_add_response_header(response, "Connection", "close") != MHD_YES)
        return false;
    for (size_t i = 0; i < exchange->field_count; i++) {
        if (MHD_add_response_header(response, exchange->fields[i].name,
                                    exchange->fields[i].value) != MHD_YES)
            return false;
    }
    return true;
}

int http_exchange_send(toni_exchange *exchange)
{
    struct MHD_Response *response = make_response(exchange);
    bool sent = response && add_fields(exchange, response) &&
                MHD_queue_response(exchange->mhd, exchange->answer.status, response) == MHD_YES;
    if (response)
        MHD_destroy_response(response);
    exchange->is_answered = true;
    if (!sent) {
        log_limited(
            LOG_LEVEL_WARN, "an HTTP request could not be answered: its connection is closed",
            log_brief("path", exchange->path.data, exchange->path.size),
            log_uint("status", exchange->answer.status), log_str("address", exchange->address));
    }
    return sent ? 0 : -1;
}

void http_exchange_destroy(toni_exchange *exchange)
{
    if (!exchange)
        return;
    clear_answer(exchange);
    buffer_finish(&exchange->body);
    free(exchange);
}

void http_exchange_fill_table(toni_host *table)
{
    table->exchange_part = exchange_part;
    table->exchange_certificate = exchange_certificate;
    table->exchange_is_secure = exchange_is_secure;
    table->exchange_parameter = exchange_parameter;
    table->exchange_header = exchange_header;
    table->exchange_add_header = exchange_add_header;
    table->exchange_answer = exchange_answer;
    keeping_fill_table(table);
}
