/* See figures.h. */
#include "tls/figures.h"

#include "base/log_limit.h"
#include "tls/failure.h"
#include "tls/session.h"

void tls_figures_done(struct tls_figures *figures, const struct tls_session *session)
{
    counter_add(&figures->done, 1);
    if (tls_session_is_resumed(session))
        counter_add(&figures->resumed, 1);
}

void tls_figures_failed(struct tls_figures *figures, enum tls_failure why, const char *address)
{
    counter_add(&figures->failed[why], 1);
    log_limited(LOG_LEVEL_DEBUG, "a TLS handshake failed",
                log_str("reason", tls_failure_label(why)), log_str("address", address));
}
