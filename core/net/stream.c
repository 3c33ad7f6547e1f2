/* Streams; see stream.h. */
#include "net/stream.h"

#include "net/loop.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
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
    stream->is_full = stream->is_broken = false;
    if (loop_make_place(loop, fd) || uv_poll_init(loop, &stream->poll, fd))
        return -1;
    stream->poll.data = (void *)(uintptr_t)owner;
    want(stream, STREAM_READ);
    return 0;
}

/* The system calls as they are: recv() and send() of the C library are cancellation points, which
 * in a process with threads costs more than all else that this file does. */

static ssize_t receive(int fd, void *to, size_t size)
{
    return syscall(SYS_recvfrom, fd, to, size, MSG_DONTWAIT, NULL, NULL);
}

static ssize_t transmit(int fd, const void *bytes, size_t size)
{
    return syscall(SYS_sendto, fd, bytes, size, MSG_NOSIGNAL, NULL, 0);
}

static bool is_for_now(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

ssize_t stream_read(struct stream *stream, void *to, size_t size)
{
    ssize_t taken = receive(stream->fd, to, size);
    if (taken > 0)
        return taken;
    if (taken == 0)
        return STREAM_ENDED;
    return is_for_now(errno) && !stream->is_broken ? 0 : STREAM_BROKEN;
}

/* Kept out of the way of what the socket takes whole, which is nearly everything. */
__attribute__((noinline)) static ssize_t become_full(struct stream *stream, ssize_t taken)
{
    if (taken < 0 && !is_for_now(errno))
        return -1;
    stream->is_full = true;
    want(stream, stream->wants | STREAM_WRITE);
    return taken > 0 ? taken : 0;
}

ssize_t stream_write(struct stream *stream, const void *bytes, size_t size)
{
    ssize_t taken = transmit(stream->fd, bytes, size);
    return taken == (ssize_t)size ? taken : become_full(stream, taken);
}

void stream_listen(struct stream *stream, unsigned events)
{
    want(stream, (stream->wants & STREAM_WRITE) | events);
}

void stream_shut_write(struct stream *stream)
{
    shutdown(stream->fd, SHUT_WR);
}

static void on_closed(uv_handle_t *handle)
{
    struct stream *stream = stream_of((uv_poll_t *)handle);
    owner_of(stream)->closed(stream);
}

void stream_close(struct stream *stream)
{
    uv_close((uv_handle_t *)&stream->poll, on_closed);
    close(stream->fd);
    stream->fd = -1;
}
