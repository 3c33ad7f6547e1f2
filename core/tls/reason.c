/* See reason.h. */
#include "tls/reason.h"

#include <openssl/err.h>
#include <stddef.h>

const char *tls_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason ? reason : "no reason is known";
}

void tls_reason_clear(void)
{
    ERR_clear_error();
}
