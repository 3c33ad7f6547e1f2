/* See revocation_link.h. */
#include "host/revocation_link.h"

#include "base/clock.h"
#include "base/log.h"
#include "rooms/revoking.h"
#include "rooms/shared.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How often to look for changes: within that the other host knows. */
#define LOOK_EVERY_MS 50

/* More than any line has. */
#define LINE_MAX_SIZE 1024

/* How long the last changes may take to be sent. */
#define LAST_WORDS_MS 200

/* --- What is sent */

/* Nothing is added before all is sent, so the table bounds it.
 * @return 0, or -1 on no memory: tried again. */
static int add_changes(struct revocation_link *link)
{
    uint64_t number = link->told;
    if (link->sent < link->out.length)
        return 0;
    buffer_clear(&link->out);
    link->sent = 0;
    if (revocations_write(&link->connections->revocations, link->told, &link->out, &number) ||
        (!link->has_told && buffer_append(&link->out, "\n", 1))) {
        buffer_clear(&link->out);
        return -1;
    }
    link->told = number;
    link->has_told = true;
    return 0;
}

static bool is_interrupted(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOBUFS;
}

/* @return 0, or -1: the other end is gone. */
static int send_some(struct revocation_link *link)
{
    while (link->sent < link->out.length) {
        const ssize_t put = send(link->fd, link->out.bytes + link->sent,
                                 link->out.length - link->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0)
            return is_interrupted() ? 0 : -1;
        link->sent += (size_t)put;
    }
    return 0;
}

/* --- What comes */

static void take_lines(struct revocation_link *link)
{
    toni_str rest = toni_str_make(link->in.bytes, link->in.length), line;
    while (toni_str_split_once(rest, '\n', &line, &rest)) {
        if (line.size == 0)
            link->has_heard = true;
        else if (revoking_learn(link->connections, line) < 0)
            log_error("restart: a revoked subject of the other host could not be noted");
    }
    if (rest.size > 0)
        memmove(link->in.bytes, rest.data, rest.size);
    link->in.length = rest.size;
}

/* @return 0, or -1: the other end is gone, or sends no lines. */
static int receive_some(struct revocation_link *link)
{
    char piece[16384];
    const ssize_t got = recv(link->fd, piece, sizeof piece, MSG_DONTWAIT);
    if (got <= 0)
        return got < 0 && is_interrupted() ? 0 : -1;
    if (buffer_append(&link->in, piece, (size_t)got)) {
        log_error("restart: revoked subjects of the other host could not be noted: out of memory");
        return -1;
    }
    take_lines(link);
    return link->in.length <= LINE_MAX_SIZE ? 0 : -1;
}

/* --- The thread */

/* @return 0, or -1: the link is over. */
static int turn(struct revocation_link *link, int wait_ms)
{
    (void)add_changes(link);
    struct pollfd look = {.fd = link->fd, .events = POLLIN};
    if (link->sent < link->out.length)
        look.events |= POLLOUT;
    if (poll(&look, 1, wait_ms) <= 0)
        return 0;
    if ((look.revents & POLLOUT) && send_some(link))
        return -1;
    return look.revents & (POLLIN | POLLHUP | POLLERR) ? receive_some(link) : 0;
}

static void say_the_last(struct revocation_link *link)
{
    const uint64_t end_ms = clock_now_ms() + LAST_WORDS_MS;
    do {
        if (add_changes(link) || send_some(link))
            return;
        if (link->out.length == 0) /* all was sent before */
            return;
        if (link->sent < link->out.length)
            (void)poll(&(struct pollfd){.fd = link->fd, .events = POLLOUT}, 1, LAST_WORDS_MS);
    } while (clock_now_ms() < end_ms);
}

static void *run(void *data)
{
    struct revocation_link *link = data;
    while (!atomic_load(&link->is_ending)) {
        if (turn(link, LOOK_EVERY_MS))
            return NULL;
    }
    say_the_last(link);
    return NULL;
}

/* --- Life */

static void open_link(struct revocation_link *link, toni_connections *connections, int fd)
{
    *link = (struct revocation_link){.connections = connections, .fd = fd, .is_open = true};
    buffer_init(&link->out);
    buffer_init(&link->in);
}

static void finish(struct revocation_link *link)
{
    link->is_open = false;
    close(link->fd);
    buffer_finish(&link->out);
    buffer_finish(&link->in);
}

static int start(struct revocation_link *link)
{
    const int error = pthread_create(&link->thread, NULL, run, link);
    if (!error)
        return 0;
    finish(link);
    errno = error;
    return -1;
}

int revocation_link_begin(struct revocation_link *link, toni_connections *connections, int *other)
{
    int ends[2];
    *link = (struct revocation_link){0};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return -1;
    open_link(link, connections, ends[0]);
    *other = ends[1];
    if (!start(link))
        return 0;
    close(ends[1]);
    return -1;
}

void revocation_link_join(struct revocation_link *link, toni_connections *connections, int fd,
                          uint64_t wait_ms)
{
    const uint64_t end_ms = clock_now_ms() + wait_ms;
    *link = (struct revocation_link){0};
    if (fd < 0)
        return;
    open_link(link, connections, fd);
    int result = 0;
    while (!result && !link->has_heard && clock_now_ms() < end_ms)
        result = turn(link, LOOK_EVERY_MS);
    if (!link->has_heard)
        log_error("restart: not all came of whom the host before this one knows as revoked: revoke "
                  "them again");
    if (result)
        finish(link);
    else if (start(link))
        log_error("restart: whom the host before this one revokes from now on is not known here: "
                  "out of threads");
}

void revocation_link_close(struct revocation_link *link)
{
    if (!link->is_open)
        return;
    atomic_store(&link->is_ending, true);
    pthread_join(link->thread, NULL);
    finish(link);
}
