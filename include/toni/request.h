/** @file
 * The request that opened a connection (RFC 6455, section 4.1), as guards and gateways read it.
 *
 * What is returned is borrowed: in a guard it is valid until the guard returns, in a gateway's
 * callback until the callback returns, through a ticket (guard.h) until that is decided.
 */
#ifndef TONI_REQUEST_H
#define TONI_REQUEST_H

#include <toni/host.h>

/** @return The path that the client asked for, without the query: percent-decoded, else as it was
 * sent. @since ABI 1.0 */
static inline toni_str toni_request_path(const toni_request *request)
{
    return toni_host_of(request)->request_part(request, TONI_REQUEST_PATH);
}

/** @return The query, percent-decoded, parameters joined with `&`; empty if there is none. A value
 * that itself holds an `&` can't be told apart here: see toni_request_parameter. @since ABI 1.0 */
static inline toni_str toni_request_query(const toni_request *request)
{
    return toni_host_of(request)->request_part(request, TONI_REQUEST_QUERY);
}

/** @return The Origin header (RFC 6454, section 7), or the empty string. @since ABI 1.0 */
static inline toni_str toni_request_origin(const toni_request *request)
{
    return toni_host_of(request)->request_part(request, TONI_REQUEST_ORIGIN);
}

/** @return The User-Agent header, or the empty string. @since ABI 1.0 */
static inline toni_str toni_request_user_agent(const toni_request *request)
{
    return toni_host_of(request)->request_part(request, TONI_REQUEST_USER_AGENT);
}

/** @return The IP address of the client, without a port; empty on a Unix socket. @since ABI 1.0 */
static inline toni_str toni_request_address(const toni_request *request)
{
    return toni_host_of(request)->request_part(request, TONI_REQUEST_ADDRESS);
}

/** @return The subprotocol that was agreed on, or the empty string; in a guard what will be. @since
 * ABI 1.0 */
static inline toni_str toni_request_subprotocol(const toni_request *request)
{
    return toni_host_of(request)->request_part(request, TONI_REQUEST_SUBPROTOCOL);
}

/** Tells whether the client came over TLS that ends in the host. What a proxy that ends it says of
 * that (`X-Forwarded-Proto`) is a header field like others.
 * @return 1, or 0. @thread The callback's. @since ABI 1.0 */
static inline int32_t toni_request_is_secure(const toni_request *request)
{
    return toni_host_of(request)->request_is_secure(request);
}

/** Looks up a query parameter.
 * @param name   As it stands in the query, percent-decoded; case makes a difference.
 * @param value  Set to the percent-decoded value of the first such parameter; left alone on an
 * error.
 * @return TONI_OK, or TONI_ERR_NOT_FOUND.
 * @thread The callback's. @since ABI 1.0 */
static inline int32_t toni_request_parameter(const toni_request *request, toni_str name,
                                             toni_str *value)
{
    return toni_host_of(request)->request_parameter(request, name, value);
}

/** Looks up a header field. Every one can be read in a guard and in `on_connect`, later on those
 * that the gateway's descriptor lists in `keep_headers`: so an idle connection stays small.
 * @param name   Without the colon; case makes no difference (RFC 9110, section 5.1).
 * @param value  Set to the field's value; left alone on an error. Valid until the callback returns.
 * Of one that was sent more than once: all, joined by `, `; those of Cookie by `; `.
 * @return TONI_OK, or TONI_ERR_NOT_FOUND: the client didn't send it, or it was not kept.
 * @thread The callback's. @since ABI 1.0 */
static inline int32_t toni_request_header(const toni_request *request, toni_str name,
                                          toni_str *value)
{
    return toni_host_of(request)->request_header(request, name, value);
}

#endif
