/** @file
 * The certificate that a client has shown: on an address of `listen.websocket` whose `tls` asks for
 * one (`client_certificates`). By the time a guard is asked, its chain has been checked against
 * `client_authorities`, and that the client has its key; what it may do is the guard's to say.
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

#endif
