/* What the host accepts of TLS whatever the certificate: versions, ciphers, and what is switched
 * off. */
#ifndef TLS_TERMS_H
#define TLS_TERMS_H

#include "tls/settings.h"

struct ssl_ctx_st;

/** @return OpenSSL's context, without a certificate; NULL after a fault. */
struct ssl_ctx_st *tls_terms_create(const struct tls_settings *settings, struct fault_list *faults);

#endif
