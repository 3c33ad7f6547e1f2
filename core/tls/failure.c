/* See failure.h. */
#include "tls/failure.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

/* OpenSSL numbers the alerts of the peer so. */
#define FIRST_ALERT 1000
#define LAST_ALERT 1255

enum tls_failure tls_failure_of(bool is_at_end)
{
    const unsigned long error = ERR_peek_last_error();
    const int reason = ERR_GET_REASON(error);
    if (error != 0 && reason == ERR_R_MALLOC_FAILURE)
        return TLS_FAILED_MEMORY;
    if (error != 0 && ERR_GET_LIB(error) == ERR_LIB_SSL) {
        if (reason >= FIRST_ALERT && reason <= LAST_ALERT)
            return TLS_FAILED_ALERT;
        switch (reason) {
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_VERSION_TOO_LOW:
        case SSL_R_WRONG_VERSION_NUMBER:
        case SSL_R_WRONG_SSL_VERSION:
        case SSL_R_INAPPROPRIATE_FALLBACK:
            return TLS_FAILED_VERSION;
        case SSL_R_NO_SHARED_CIPHER:
        case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
        case SSL_R_NO_SUITABLE_KEY_SHARE:
        case SSL_R_NO_SUITABLE_GROUPS:
        case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
            return TLS_FAILED_CIPHER;
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        case SSL_R_CERTIFICATE_VERIFY_FAILED:
            return TLS_FAILED_CERTIFICATE;
        case SSL_R_NO_APPLICATION_PROTOCOL:
            return TLS_FAILED_ALPN;
        case SSL_R_HTTP_REQUEST:
        case SSL_R_HTTPS_PROXY_REQUEST:
            return TLS_FAILED_PLAIN;
        default:
            break;
        }
    }
    return is_at_end || error == 0 ? TLS_FAILED_LOST : TLS_FAILED_PROTOCOL;
}

const char *tls_failure_label(enum tls_failure why)
{
    static const char *const labels[] = {
#define FAILURE_LABEL(name, label) label,
        TLS_FAILURES(FAILURE_LABEL)
#undef FAILURE_LABEL
    };
    return labels[why];
}
