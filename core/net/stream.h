/* A client's socket on its worker's loop: reads, writes, and says when either goes on. The one
 * place of the host that knows how a client's bytes come and go: what encrypts them belongs here,
 * too. Knows nothing of what they mean.
 *
 * All on the worker. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

/* What a stream waits for, and what it says has come. */
enum stream_event {
    STREAM_READ = 1,  /* there are bytes, or the peer's end */
    STREAM_WRITE = 2, /* the socket takes more */
    STREAM_END = 4,   /* the peer has ended, though what it sent before was not read */
};

/* What stream_read returns beside a number of bytes. */
#define STREAM_ENDED (-1)  /* nothing follows; it may still read */
#define STREAM_BROKEN (-2) /* nothing goes either way */

struct stream;

/** What a stream tells its owner. */
struct stream_owner {
    /** @param events  Of enum stream_event. */
    void (*ready)(struct stream *stream, unsigned events);

    /** After stream_close: the stream's memory may go. */
    void (*closed)(struct stream *stream);
};

struct stream {
    uv_poll_t poll; /* its `data` is the owner */
    int fd;
    uint8_t wants;  /* of enum stream_event */
    bool is_full;   /* it has not taken all of the last write, and says when it takes more */
    bool is_broken; /* the peer has reset it; what it sent before can be read */
};

/** Begins to wait for bytes.
 * @param fd     A connected socket; the stream's from now on, if it is made.
 * @param owner  Constant.
 * @return 0, or -1. */
int stream_open(struct stream *stream, uv_loop_t *loop, int fd, const struct stream_owner *owner);

/** Reads what there is, once.
 * @return How many bytes, 0 for none, STREAM_ENDED or STREAM_BROKEN. */
ssize_t stream_read(struct stream *stream, void *to, size_t size);

/** Writes as much as the socket takes. If that is not all, the stream is full, and says when it
 * takes more.
 * @return How many bytes, or -1 if it is broken. */
ssize_t stream_write(struct stream *stream, const void *bytes, size_t size);

/** Says what of the peer's side to wait for.
 * @param events  STREAM_READ, STREAM_END or 0. */
void stream_listen(struct stream *stream, unsigned events);

/** Tells the peer that nothing follows. */
void stream_shut_write(struct stream *stream);

/** Closes the socket; `closed` follows, and nothing else. Doing so twice is an error. */
void stream_close(struct stream *stream);

#endif
