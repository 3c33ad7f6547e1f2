/* What a thread counts of its TLS handshakes. It adds, any thread reads.
 *
 * A handshake begins with the client's first byte, on each listener: of who goes without one
 * nothing is counted here. It is over once, by one of these calls. */
#ifndef TLS_FIGURES_H
#define TLS_FIGURES_H

#include "base/counter.h"

/* Why a handshake did not succeed. X(name, label) */
#define TLS_FAILURES(X)                                                                            \
    X(TLS_FAILED_ALERT, "alert") /* the client said no: often it trusts no authority */            \
    X(TLS_FAILED_ALPN, "alpn")   /* it speaks no HTTP/1.1 */                                       \
    X(TLS_FAILED_BUSY, "busy")   /* it made room for another, or there was none for it */          \
    X(TLS_FAILED_CERTIFICATE, "certificate") /* its own was not good, or there was none */         \
    X(TLS_FAILED_CIPHER, "cipher")           /* nothing that both know */                          \
    X(TLS_FAILED_LATE, "late")               /* handshake_ms or http_request_ms was over */        \
    X(TLS_FAILED_LOST, "lost")               /* it went away, or the host ends */                  \
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

struct tls_session;

struct tls_figures {
    struct counter done;    /* handshakes */
    struct counter resumed; /* of these */
    struct counter failed[TLS_FAILURE_COUNT];
    struct counter truncated; /* connections that ended without close_notify */
};

/** A handshake is done. */
void tls_figures_done(struct tls_figures *figures, const struct tls_session *session);

/** A handshake has failed; the log says so at level debug.
 * @param address  The client's. */
void tls_figures_failed(struct tls_figures *figures, enum tls_failure why, const char *address);

#endif
