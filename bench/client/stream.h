/* The bytes of one connection, plain or over TLS. No session is resumed. */
#ifndef CLIENT_STREAM_H
#define CLIENT_STREAM_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct stream {
    int fd;   /* -1 once it has ended */
    SSL *ssl; /* NULL: plain */
};

/* Which servers are taken for the right one. */
struct stream_terms {
    bool takes_any;          /* whatever certificate they show */
    const char *authorities; /* a file of those that are trusted; NULL: the system's */
    bool only_newest;        /* TLS 1.3; else 1.2 as well */
};

/** What all streams of a run over TLS share.
 * @return For SSL_CTX_free; NULL after a line on stderr. */
SSL_CTX *stream_context(const struct stream_terms *terms);

/** Takes over a connected socket, also if it fails. The handshake comes with the first bytes sent.
 * @param context  NULL: plain.
 * @param name     The name or address that the server's certificate must have; NULL: any.
 * @return 0, or -1 on no memory. */
int stream_open(struct stream *stream, int fd, SSL_CTX *context, const char *name);

/** As recv: 0 at the end, -1 with errno, EAGAIN if nothing has come. */
ssize_t stream_receive(struct stream *stream, void *bytes, size_t size);

/** As send: -1 with errno, EAGAIN if nothing goes out now; the same bytes must then come again. */
ssize_t stream_send(const struct stream *stream, const void *bytes, size_t size);

/** @return Whether bytes wait that no poll would tell of. */
bool stream_has_more(const struct stream *stream);

/** Says why the last call has failed, with errno; of TLS, what OpenSSL says. */
void stream_failure(const struct stream *stream, char *text, size_t size);

/** Closes the socket, without the alert that ends TLS: the end of WebSocket says all. */
void stream_close(struct stream *stream);

#endif
