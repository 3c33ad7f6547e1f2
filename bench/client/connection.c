/* Connections; see connection.h. */
#include "client/connection.h"

#include "base/clock.h"
#include "client/answer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_SIZE (256U << 10)

/* --- Opening, where it may block */

static int complain(const char *what)
{
    (void)fprintf(stderr, "toni bench: %s: %s\n", what, strerror(errno));
    return -1;
}

int connection_ask(struct connection *connection, const char *request, size_t size)
{
    const ssize_t sent = stream_send(&connection->stream, request, size);
    if (sent == (ssize_t)size)
        return 1;
    if (sent >= 0)
        errno = ENOBUFS;
    return sent < 0 && errno == EAGAIN ? 0 : -1;
}

/* Takes nothing that follows the head of the answer, for which it must read byte by byte. From a
 * plain socket these are peeked at first, so that it's a call or two and not one for each. */
static ssize_t read_part(struct stream *stream, char *head, size_t room)
{
    if (stream->ssl)
        return stream_receive(stream, head, 1);
    ssize_t seen = recv(stream->fd, head, room, MSG_PEEK);
    if (seen <= 0)
        return seen;
    head[seen] = '\0';
    const char *end = strstr(head, "\r\n\r\n");
    return recv(stream->fd, head, end ? (size_t)(end + 4 - head) : (size_t)seen, 0);
}

static int read_answer(struct stream *stream)
{
    char head[2048] = "", why[ANSWER_WHY_SIZE];
    size_t size = 0;
    while (size < sizeof head - 1 && !(size >= 4 && memcmp(head + size - 4, "\r\n\r\n", 4) == 0)) {
        ssize_t part = read_part(stream, head + size, sizeof head - 1 - size);
        if (part <= 0)
            return complain("no answer to the handshake");
        size += (size_t)part;
        head[size] = '\0';
    }
    if (answer_judge(head, NULL, why) == 0)
        return 0;
    (void)fprintf(stderr, "toni bench: the server does not upgrade: %s\n", why);
    return -1;
}

int connection_dial(struct connection *connection, const struct target *target, uint32_t number)
{
    connection->stream.fd = -1;
    int fd = target_connect(target, number, 0);
    if (fd < 0 || stream_open(&connection->stream, fd, target->tls, target->tls_name))
        return complain("can't connect");
    return 0;
}

int connection_open(struct connection *connection, const struct target *target, const char *path,
                    uint32_t number)
{
    char request[TARGET_REQUEST_SIZE];
    const size_t size = target_request(target, path, request);
    if (size == 0 || connection_dial(connection, target, number))
        return -1;
    if (connection_ask(connection, request, size) != 1)
        (void)complain("can't send the handshake");
    else if (read_answer(&connection->stream) == 0)
        return 0;
    connection_close(connection);
    return -1;
}

int connection_unblock(struct connection *connection)
{
    int flags = fcntl(connection->stream.fd, F_GETFL);
    return flags < 0 ? -1 : fcntl(connection->stream.fd, F_SETFL, flags | O_NONBLOCK);
}

/* --- What comes */

static void on_marked(void *data, const uint8_t *bytes, size_t size)
{
    struct connection *connection = data;
    ledger_read(&connection->ledger, bytes, size);
}

static void on_reply(void *data, const uint8_t *bytes, size_t size)
{
    const struct connection *connection = data;
    replies_read(connection->replies, bytes, size);
}

static void on_reply_end(void *data)
{
    const struct connection *connection = data;
    replies_enter(connection->replies);
}

/* @return How many bytes the socket has taken; -1 if the connection has ended. */
static int64_t send_some(const struct connection *connection, const uint8_t *bytes, size_t size)
{
    const ssize_t sent = stream_send(&connection->stream, bytes, size);
    if (sent >= 0)
        return sent;
    return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

/* @return 0; 1 if some of it is owed still; -1 if the connection has ended. */
static int pay(struct connection *connection)
{
    const int64_t sent = send_some(connection, connection->owed, connection->owed_size);
    if (sent < 0)
        return -1;
    connection->owed_size = (uint8_t)(connection->owed_size - sent);
    memmove(connection->owed, connection->owed + sent, connection->owed_size);
    return connection->owed_size > 0;
}

/* A later frame of the kind will be answered, if this one can't be. */
static void answer(struct connection *connection, enum opcode opcode, const uint8_t *bytes,
                   size_t size)
{
    if (connection->sending || connection->owed_size > 0)
        return;
    connection->owed_size = (uint8_t)frame_write(connection->owed, opcode, bytes, size);
    (void)pay(connection); /* that it has ended is seen by who reads */
}

static void on_control(void *data, enum opcode opcode, const uint8_t *bytes, size_t size)
{
    struct connection *connection = data;
    if (opcode == CLOSE && connection->close_code == 0) {
        connection->close_code = CLOSE_WITHOUT_CODE;
        if (size >= 2)
            connection->close_code = (uint16_t)(bytes[0] << 8 | bytes[1]);
        if (size > 2)
            connection->close_reason = strndup((const char *)bytes + 2, size - 2);
        answer(connection, CLOSE, bytes, size < 2 ? 0 : 2);
    } else if (opcode == PING) {
        answer(connection, PONG, bytes, size);
    }
}

static const struct frame_sink marked = {.payload = on_marked, .control = on_control};
static const struct frame_sink replies = {
    .payload = on_reply, .control = on_control, .message = on_reply_end};

int connection_take(struct connection *connection, const uint8_t *bytes, size_t size)
{
    const struct frame_sink *sink = connection->replies ? &replies : &marked;
    connection->ledger.tally->now_ns = clock_now_ns();
    if (frame_read(&connection->reader, sink, connection, bytes, size) == 0)
        return 0;
    connection->broken = true;
    return -1;
}

/* @return As connection_receive does; 1 if there may be more. */
static int receive_once(struct connection *connection, size_t most)
{
    static _Thread_local uint8_t bytes[RECEIVE_SIZE];
    ssize_t size = stream_receive(&connection->stream, bytes, most);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (size > 0 && connection_take(connection, bytes, (size_t)size) == 0)
        return stream_has_more(&connection->stream);
    connection_close(connection);
    return -1;
}

int connection_receive(struct connection *connection)
{
    int result;
    do
        result = receive_once(connection, RECEIVE_SIZE);
    while (result > 0);
    return result;
}

int connection_receive_at_most(struct connection *connection, size_t size)
{
    return receive_once(connection, size < RECEIVE_SIZE ? size : RECEIVE_SIZE) < 0 ? -1 : 0;
}

int64_t connection_send(struct connection *connection, const uint8_t *bytes, size_t size)
{
    const int owes = connection->owed_size > 0 ? pay(connection) : 0;
    return owes == 0 ? send_some(connection, bytes, size) : owes < 0 ? -1 : 0;
}

/* --- The end */

void connection_close(struct connection *connection)
{
    stream_close(&connection->stream);
}

void connection_finish(struct connection *connection)
{
    connection_close(connection);
    free(connection->close_reason);
    connection->close_reason = NULL;
    ledger_finish(&connection->ledger);
    replies_destroy(connection->replies);
    connection->replies = NULL;
}
