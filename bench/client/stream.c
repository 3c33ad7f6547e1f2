/* Streams; see stream.h. */
#include "client/stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool set_trust(SSL_CTX *context, const struct stream_terms *terms)
{
    SSL_CTX_set_verify(context, terms->takes_any ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (terms->takes_any)
        return true;
    if (!terms->authorities)
        return SSL_CTX_set_default_verify_paths(context) == 1;
    if (SSL_CTX_load_verify_file(context, terms->authorities) == 1)
        return true;
    (void)fprintf(stderr, "toni bench: %s has no certificates of authorities that can be read\n",
                  terms->authorities);
    return false;
}

SSL_CTX *stream_context(const struct stream_terms *terms)
{
    const int oldest = terms->only_newest ? TLS1_3_VERSION : TLS1_2_VERSION;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context || SSL_CTX_set_min_proto_version(context, oldest) != 1) {
        SSL_CTX_free(context);
        (void)fprintf(stderr, "toni bench: OpenSSL has no TLS for it\n");
        return NULL;
    }
    if (!set_trust(context, terms)) {
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1); /* one system call for all that is there */
    (void)signal(SIGPIPE, SIG_IGN);     /* OpenSSL writes without MSG_NOSIGNAL */
    return context;
}

/* An address stands in other places of a certificate than a name, and is not asked for by SNI. */
static bool expect_name(SSL *ssl, const char *name)
{
    X509_VERIFY_PARAM *wanted = SSL_get0_param(ssl);
    if (!name || X509_VERIFY_PARAM_set1_ip_asc(wanted, name) == 1)
        return true;
    ERR_clear_error();
    return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;
}

int stream_open(struct stream *stream, int fd, SSL_CTX *context, const char *name)
{
    *stream = (struct stream){.fd = fd};
    if (!context)
        return 0;
    stream->ssl = SSL_new(context);
    if (stream->ssl && expect_name(stream->ssl, name) && SSL_set_fd(stream->ssl, fd) == 1) {
        SSL_set_connect_state(stream->ssl);
        return 0;
    }
    stream_close(stream);
    errno = ENOMEM;
    return -1;
}

/* @return As recv and send do. */
static ssize_t judge(const struct stream *stream, int result)
{
    if (result > 0)
        return result;
    switch (SSL_get_error(stream->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        return -1;
    default:
        errno = EPROTO;
        return -1;
    }
}

ssize_t stream_receive(struct stream *stream, void *bytes, size_t size)
{
    if (!stream->ssl)
        return recv(stream->fd, bytes, size, 0);
    ERR_clear_error();
    return judge(stream, SSL_read(stream->ssl, bytes, (int)size));
}

ssize_t stream_send(const struct stream *stream, const void *bytes, size_t size)
{
    if (!stream->ssl)
        return send(stream->fd, bytes, size, MSG_NOSIGNAL);
    ERR_clear_error();
    return judge(stream, SSL_write(stream->ssl, bytes, (int)size));
}

bool stream_has_more(const struct stream *stream)
{
    return stream->ssl && SSL_has_pending(stream->ssl);
}

void stream_failure(const struct stream *stream, char *text, size_t size)
{
    const int error = errno;
    if (!stream->ssl || error != EPROTO) {
        (void)snprintf(text, size, "%s", strerror(error));
        return;
    }
    const long verdict = SSL_get_verify_result(stream->ssl);
    const char *reason = verdict != X509_V_OK ? X509_verify_cert_error_string(verdict)
                                              : ERR_reason_error_string(ERR_peek_last_error());
    (void)snprintf(text, size, "TLS: %s", reason ? reason : "a protocol error");
}

void stream_close(struct stream *stream)
{
    if (stream->ssl) {
        SSL_set_quiet_shutdown(stream->ssl, 1);
        SSL_free(stream->ssl);
    }
    stream->ssl = NULL;
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
}
