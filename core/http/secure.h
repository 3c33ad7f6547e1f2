/* What HTTP knows of the TLS under a connection, which ends in http/tls_front.h. Shared by the
 * connection and the one who ends its TLS. */
#ifndef HTTP_SECURE_H
#define HTTP_SECURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <toni/types.h>

struct http_secure {
    atomic_uint references;
    atomic_bool is_cut; /* an answer ends before its end: the client must not take it for whole */
    struct sockaddr_storage local; /* the address that the client has reached */
    toni_certificate *certificate; /* that it has shown; NULL: none */
};

/** An answer is given up in its middle. @param secure  NULL is fine: it is no TLS. @thread Any. */
static inline void http_secure_cut(struct http_secure *secure)
{
    if (secure)
        atomic_store(&secure->is_cut, true);
}

/** Gives a reference back. @param secure  NULL is fine. @thread Any. */
static inline void http_secure_unref(struct http_secure *secure)
{
    if (!secure || atomic_fetch_sub(&secure->references, 1) > 1)
        return;
    free(secure->certificate);
    free(secure);
}

#endif
