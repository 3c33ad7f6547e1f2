/* Why handshakes fail: what kind of failure OpenSSL's last error is, and what each is called. */
#ifndef TLS_FAILURE_H
#define TLS_FAILURE_H

#include "tls/figures.h"

#include <stdbool.h>

/** @param is_at_end  The client has gone. */
enum tls_failure tls_failure_of(bool is_at_end);

/** @return Its name for logs and figures; constant. */
const char *tls_failure_label(enum tls_failure why);

#endif
