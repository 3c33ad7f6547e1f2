/* An OCSP response that is shown with a certificate: whether it is of that certificate, good, and
 * signed by who may. */
#ifndef TLS_OCSP_H
#define TLS_OCSP_H

#include <stddef.h>
#include <stdint.h>

struct stack_st_X509;
struct x509_st;

/** @param chain   What follows the certificate; its issuer must be the first.
 * @param ends_s  Set to when the response ends, in Unix time; 0: it does not say.
 * @return NULL if it is good, else what is wrong; constant. */
const char *ocsp_check(const uint8_t *bytes, size_t size, struct x509_st *certificate,
                       struct stack_st_X509 *chain, int64_t *ends_s);

#endif
