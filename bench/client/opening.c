/* Openings; see opening.h. */
#include "client/opening.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static enum opening_result fail(struct opening *opening, const char *step)
{
    char why[ANSWER_WHY_SIZE / 2];
    stream_failure(&opening->connection->stream, why, sizeof why);
    (void)snprintf(opening->why, sizeof opening->why, "%s: %s", step, why);
    connection_close(opening->connection);
    return OPENING_FAILED;
}

/* Over TLS this is called again until its handshake is over. */
static enum opening_result ask(struct opening *opening)
{
    const int result = connection_ask(opening->connection, opening->request, opening->request_size);
    opening->is_asked = result == 1;
    return result < 0 ? fail(opening, "the handshake was not taken") : OPENING_GOES_ON;
}

enum opening_result opening_begin(struct opening *opening, struct connection *connection,
                                  uint32_t number)
{
    const struct target *target = opening->target;
    opening->connection = connection;
    opening->is_dialed = opening->is_asked = false;
    opening->head_size = 0;
    opening->why[0] = '\0';
    connection->stream = (struct stream){.fd = -1};
    errno = 0;
    int fd = target_connect(target, number, SOCK_NONBLOCK);
    if (fd < 0 || stream_open(&connection->stream, fd, target->tls, target->tls_name))
        return fail(opening, "can't connect");
    /* On this machine it is connected by now, as a rule. */
    opening->is_dialed = errno != EINPROGRESS;
    return opening->is_dialed ? ask(opening) : OPENING_GOES_ON;
}

uint32_t opening_events(const struct opening *opening)
{
    return opening->is_dialed ? EPOLLIN : EPOLLOUT;
}

static enum opening_result finish_dialing(struct opening *opening)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(opening->connection->stream.fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0)
        errno = error;
    if (errno)
        return fail(opening, "can't connect");
    opening->is_dialed = true;
    return ask(opening);
}

/* The head is whole. */
static enum opening_result judge(struct opening *opening)
{
    if (answer_judge(opening->head, opening->target->subprotocol, opening->why) == 0)
        return OPENING_DONE;
    connection_close(opening->connection);
    return OPENING_FAILED;
}

enum opening_result opening_go_on(struct opening *opening)
{
    struct stream *stream = &opening->connection->stream;
    errno = 0;
    if (!opening->is_dialed)
        return finish_dialing(opening);
    if (!opening->is_asked) {
        const enum opening_result result = ask(opening);
        if (!opening->is_asked || !stream_has_more(stream))
            return result;
    }
    const size_t room = sizeof opening->head - 1 - opening->head_size;
    const ssize_t size = stream_receive(stream, opening->head + opening->head_size, room);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return OPENING_GOES_ON;
    if (size == 0)
        errno = ECONNRESET;
    if (size <= 0)
        return fail(opening, "no answer to the handshake");
    opening->head_size += (size_t)size;
    opening->head[opening->head_size] = '\0';
    const char *end = strstr(opening->head, "\r\n\r\n");
    if (end) {
        opening->head_end = (size_t)(end + 4 - opening->head);
        return judge(opening);
    }
    errno = EMSGSIZE;
    return (size_t)size == room ? fail(opening, "too long an answer") : OPENING_GOES_ON;
}

const char *opening_rest(const struct opening *opening, size_t *size)
{
    *size = opening->head_size - opening->head_end;
    return opening->head + opening->head_end;
}
