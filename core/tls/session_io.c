/* What a session sends and receives: the output that its thread shares, what is kept of it for a
 * full socket, and what OpenSSL reads and writes through; see session.h. */
#include "base/socket_bytes.h"
#include "tls/session_private.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* What a client may have waiting: two writes, and answers to what it sends. More waits only if it
 * reads nothing and asks for answers all the same. */
#define KEPT_MAX ((size_t)2 * SESSION_OUTPUT_SIZE)

/* So many reads of the socket a call makes at most; and no second one before the first has led to
 * bytes: who sends what leads to nothing, again and again, has to wait for its next turn. */
#define READS_MAX 8

/* What is read at once while hands are shaken. Most hellos fit; a client has little else to say. */
#define AHEAD_SIZE 4096u

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

void session_forget_kept(struct tls_session *session)
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

int session_send_out(struct tls_session *session)
{
    return send_out_by(session, socket_transmit);
}

int session_send_out_ahead(struct tls_session *session)
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
        session_forget_kept(session);
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
        if (output->size == SESSION_OUTPUT_SIZE && session_send_out(session))
            return 0;
        if (part > SESSION_OUTPUT_SIZE - output->size)
            part = SESSION_OUTPUT_SIZE - output->size;
        memcpy(output->bytes + output->size, bytes + *written, part);
        output->size += part;
        *written += part;
    }
    return 1;
}

void session_forget_ahead(struct tls_session *session)
{
    free(session->ahead);
    session->ahead = NULL;
    session->ahead_size = session->ahead_read = 0;
}

static size_t take_ahead(struct tls_session *session, char *to, size_t size)
{
    const size_t left = session->ahead_size - session->ahead_read;
    const size_t taken = size < left ? size : left;
    memcpy(to, session->ahead + session->ahead_read, taken);
    session->ahead_read += (uint16_t)taken;
    if (taken == left)
        session_forget_ahead(session);
    return taken;
}

/* Reads the socket. @return As recv. What has come may be a hello that is refused. */
static ssize_t receive(struct tls_session *session, void *to, size_t size)
{
    const ssize_t got = socket_receive(session->fd, to, size);
    session->is_drained = true;
    session->may_hold_more = got == (ssize_t)size && ++session->reads < READS_MAX;
    session->is_at_end = session->is_at_end || got == 0;
    if (got > 0 && may_be_hello(session) && !tls_hello_look(&session->hello, to, (size_t)got))
        session->is_refused = true;
    return got;
}

/* OpenSSL 3.5 reads ahead only once hands are shaken: before that it asks for the head of a record,
 * and then for what is in it. Each would be a call of the kernel, and a step that waits for its
 * turn, as no second read of the socket is made for one that has led to nothing yet.
 * @return As recv. */
static ssize_t receive_ahead(struct tls_session *session, char *to, size_t size)
{
    uint8_t *ahead = malloc(AHEAD_SIZE);
    if (!ahead)
        return receive(session, to, size);
    const ssize_t got = receive(session, ahead, AHEAD_SIZE);
    if (got <= 0 || session->is_refused) {
        free(ahead);
        return got;
    }
    session->ahead = ahead;
    session->ahead_size = (uint16_t)got;
    return (ssize_t)take_ahead(session, to, size);
}

static int bio_read(BIO *bio, char *to, size_t size, size_t *taken)
{
    struct tls_session *session = BIO_get_data(bio);
    *taken = 0;
    BIO_clear_retry_flags(bio);
    if (session->ahead) {
        *taken = take_ahead(session, to, size);
        return 1;
    }
    if (!session->is_drained) {
        const ssize_t got = size < AHEAD_SIZE && !SSL_is_init_finished(session->ssl)
                                ? receive_ahead(session, to, size)
                                : receive(session, to, size);
        if (got == 0 || (got > 0 && session->is_refused) || (got < 0 && !socket_is_for_now(errno)))
            return 0;
        if (got > 0) {
            *taken = (size_t)got;
            return 1;
        }
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
    *output = (struct tls_output){.bytes = method ? malloc(SESSION_OUTPUT_SIZE) : NULL};
    return output->bytes ? 0 : -1;
}

BIO *session_make_bio(struct tls_session *session)
{
    BIO *bio = BIO_new(method);
    if (!bio)
        return NULL;
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    return bio;
}
