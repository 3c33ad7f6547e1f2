/* See reason.h. */
#include "tls/reason.h"

#include <openssl/err.h>
#include <stddef.h>

const char *tls_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason ? reason : "no reason is known";
}

/* Mostly there is nothing to clear, and OpenSSL would go through all its places for errors. */
void tls_reason_clear(void)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}
