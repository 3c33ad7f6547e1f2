/* Streams; see stream.h. */
#include "net/stream.h"

#include "base/socket_bytes.h"
#include "net/loop.h"

#include <sys/socket.h>
#include <unistd.h>

static struct stream *stream_of(uv_poll_t *poll)
{
    return (struct stream *)((char *)poll - offsetof(struct stream, poll));
}

static const struct stream_owner *owner_of(const struct stream *stream)
{
    return stream->poll.data;
}

static void want(struct stream *stream, unsigned events);
static void on_secure_event(struct stream *stream, unsigned events);

static void on_event(uv_poll_t *poll, int status, int polled)
{
    struct stream *stream = stream_of(poll);
    unsigned events = 0;
    if (status < 0) { /* libuv has stopped polling: it would report this again and again */
        stream->wants = 0;
        stream->is_broken = true;
        stream->is_full = false;
        events = STREAM_READ | STREAM_END;
    } else {
        events = (polled & UV_READABLE ? STREAM_READ : 0u) |
                 (polled & UV_WRITABLE ? STREAM_WRITE : 0u) |
                 (polled & UV_DISCONNECT ? STREAM_END : 0u);
    }
    if (stream->secure) {
        on_secure_event(stream, events);
        return;
    }
    if (events & STREAM_WRITE) {
        stream->is_full = false;
        want(stream, stream->wants & ~(unsigned)STREAM_WRITE);
    }
    owner_of(stream)->ready(stream, events);
}

/* libuv takes a change for a new registration, which costs two system calls: so only what differs
 * is told. Nothing of this fails, since the descriptor has its place in the loop. */
static void want(struct stream *stream, unsigned events)
{
    if (stream->wants == events || stream->is_broken)
        return;
    stream->wants = (uint8_t)events;
    if (events == 0) {
        uv_poll_stop(&stream->poll);
        return;
    }
    uv_poll_start(&stream->poll,
                  (events & STREAM_READ ? UV_READABLE : 0) |
                      (events & STREAM_WRITE ? UV_WRITABLE : 0) |
                      (events & STREAM_END ? UV_DISCONNECT : 0),
                  on_event);
}

int stream_open(struct stream *stream, uv_loop_t *loop, int fd, const struct stream_owner *owner)
{
    stream->fd = fd;
    stream->wants = 0;
    stream->is_full = stream->is_broken = stream->is_mistaken = false;
    stream->all = NULL;
    stream->secure = NULL;
    if (loop_make_place(loop, fd) || uv_poll_init(loop, &stream->poll, fd))
        return -1;
    stream->poll.data = (void *)(uintptr_t)owner;
    want(stream, STREAM_READ);
    return 0;
}

/* --- TLS. Kept out of the way of plain streams: one question, mostly answered with no. */

#define OFF_THE_WAY __attribute__((noinline))

/* Ciphertext may wait behind any call, also a read: it is answered at times. */
static void note_full(struct stream *stream)
{
    stream->is_full = tls_session_is_full(stream->secure->session);
    if (stream->is_full)
        want(stream, stream->wants | STREAM_WRITE);
}

/* Bytes that no socket tells of are read in a later turn, if they are wanted. */
static void note_pending(struct stream *stream)
{
    struct secure *secure = stream->secure;
    if (secure->state != SECURE_OPEN)
        return;
    if (stream->wants & STREAM_READ && tls_session_has_more(secure->session))
        tls_turns_read(&stream->all->turns, &secure->waiter);
    else
        tls_turns_forget(&secure->waiter);
}

OFF_THE_WAY static ssize_t secure_read(struct stream *stream, void *to, size_t size)
{
    struct secure *secure = stream->secure;
    if (secure->state != SECURE_OPEN)
        return STREAM_BROKEN;
    ssize_t taken;
    do { /* one that is broken is polled no more: so its socket is read to the end here */
        taken = tls_session_read(secure->session, to, size);
    } while (taken == 0 && stream->is_broken && tls_session_may_hold_more(secure->session));
    note_full(stream);
    note_pending(stream);
    if (taken > 0)
        return taken;
    if (taken == TLS_ENDED)
        return STREAM_ENDED;
    return taken == 0 && !stream->is_broken ? 0 : STREAM_BROKEN;
}

OFF_THE_WAY static ssize_t secure_write(struct stream *stream, const void *bytes, size_t size)
{
    struct secure *secure = stream->secure;
    if (secure->state != SECURE_OPEN)
        return -1;
    const ssize_t taken = tls_session_write(secure->session, bytes, size);
    note_full(stream);
    return taken;
}

/* --- Handshakes */

/* As libuv leaves a socket that has an error: what it holds is read by who is told. */
static void give_up(struct stream *stream)
{
    want(stream, 0);
    stream->is_broken = true;
    stream->is_full = false;
    owner_of(stream)->ready(stream, STREAM_READ | STREAM_END);
}

static void become_plain(struct stream *stream)
{
    secure_destroy(stream->secure);
    stream->secure = NULL;
    stream->is_mistaken = true;
    want(stream, STREAM_READ);
    owner_of(stream)->ready(stream, STREAM_READ);
}

