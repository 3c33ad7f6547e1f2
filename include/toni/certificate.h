/** @file
 * The certificate that a client has shown: on an address of `listen.websocket` or `listen.http`
 * whose `tls` asks for one (`client_certificates`). By the time a guard or a service is asked, its
 * chain has been checked against `client_authorities`, and that the client has its key; what it may
 * do is theirs to say.
 *
 *     toni_certificate certificate;
 *     if (toni_request_certificate(request, &certificate) != TONI_OK)
 *         return TONI_ERR_UNAUTHORIZED;
 *     if (!toni_str_equal(certificate.fingerprint, gateway->expected))
 *         return TONI_ERR_FORBIDDEN;
 *
 * @since ABI 1.0
 */
#ifndef TONI_CERTIFICATE_H
#define TONI_CERTIFICATE_H

#include <toni/host.h>

/** Looks at the client's certificate.
 * @param request      In a guard, in a callback, or of a ticket.
 * @param certificate  Filled in, as much of it as the host knows; its struct_size is set here.
 * @return TONI_OK, or TONI_ERR_NOT_FOUND: the client has shown none, or the address is not one with
 * `client_certificates`.
 * @thread The callback's. @since ABI 1.0 */
static inline int32_t toni_request_certificate(const toni_request *request,
                                               toni_certificate *certificate)
{
    certificate->struct_size = (uint32_t)sizeof *certificate;
    return toni_host_of(request)->request_certificate(request, certificate);
}

/** Looks at the certificate of the client of an HTTP request. Where a proxy ends the clients' TLS
 * it is the proxy's.
 * @param exchange     In `on_request`.
 * @param certificate  As toni_request_certificate; valid until `on_request` returns.
 * @return TONI_OK, or TONI_ERR_NOT_FOUND: the client has shown none, or the address is not one with
 * `client_certificates`.
 * @thread That of `on_request`. @since ABI 1.0 */
static inline int32_t toni_exchange_certificate(const toni_exchange *exchange,
                                                toni_certificate *certificate)
{
    certificate->struct_size = (uint32_t)sizeof *certificate;
    return toni_host_of(exchange)->exchange_certificate(exchange, certificate);
}

#endif
