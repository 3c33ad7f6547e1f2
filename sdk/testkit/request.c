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
static int32_t request_certificate(const toni_request *request, toni_certificate *certificate)
{
    const toni_certificate *from = request_of(request)->certificate;
    const size_t size =
        certificate->struct_size < sizeof *from ? certificate->struct_size : sizeof *from;
    if (!from)
        return TONI_ERR_NOT_FOUND;
    memcpy(certificate, from, size);
    certificate->struct_size = (uint32_t)size;
    return TONI_OK;
}

void fake_request_fill(toni_host *table)
{
    table->request_part = request_part;
    table->request_parameter = request_parameter;
    table->request_header = request_header;
    table->request_certificate = request_certificate;
}
