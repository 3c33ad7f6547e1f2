/* Sessions; see session.h. */
#include "tls/session.h"

#include "base/socket_bytes.h"
#include "tls/context_private.h"
#include "tls/failure.h"
#include "tls/reason.h"
#include "tls/session_private.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* The records of the largest write, of 64 KiB, with their heads, and some more. */
#define OUTPUT_SIZE 69632u

/* What a client may have waiting: two writes, and answers to what it sends. More waits only if it
 * reads nothing and asks for answers all the same. */
#define KEPT_MAX ((size_t)2 * OUTPUT_SIZE)

/* One record: so much is encrypted ahead for a client whose socket was full. */
#define RECORD_SIZE 16384u

/* So many reads of the socket a call makes at most; and no second one before the first has led to
 * bytes: who sends what leads to nothing, again and again, has to wait for its next turn. */
#define READS_MAX 8

/* --- Output */

void tls_output_finish(struct tls_output *output)
{
    free(output->bytes);
    *output = (struct tls_output){0};
}

static bool account(struct tls_output *output, size_t more)
{
    if (!output->kept ||
        atomic_fetch_add_explicit(output->kept, more, memory_order_relaxed) + more <=
            output->kept_max)
        return true;
    atomic_fetch_sub_explicit(output->kept, more, memory_order_relaxed);
    return false;
}

static void forget_kept(struct tls_session *session)
{
    if (session->kept && session->output->kept)
        atomic_fetch_sub_explicit(session->output->kept, session->kept_size, memory_order_relaxed);
    free(session->kept);
    session->kept = NULL;
    session->kept_size = session->kept_sent = 0;
}

/* Keeps what the socket has not taken, behind what waits already. @return 0, or -1. */
static int keep(struct tls_session *session, const uint8_t *bytes, size_t size)
{
    const size_t all = session->kept_size + size;
    if (all > KEPT_MAX || !account(session->output, size))
        return -1;
    uint8_t *kept = realloc(session->kept, all);
    if (!kept) {
        if (session->output->kept)
            atomic_fetch_sub_explicit(session->output->kept, size, memory_order_relaxed);
        return -1;
    }
    memcpy(kept + session->kept_size, bytes, size);
    session->kept = kept;
    session->kept_size = all;
    session->was_full = true;
    return 0;
}

typedef ssize_t transmit_function(int fd, const void *bytes, size_t size);

/* Empties the output: to the socket, or to what is kept. @return 0, or -1 if it is broken. */
static int send_out_by(struct tls_session *session, transmit_function *transmit)
{
    struct tls_output *output = session->output;
    const size_t size = output->size;
    ssize_t taken = 0;
    if (size == 0)
        return 0;
    output->size = 0;
    if (session->is_broken)
        return -1;
    if (!session->kept)
        taken = transmit(session->fd, output->bytes, size);
    if (taken == (ssize_t)size)
        return 0;
    if ((taken < 0 && !socket_is_for_now(errno)) ||
        keep(session, output->bytes + (taken > 0 ? taken : 0),
             size - (size_t)(taken > 0 ? taken : 0))) {
        session->is_broken = true;
        return -1;
    }
    return 0;
}

static int send_out(struct tls_session *session)
{
    return send_out_by(session, socket_transmit);
}

/* What the client needs to go on is not among it: a segment less. */
static int send_out_ahead(struct tls_session *session)
{
    return send_out_by(session, socket_transmit_ahead);
}

int tls_session_flush(struct tls_session *session)
{
    if (session->is_broken)
        return -1;
    if (!session->kept)
        return 0;
    const size_t left = session->kept_size - session->kept_sent;
    const ssize_t taken = socket_transmit(session->fd, session->kept + session->kept_sent, left);
    if (taken < 0 && !socket_is_for_now(errno)) {
        session->is_broken = true;
        return -1;
    }
    if (taken > 0)
        session->kept_sent += (size_t)taken;
    if (session->kept_sent == session->kept_size)
        forget_kept(session);
    return 0;
}

bool tls_session_is_full(const struct tls_session *session)
{
    return session->kept != NULL;
}

/* --- What OpenSSL reads and writes through */

/* After its hello a client of TLS 1.2 sends no other. One of 1.3 may be asked for a second, and
 * sends in plain nothing else. */
static bool may_be_hello(const struct tls_session *session)
{
    return !SSL_is_init_finished(session->ssl) &&
           (!session->hello.is_whole || SSL_version(session->ssl) == TLS1_3_VERSION);
}

