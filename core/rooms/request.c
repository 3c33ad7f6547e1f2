/* Requests; see request.h. */
#include "rooms/request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

toni_str str_copy(char **to, toni_str from)
{
    char *copy = *to;
    if (from.size > 0)
        memcpy(copy, from.data, from.size);
    copy[from.size] = '\0';
    *to = copy + from.size + 1;
    return toni_str_make(copy, from.size);
}

static size_t certificate_text_size(const toni_certificate *certificate)
{
    size_t size = certificate->subject.size + certificate->fingerprint.size + 2;
    for (uint32_t i = 0; i < certificate->name_count; i++)
        size += certificate->names[i].size + 1;
    return size;
}

static size_t text_size(const struct request_parts *parts)
{
    size_t size = parts->certificate ? certificate_text_size(parts->certificate) : 0;
    size += parts->path.size + parts->origin.size + parts->user_agent.size + parts->address.size +
            parts->subprotocol.size + 6;
    for (size_t i = 0; i < parts->parameter_count; i++)
        size += parts->parameters[i].size + 1;
    for (size_t i = 0; i < parts->kept_count; i++)
        size += parts->kept[i].name.size + parts->kept[i].value.size + 2;
    return size;
}

/* The parameters joined with `&` are the query; each is a part of it. */
static toni_str join_parameters(toni_request *request, char **text,
                                const struct request_parts *parts)
{
    char *begin = *text;
    for (size_t i = 0; i < parts->parameter_count; i++) {
        if (i > 0)
            (*text)[-1] = '&';
        request->parameters[i] = str_copy(text, parts->parameters[i]);
    }
    if (parts->parameter_count == 0)
        return str_copy(text, (toni_str){0});
    return toni_str_make(begin, (size_t)(*text - begin) - 1);
}

/* @param names  Where those that it has are to be. */
static void copy_certificate(toni_certificate *copy, toni_str *names, char **text,
                             const toni_certificate *from)
{
    *copy = *from;
    copy->names = names;
    copy->subject = str_copy(text, from->subject);
    copy->fingerprint = str_copy(text, from->fingerprint);
    for (uint32_t i = 0; i < from->name_count; i++)
        names[i] = str_copy(text, from->names[i]);
}

static size_t certificate_size(const toni_certificate *certificate)
{
    return certificate ? sizeof *certificate + certificate->name_count * sizeof(toni_str) : 0;
}

toni_request *request_create(const toni_host *host, const struct request_parts *parts)
{
    const size_t certificate = certificate_size(parts->certificate);
    size_t kept = parts->kept_count * sizeof(struct request_field);
    size_t parameters = parts->parameter_count * sizeof(toni_str);
    toni_request *request =
        malloc(sizeof *request + kept + parameters + certificate + text_size(parts));
    if (!request)
        return NULL;
    *request = (toni_request){
        .host = host,
        .parameter_count = (uint32_t)parts->parameter_count,
        .kept_count = (uint32_t)parts->kept_count,
        .is_secure = parts->is_secure,
    };
    request->kept = (struct request_field *)(request + 1);
    request->parameters = (toni_str *)(request->kept + parts->kept_count);
    char *text = (char *)(request->parameters + parts->parameter_count);
    if (parts->certificate) {
        request->certificate = (toni_certificate *)(void *)text;
        text += certificate;
        copy_certificate(request->certificate, (toni_str *)(request->certificate + 1), &text,
                         parts->certificate);
    }
    request->path = str_copy(&text, parts->path);
    request->origin = str_copy(&text, parts->origin);
    request->user_agent = str_copy(&text, parts->user_agent);
    request->address = str_copy(&text, parts->address);
    request->subprotocol = str_copy(&text, parts->subprotocol);
    request->query = join_parameters(request, &text, parts);
    for (size_t i = 0; i < parts->kept_count; i++) {
        request->kept[i].name = str_copy(&text, parts->kept[i].name);
        request->kept[i].value = str_copy(&text, parts->kept[i].value);
    }
    return request;
}

void request_destroy(toni_request *request)
{
    free(request);
}

toni_str request_part(const toni_request *request, uint32_t part)
{
    switch (part) {
    case TONI_REQUEST_PATH:
        return request->path;
    case TONI_REQUEST_QUERY:
        return request->query;
    case TONI_REQUEST_ORIGIN:
        return request->origin;
    case TONI_REQUEST_USER_AGENT:
        return request->user_agent;
    case TONI_REQUEST_ADDRESS:
        return request->address;
    case TONI_REQUEST_SUBPROTOCOL:
        return request->subprotocol;
    default:
        return toni_str_make("", 0);
    }
}

/* @param value  Set to what is behind its name. */
static bool is_named(toni_str parameter, toni_str name, toni_str *value)
{
    toni_str key = parameter;
    *value = toni_str_make("", 0);
    toni_str_split_once(parameter, '=', &key, value);
    return toni_str_equal(key, name);
}

uint32_t request_drop_parameter(toni_request *request, toni_str name)
{
    const uint32_t before = request->parameter_count;
    char *const begin = (char *)(uintptr_t)request->query.data, *to = begin;
    toni_str value;
    request->parameter_count = 0;
    for (uint32_t i = 0; i < before; i++) {
        const toni_str parameter = request->parameters[i];
        if (is_named(parameter, name, &value))
            continue;
        if (request->parameter_count > 0)
            *to++ = '&';
        memmove(to, parameter.data, parameter.size);
        request->parameters[request->parameter_count++] = toni_str_make(to, parameter.size);
        to += parameter.size;
    }
    const size_t size = (size_t)(to - begin);
    if (before > 0)
        memset(to, 0, request->query.size - size);
    request->query.size = size;
    return before - request->parameter_count;
}

static int32_t request_parameter(const toni_request *request, toni_str name, toni_str *value)
{
    toni_str found;
    for (uint32_t i = 0; i < request->parameter_count; i++) {
        if (is_named(request->parameters[i], name, &found)) {
            *value = found;
            return TONI_OK;
        }
    }
    return TONI_ERR_NOT_FOUND;
}

static int32_t request_header(const toni_request *request, toni_str name, toni_str *value)
{
    for (uint32_t i = 0; i < request->kept_count; i++) {
        const struct request_field *field = &request->kept[i];
        if (field->name.size == name.size &&
            strncasecmp(field->name.data, name.data, name.size) == 0) {
            *value = field->value;
            return TONI_OK;
        }
    }
    if (!request->source)
        return TONI_ERR_NOT_FOUND;
    return request->source->find_header(request->source_context, name, value);
}

int32_t certificate_show(const toni_certificate *from, toni_certificate *to)
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
    return certificate_show(request->certificate, certificate);
}

static int32_t request_is_secure(const toni_request *request)
{
    return request->is_secure;
}

void request_fill_table(toni_host *table)
{
    table->request_certificate = request_certificate;
    table->request_is_secure = request_is_secure;
    table->request_part = request_part;
    table->request_parameter = request_parameter;
    table->request_header = request_header;
}