static void shake(struct stream *stream)
{
    const enum secure_step step = secure_shake(stream->secure);
    if (stream->secure->session)
        note_full(stream);
    switch (step) {
    case SECURE_STEP_WAITS:
        want(stream, stream->wants | STREAM_READ);
        break;
    case SECURE_STEP_DONE: /* the first bytes may have come along */
        want(stream, stream->wants | STREAM_READ);
        owner_of(stream)->ready(stream, STREAM_READ);
        break;
    case SECURE_STEP_PLAIN:
        become_plain(stream);
        break;
    case SECURE_STEP_FAILED:
        give_up(stream);
        break;
    }
}

/* It waits for the turn's end, or a later one's. Not one that was ended for another, who is let in
 * only once this has gone: while it waited nobody would be. */
static void shake_in_turn(struct stream *stream)
{
    if (secure_is_ended(stream->secure))
        give_up(stream);
    else if (!tls_turns_shake(&stream->all->turns, &stream->secure->waiter))
        want(stream, stream->wants & STREAM_WRITE);
}

/* --- What has come over TLS */

/* @return The event for the owner: also if only a part has gone, so that it sees the peer read. */
static unsigned flush(struct stream *stream)
{
    struct secure *secure = stream->secure;
    const int failed = secure->session ? tls_session_flush(secure->session) : 0;
    stream->is_full = !failed && secure->session && tls_session_is_full(secure->session);
    if (stream->is_full)
        return STREAM_WRITE;
    want(stream, stream->wants & ~(unsigned)STREAM_WRITE);
    if (secure->is_shut_wanted)
        shutdown(stream->fd, SHUT_WR);
    return STREAM_WRITE;
}

OFF_THE_WAY static void on_secure_event(struct stream *stream, unsigned events)
{
    if (events & STREAM_WRITE)
        events = (events & ~(unsigned)STREAM_WRITE) | flush(stream);
    if (stream->secure->state == SECURE_OPEN || stream->is_broken)
        owner_of(stream)->ready(stream, events);
    else if (events & (STREAM_READ | STREAM_END))
        shake_in_turn(stream);
}

static struct stream *stream_of_waiter(struct tls_waiter *waiter)
{
    return ((struct secure *)((char *)waiter - offsetof(struct secure, waiter)))->stream;
}

static void shake_waiting(struct tls_waiter *waiter)
{
    shake(stream_of_waiter(waiter));
}

static void read_pending(struct tls_waiter *waiter)
{
    struct stream *stream = stream_of_waiter(waiter);
    owner_of(stream)->ready(stream, STREAM_READ);
}

void streams_go_on(struct streams *streams, uint64_t turn_began_ns)
{
    tls_turns_go_on(&streams->turns, turn_began_ns, shake_waiting, read_pending);
}

int streams_init(struct streams *streams, struct secure_totals *totals)
{
    tls_turns_init(&streams->turns);
    return secure_worker_init(&streams->worker, totals);
}

void streams_finish(struct streams *streams)
{
    secure_worker_finish(&streams->worker);
}

int stream_secure(struct stream *stream, struct streams *streams, struct tls_port *port,
                  const struct place *client, const char *address)
{
    stream->all = streams;
    stream->secure = secure_create(&streams->worker, port, stream->fd, client, address, stream);
    return stream->secure ? 0 : -1;
}

/* --- Reading and writing */

ssize_t stream_read(struct stream *stream, void *to, size_t size)
{
    if (stream->secure)
        return secure_read(stream, to, size);
    ssize_t taken = socket_receive(stream->fd, to, size);
    if (taken > 0)
        return taken;
    if (taken == 0)
        return STREAM_ENDED;
    return socket_is_for_now(errno) && !stream->is_broken ? 0 : STREAM_BROKEN;
}

/* Kept out of the way of what the socket takes whole, which is nearly everything. */
__attribute__((noinline)) static ssize_t become_full(struct stream *stream, ssize_t taken)
{
    if (taken < 0 && !socket_is_for_now(errno))
        return -1;
    stream->is_full = true;
    want(stream, stream->wants | STREAM_WRITE);
    return taken > 0 ? taken : 0;
}

ssize_t stream_write(struct stream *stream, const void *bytes, size_t size)
{
    if (stream->secure)
        return secure_write(stream, bytes, size);
    ssize_t taken = socket_transmit(stream->fd, bytes, size);
    return taken == (ssize_t)size ? taken : become_full(stream, taken);
}

void stream_listen(struct stream *stream, unsigned events)
{
    want(stream, (stream->wants & STREAM_WRITE) | events);
    if (stream->secure)
        note_pending(stream);
}

void stream_shut_write(struct stream *stream)
{
    if (stream->secure && stream->secure->session) {
        tls_session_end(stream->secure->session);
        note_full(stream);
        if (stream->is_full) { /* behind what is kept */
            stream->secure->is_shut_wanted = true;
            return;
        }
    }
    shutdown(stream->fd, SHUT_WR);
}

static void on_closed(uv_handle_t *handle)
{
    struct stream *stream = stream_of((uv_poll_t *)handle);
    owner_of(stream)->closed(stream);
}

/* Who has said that nothing follows is told the same (RFC 8446, section 6.1); who has not is not,
 * so that it can tell that something is missing. */
OFF_THE_WAY static void secure_close(struct secure *secure)
{
    if (secure->session && tls_session_has_ended(secure->session))
        tls_session_end(secure->session);
    secure_destroy(secure);
}

void stream_close(struct stream *stream)
{
    if (stream->secure)
        secure_close(stream->secure);
    stream->secure = NULL;
    uv_close((uv_handle_t *)&stream->poll, on_closed);
    close(stream->fd);
    stream->fd = -1;
}