static int bio_write(BIO *bio, const char *bytes, size_t size, size_t *written)
{
    struct tls_session *session = BIO_get_data(bio);
    struct tls_output *output = session->output;
    BIO_clear_retry_flags(bio);
    for (*written = 0; *written < size;) {
        size_t part = size - *written;
        if (output->size == OUTPUT_SIZE && send_out(session))
            return 0;
        if (part > OUTPUT_SIZE - output->size)
            part = OUTPUT_SIZE - output->size;
        memcpy(output->bytes + output->size, bytes + *written, part);
        output->size += part;
        *written += part;
    }
    return 1;
}

static int bio_read(BIO *bio, char *to, size_t size, size_t *taken)
{
    struct tls_session *session = BIO_get_data(bio);
    *taken = 0;
    BIO_clear_retry_flags(bio);
    if (!session->is_drained) {
        const ssize_t got = socket_receive(session->fd, to, size);
        session->is_drained = true;
        session->may_hold_more = got == (ssize_t)size && ++session->reads < READS_MAX;
        if (got > 0) {
            session->is_refused =
                may_be_hello(session) &&
                !tls_hello_look(&session->hello, (const uint8_t *)to, (size_t)got);
            if (session->is_refused)
                return 0;
            *taken = (size_t)got;
            return 1;
        }
        if (got == 0) {
            session->is_at_end = true;
            return 0;
        }
        if (!socket_is_for_now(errno))
            return 0;
    }
    BIO_set_retry_read(bio);
    return 0;
}

static long bio_control(BIO *bio, int command, long number, void *data)
{
    const struct tls_session *session = BIO_get_data(bio);
    (void)number, (void)data;
    switch (command) {
    case BIO_CTRL_FLUSH: /* the output goes out when the call ends */
        return 1;
    case BIO_CTRL_EOF:
        return session->is_at_end;
    default:
        return 0;
    }
}

static BIO_METHOD *method;

/* Once for the process, and never freed: sessions of a plugin's hung thread may outlive the rest.
 * Made with the first output, at the start: what fails in here is not tried again. */
static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "toni socket");
    if (method && (BIO_meth_set_write_ex(method, bio_write) != 1 ||
                   BIO_meth_set_read_ex(method, bio_read) != 1 ||
                   BIO_meth_set_ctrl(method, bio_control) != 1)) {
        BIO_meth_free(method);
        method = NULL;
    }
}

int tls_output_init(struct tls_output *output)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, make_method);
    *output = (struct tls_output){.bytes = method ? malloc(OUTPUT_SIZE) : NULL};
    return output->bytes ? 0 : -1;
}

static BIO *make_bio(struct tls_session *session)
{
    BIO *bio = BIO_new(method);
    if (!bio)
        return NULL;
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    return bio;
}

/* --- Sessions */

struct tls_session *tls_session_create(struct tls_context *context, int fd,
                                       struct tls_output *output)
{
    struct tls_session *session = calloc(1, sizeof *session);
    if (!session)
        return NULL;
    *session = (struct tls_session){.fd = fd, .output = output};
    session->ssl = SSL_new(tls_context_first(context));
    BIO *bio = session->ssl ? make_bio(session) : NULL;
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
    forget_kept(session);
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
    if (OUTPUT_SIZE - output->size < sizeof illegal_parameter)
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
    const int failed = is_ahead ? send_out_ahead(session) : send_out(session);
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

ssize_t tls_session_read(struct tls_session *session, void *to, size_t size)
{
    size_t got = 0, part;
    ssize_t end = 0;
    if (session->end != 0)
        return session->end;
    if (session->is_broken && !SSL_has_pending(session->ssl))
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
        if (!session->may_hold_more && !SSL_has_pending(session->ssl))
            break;
    }
    tls_reason_clear();
    const int failed = send_out(session); /* answers to what came, or an alert */
    session->end = (int8_t)(end == 0 && failed ? TLS_BROKEN : end);
    session->is_broken = session->is_broken || end == TLS_BROKEN;
    /* The next call tells of an end. */
    return got > 0 ? (ssize_t)got : session->end;
}

/* To OpenSSL the beginning of a record is pending, too, but its rest the socket tells of. Who
 * looked for it without being told would look in every turn. */
bool tls_session_has_more(const struct tls_session *session)
{
    return session->end != 0 || (!session->is_starved && SSL_has_pending(session->ssl) == 1);
}

bool tls_session_may_hold_more(const struct tls_session *session)
{
    return session->may_hold_more;
}

static bool encrypt(struct tls_session *session, const void *bytes, size_t size)
{
    size_t taken;
    const bool is_done = SSL_write_ex(session->ssl, bytes, size, &taken) == 1;
    return send_out(session) == 0 && is_done;
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
    (void)send_out_ahead(session);
}

bool tls_session_has_ended(const struct tls_session *session)
{
    return session->end == TLS_ENDED;
}

bool tls_session_is_truncated(const struct tls_session *session)
{
    return session->is_truncated;
}
