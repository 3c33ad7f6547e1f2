/* What a client asked for when it connected. */
#include "toni_testkit_private.h"

static const toni_fake_request *request_of(const toni_request *request)
{
    return (const toni_fake_request *)request;
}

static toni_str request_part(const toni_request *request, uint32_t part)
{
    ck_assert_uint_ge(part, TONI_REQUEST_PATH);
    ck_assert_uint_le(part, TONI_REQUEST_SUBPROTOCOL);
    return request_of(request)->parts[part];
}

static int32_t request_parameter(const toni_request *request, toni_str name, toni_str *value)
{
    const toni_fake_request *of = request_of(request);
    return fake_get_text(
        fake_find_setting(of->parameters, of->parameter_count, name, toni_str_equal), value);
}

static int32_t request_header(const toni_request *request, toni_str name, toni_str *value)
{
    const toni_fake_request *of = request_of(request);
    return fake_get_text(
        fake_find_setting(of->headers, of->header_count, name, fake_equal_in_any_case), value);
}

/* As much of it as the plugin knows. */
int32_t fake_show_certificate(const toni_certificate *from, toni_certificate *to)
{
    const size_t size = to->struct_size < sizeof *from ? to->struct_size : sizeof *from;
    if (!from)
        return TONI_ERR_NOT_FOUND;
    memcpy(to, from, size);
    to->struct_size = (uint32_t)size;
    return TONI_OK;
}

static int32_t request_certificate(const toni_request *request, toni_certificate *certificate)
{
    return fake_show_certificate(request_of(request)->certificate, certificate);
}

/* Who has shown a certificate came over TLS. */
static int32_t request_is_secure(const toni_request *request)
{
    return request_of(request)->is_secure || request_of(request)->certificate;
}

void fake_request_fill(toni_host *table)
{
    table->request_part = request_part;
    table->request_parameter = request_parameter;
    table->request_header = request_header;
    table->request_certificate = request_certificate;
    table->request_is_secure = request_is_secure;
}
