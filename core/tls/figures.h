/* What a thread counts of its TLS handshakes. It adds, any thread reads. */
#ifndef TLS_FIGURES_H
#define TLS_FIGURES_H

#include "base/counter.h"

/* Why a handshake did not succeed. X(name, label) */
#define TLS_FAILURES(X)                                                                            \
    X(TLS_FAILED_ALERT, "alert") /* the client said no: often it trusts no authority */            \
    X(TLS_FAILED_ALPN, "alpn")   /* it speaks no HTTP/1.1 */                                       \
    X(TLS_FAILED_BUSY, "busy")   /* limits.tls_handshakes */                                       \
    X(TLS_FAILED_CERTIFICATE, "certificate") /* its own was not good, or there was none */         \
    X(TLS_FAILED_CIPHER, "cipher")           /* nothing that both know */                          \
    X(TLS_FAILED_LOST, "lost")               /* it went away, or handshake_ms was over */          \
    X(TLS_FAILED_MEMORY, "memory")                                                                 \
    X(TLS_FAILED_PLAIN, "plain")       /* it spoke no TLS */                                       \
    X(TLS_FAILED_PROTOCOL, "protocol") /* it broke the rules */                                    \
    X(TLS_FAILED_VERSION, "version")   /* too old */

enum tls_failure {
#define TLS_FAILURE_NAME(name, label) name,
    TLS_FAILURES(TLS_FAILURE_NAME)
#undef TLS_FAILURE_NAME
        TLS_FAILURE_COUNT
};

struct tls_figures {
    struct counter done;    /* handshakes */
    struct counter resumed; /* of these */
    struct counter failed[TLS_FAILURE_COUNT];
    struct counter truncated; /* connections that ended without close_notify */
};

#endif
