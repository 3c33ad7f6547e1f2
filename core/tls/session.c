/* Sessions; see session.h. */
#include "tls/session.h"

#include "tls/context_private.h"
#include "tls/failure.h"
#include "tls/reason.h"
#include "tls/session_private.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

/* One record: so much is encrypted ahead for a client whose socket was full. */
#define RECORD_SIZE 16384u

struct tls_session *tls_session_create(struct tls_context *context, int fd,
                                       struct tls_output *output)
{
    struct tls_session *session = calloc(1, sizeof *session);
    if (!session)
        return NULL;
    *session = (struct tls_session){.fd = fd, .output = output};
    session->ssl = SSL_new(tls_context_first(context));
    BIO *bio = session->ssl ? session_make_bio(session) : NULL;
    if (!bio) {
        SSL_free(session->ssl);
        free(session);
        tls_reason_clear();
        return NULL;
    }
    SSL_set_bio(session->ssl, bio, bio); /* it counts as one reference */
    SSL_set_accept_state(session->ssl);
    session->context = tls_context_ref(context);
    return session;
}

void tls_session_destroy(struct tls_session *session)
{
    if (!session)
        return;
    /* Without this OpenSSL takes the session for one that ended badly. */
    SSL_set_quiet_shutdown(session->ssl, 1);
    SSL_free(session->ssl);
    session->output->size = 0;
    session_forget_kept(session);
    session_forget_ahead(session);
    tls_context_unref(session->context);
    tls_reason_clear();
    free(session);
}

static void begin_reading(struct tls_session *session)
{
    session->is_drained = session->may_hold_more = session->is_starved = false;
    session->reads = 0;
    tls_reason_clear();
}

/* OpenSSL has not seen the hello, so it says nothing. */
static void say_refused(struct tls_session *session)
{
    static const uint8_t illegal_parameter[] = {21, 3, 3, 0, 2, 2, 47};
    struct tls_output *output = session->output;
    if (SESSION_OUTPUT_SIZE - output->size < sizeof illegal_parameter)
        return;
    memcpy(output->bytes + output->size, illegal_parameter, sizeof illegal_parameter);
    output->size += sizeof illegal_parameter;
}

enum tls_progress tls_session_shake(struct tls_session *session, enum tls_failure *why)
{
    begin_reading(session);
    const int result = SSL_do_handshake(session->ssl);
    const int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(session->ssl, result);
    *why = session->is_refused ? TLS_FAILED_PROTOCOL : tls_failure_of(session->is_at_end);
    tls_reason_clear();
    if (session->is_refused)
        say_refused(session);
    /* In TLS 1.3 what is said at the end is tickets: they go with the first answer. */
    const bool is_ahead = result == 1 && SSL_version(session->ssl) == TLS1_3_VERSION;
    const int failed = is_ahead ? session_send_out_ahead(session) : session_send_out(session);
    if (error == SSL_ERROR_NONE && !failed)
        return TLS_DONE;
    if (error == SSL_ERROR_WANT_READ && !failed)
        return TLS_WAITS;
    if (error == SSL_ERROR_NONE || error == SSL_ERROR_WANT_READ)
        *why = TLS_FAILED_LOST;
    session->is_broken = true;
    return TLS_FAILED;
}

bool tls_session_is_resumed(const struct tls_session *session)
{
    return SSL_session_reused(session->ssl) == 1;
}

/* @return TLS_ENDED, TLS_BROKEN, or 0. */
static ssize_t judge_read(struct tls_session *session)
{
    switch (SSL_get_error(session->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
        session->is_starved = true;
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_ENDED;
    default:
        session->is_truncated = session->is_at_end;
        return TLS_BROKEN;
    }
}

/* Of what was taken from the socket. */
static bool has_pending(const struct tls_session *session)
{
    return session->ahead || SSL_has_pending(session->ssl) == 1;
}

ssize_t tls_session_read(struct tls_session *session, void *to, size_t size)
{
    size_t got = 0, part;
    ssize_t end = 0;
    if (session->end != 0)
        return session->end;
    if (session->is_broken && !has_pending(session))
        return TLS_BROKEN;
    begin_reading(session);
    while (got < size && end == 0) {
        if (SSL_read_ex(session->ssl, (uint8_t *)to + got, size - got, &part) == 1) {
            got += part;
            session->is_drained = session->is_drained && !session->may_hold_more;
        } else if ((end = judge_read(session)) == 0) {
            break;
        }
        /* Also if it had all of that, and has not looked at the socket: that tells by itself. */
        if (!session->may_hold_more && !has_pending(session))
            break;
    }
    tls_reason_clear();
    const int failed = session_send_out(session); /* answers to what came, or an alert */
    session->end = (int8_t)(end == 0 && failed ? TLS_BROKEN : end);
    session->is_broken = session->is_broken || end == TLS_BROKEN;
    /* The next call tells of an end. */
    return got > 0 ? (ssize_t)got : session->end;
}

/* To OpenSSL the beginning of a record is pending, too, but its rest the socket tells of. Who
 * looked for it without being told would look in every turn. */
bool tls_session_has_more(const struct tls_session *session)
{
    return session->end != 0 || (!session->is_starved && has_pending(session));
}

bool tls_session_may_hold_more(const struct tls_session *session)
{
    return session->may_hold_more;
}

static bool encrypt(struct tls_session *session, const void *bytes, size_t size)
{
    size_t taken;
    const bool is_done = SSL_write_ex(session->ssl, bytes, size, &taken) == 1;
    return session_send_out(session) == 0 && is_done;
}

ssize_t tls_session_write(struct tls_session *session, const void *bytes, size_t size)
{
    size_t done = 0;
    if (session->is_broken)
        return -1;
    tls_reason_clear();
    while (done < size && !session->kept) {
        size_t part = size - done;
        if (session->was_full && part > RECORD_SIZE)
            part = RECORD_SIZE;
        if (!encrypt(session, (const uint8_t *)bytes + done, part)) {
            tls_reason_clear();
            session->is_broken = true;
            return -1;
        }
        done += part;
    }
    if (!session->kept)
        session->was_full = false;
    return (ssize_t)done;
}

void tls_session_end(struct tls_session *session)
{
    if (session->is_broken || !SSL_is_init_finished(session->ssl))
        return;
    tls_reason_clear();
    (void)SSL_shutdown(session->ssl);
    tls_reason_clear();
    (void)session_send_out_ahead(session);
}

bool tls_session_has_ended(const struct tls_session *session)
{
    return session->end == TLS_ENDED;
}

bool tls_session_is_truncated(const struct tls_session *session)
{
    return session->is_truncated;
}
