/* A client's socket on its worker's loop: reads, writes, and says when either goes on. The one
 * place of the host that knows how a client's bytes come and go, and that some are encrypted on the
 * way (net/secure.h). Knows nothing of what they mean.
 *
 * All on the worker. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "net/secure.h"

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
    uint8_t wants;         /* of enum stream_event */
    bool is_full;          /* it has not taken all of the last write, and says when it takes more */
    bool is_broken;        /* the peer has reset it; what it sent before can be read */
    bool is_mistaken;      /* it was to be TLS, and the peer speaks plainly */
    struct streams *all;   /* of its worker; NULL until stream_secure */
    struct secure *secure; /* NULL: it is plain */
};

/* What a worker's streams over TLS share. */
struct streams {
    struct secure_worker worker;
    struct tls_turns turns;
};

/** @return 0, or -1 on no memory. */
int streams_init(struct streams *streams, struct secure_totals *totals);

void streams_finish(struct streams *streams);

/** Goes on with handshakes, and with what no socket tells of, for a share of the turn. Once in
 * every turn, behind all else.
 * @param turn_began_ns  Of clock_now_ns(). */
void streams_go_on(struct streams *streams, uint64_t turn_began_ns);

/** @return Whether there is something to go on with, so that the loop may not wait. */
static inline bool streams_wait(const struct streams *streams)
{
    return tls_turns_wait(&streams->turns);
}

/** Begins to wait for bytes.
 * @param fd     A connected socket; the stream's from now on, if it is made.
 * @param owner  Constant.
 * @return 0, or -1. */
int stream_open(struct stream *stream, uv_loop_t *loop, int fd, const struct stream_owner *owner);

/** Has a stream that was just opened speak TLS. Its owner hears of it once the handshake is done,
 * or has failed: then it is broken, or, if the peer speaks no TLS, mistaken, and plain.
 * @param port     Of the listener; outlives the stream.
 * @param client   The place of its socket; borrowed until the handshake has begun.
 * @param address  The client's, for the log; outlives the stream.
 * @return 0, or -1 on no memory. */
int stream_secure(struct stream *stream, struct streams *streams, struct tls_port *port,
                  const struct place *client, const char *address);

/** Reads what there is, once.
 * @return How many bytes, 0 for none, STREAM_ENDED or STREAM_BROKEN. */
ssize_t stream_read(struct stream *stream, void *to, size_t size);

/** Writes as much as the socket takes; over TLS what it does not take is kept, and counts as taken.
 * If that is not all, the stream is full, and says when it
 * takes more.
 * @return How many bytes, or -1 if it is broken. */
ssize_t stream_write(struct stream *stream, const void *bytes, size_t size);

/** Says what of the peer's side to wait for.
 * @param events  STREAM_READ, STREAM_END or 0. */
void stream_listen(struct stream *stream, unsigned events);

/** @return Whether something waits that stream_write has taken: to be lost if it is closed now. */
static inline bool stream_is_unsent(const struct stream *stream)
{
    return stream->secure && stream->secure->session &&
           tls_session_is_full(stream->secure->session);
}

/** @return The TLS session, whose handshake is done; NULL: it is plain. */
static inline const struct tls_session *stream_session(const struct stream *stream)
{
    return stream->secure ? stream->secure->session : NULL;
}

/** The time for its TLS handshake is over, if it has one. Only stream_close may follow. */
static inline void stream_expire(struct stream *stream)
{
    if (stream->secure)
        secure_expire(stream->secure);
}

/** Tells the peer that nothing follows. */
void stream_shut_write(struct stream *stream);

/** Closes the socket; `closed` follows, and nothing else. Doing so twice is an error. */
void stream_close(struct stream *stream);

#endif
