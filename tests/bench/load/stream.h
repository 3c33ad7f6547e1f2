/* The bytes of one connection, plain or over TLS. A load has nothing to hide: it takes whatever
 * certificate it is shown, and resumes no session. */
#ifndef LOAD_STREAM_H
#define LOAD_STREAM_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct stream {
    int fd;   /* -1 once it has ended */
    SSL *ssl; /* NULL: plain */
};

/** What all streams of a run over TLS 1.3 share.
 * @return For SSL_CTX_free; NULL after a line on stderr. */
SSL_CTX *stream_context(void);

/** Takes over a connected socket, also if it fails. The handshake comes with the first bytes sent.
 * @param context  NULL: plain. @return 0, or -1 after a line on stderr. */
int stream_open(struct stream *stream, int fd, SSL_CTX *context);

/** As recv: 0 at the end, -1 with errno, EAGAIN if nothing has come. */
ssize_t stream_receive(struct stream *stream, void *bytes, size_t size);

/** As send: -1 with errno, EAGAIN if nothing goes out now; the same bytes must then come again. */
ssize_t stream_send(const struct stream *stream, const void *bytes, size_t size);

/** @return Whether bytes wait that no poll would tell of. */
bool stream_has_more(const struct stream *stream);

/** Closes the socket, without the alert that ends TLS: the end of WebSocket says all. */
void stream_close(struct stream *stream);

#endif
