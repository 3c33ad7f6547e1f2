/* What a context consists of; for core/tls alone. */
#ifndef TLS_CONTEXT_PRIVATE_H
#define TLS_CONTEXT_PRIVATE_H

#include "tls/certificate.h"
#include "tls/context.h"

#include <stdatomic.h>

struct ssl_ctx_st;

struct tls_identity {
    struct tls_certificate certificate;
    struct ssl_ctx_st *context;
};

struct tls_context {
    atomic_uint references;
    struct tls_identity *identities; /* the first is for who names none of them */
    size_t count;
};

/** @return The context that a session begins with; it changes to another by the client's name. */
static inline struct ssl_ctx_st *tls_context_first(const struct tls_context *context)
{
    return context->identities[0].context;
}

#endif
