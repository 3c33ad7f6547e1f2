/* A certificate with its chain, its key, the names that it is for and its OCSP response: loaded
 * from their files, and checked, so that what is here can be shown to clients. */
#ifndef TLS_CERTIFICATE_H
#define TLS_CERTIFICATE_H

#include "tls/settings.h"

#include <stdint.h>

/* Of one certificate. */
#define TLS_NAMES_MAX 1000

struct tls_certificate {
    struct x509_st *leaf;
    struct stack_st_X509 *chain; /* without the leaf */
    struct evp_pkey_st *key;
    char **names; /* in lower case; `*.example.org` is for one label */
    size_t name_count;
    int64_t ends_s; /* Unix time: the earliest end in the chain */
    uint8_t *ocsp;  /* a response; NULL: none */
    size_t ocsp_size;
    int64_t ocsp_ends_s; /* it is not shown any more from then on; 0: it does not say */
};

/** Loads and checks what a pair names.
 * @param certificate  Filled in; tls_certificate_finish must follow in any case.
 * @param folder       What paths are relative to.
 * @return Whether it can be used; if not, @p faults says why. */
bool tls_certificate_load(struct tls_certificate *certificate, const struct tls_pair *pair,
                          const char *folder, struct fault_list *faults);

void tls_certificate_finish(struct tls_certificate *certificate);

/** @return Its first name, for people; "?" if it has none. */
const char *tls_certificate_title(const struct tls_certificate *certificate);

/** Tells whether a name that a client asks for is one of its own.
 * @param name  In lower case, without a dot at its end. */
bool tls_certificate_is_for(const struct tls_certificate *certificate, const char *name);

#endif
