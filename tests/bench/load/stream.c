/* Streams; see stream.h. */
#include "stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

SSL_CTX *stream_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1) {
        SSL_CTX_free(context);
        (void)fprintf(stderr, "load: OpenSSL has no TLS 1.3 for it\n");
        return NULL;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1); /* one system call for all that is there */
    (void)signal(SIGPIPE, SIG_IGN);     /* OpenSSL writes without MSG_NOSIGNAL */
    return context;
}

int stream_open(struct stream *stream, int fd, SSL_CTX *context)
{
    *stream = (struct stream){.fd = fd};
    if (!context)
        return 0;
    stream->ssl = SSL_new(context);
    if (stream->ssl && SSL_set_fd(stream->ssl, fd) == 1) {
        SSL_set_connect_state(stream->ssl);
        return 0;
    }
    (void)fprintf(stderr, "load: no memory for TLS\n");
    stream_close(stream);
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
