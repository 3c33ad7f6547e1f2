/* Connections; see connection.h. */
#include "connection.h"

#include "clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_SIZE (256U << 10)

/* The example key of RFC 6455: a load needs no secret. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

static int complain(const char *what)
{
    (void)fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    return -1;
}

/* The first address is the kernel's to choose; for others the port is, once it connects. */
static int bind_source(int fd, uint32_t number)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr =
                                      htonl(INADDR_LOOPBACK + number / CONNECTIONS_PER_SOURCE)};
    if (number < CONNECTIONS_PER_SOURCE)
        return 0;
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int)))
        return -1;
    return bind(fd, (const struct sockaddr *)&address, sizeof address);
}

static int connect_socket(uint16_t port, uint32_t number)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return complain("can't make a socket");
    if (bind_source(fd, number) ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) ||
        connect(fd, (const struct sockaddr *)&address, sizeof address)) {
        complain("can't connect");
        close(fd);
        return -1;
    }
    return fd;
}

int connection_ask(struct connection *connection, const struct target *target, const char *path)
{
    char request[1024];
    int size = snprintf(
        request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n",
        path, (unsigned)target->port);
    if (size < 0 || (size_t)size >= sizeof request)
        return -1;
    const ssize_t sent = stream_send(&connection->stream, request, (size_t)size);
    if (sent == size)
        return 1;
    return sent < 0 && errno == EAGAIN ? 0 : complain("can't send the handshake");
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
    char head[2048] = "";
    size_t size = 0;
    while (size < sizeof head - 1 && !(size >= 4 && memcmp(head + size - 4, "\r\n\r\n", 4) == 0)) {
        ssize_t part = read_part(stream, head + size, sizeof head - 1 - size);
        if (part <= 0)
            return complain("no answer to the handshake");
        size += (size_t)part;
        head[size] = '\0';
    }
    if (strncmp(head, "HTTP/1.1 101 ", 13) == 0)
        return 0;
    (void)fprintf(stderr, "load: the server does not upgrade: %.*s\n", (int)strcspn(head, "\r"),
                  head);
    return -1;
}

int connection_dial(struct connection *connection, const struct target *target, uint32_t number)
{
    connection->stream.fd = -1;
    int fd = connect_socket(target->port, number);
    return fd < 0 ? -1 : stream_open(&connection->stream, fd, target->tls);
}

int connection_open(struct connection *connection, const struct target *target, const char *path,
                    uint32_t number)
{
    if (connection_dial(connection, target, number))
        return -1;
    if (connection_ask(connection, target, path) == 1 && read_answer(&connection->stream) == 0)
        return 0;
    connection_close(connection);
    return -1;
}

int connection_unblock(struct connection *connection)
{
    int flags = fcntl(connection->stream.fd, F_GETFL);
    return flags < 0 ? -1 : fcntl(connection->stream.fd, F_SETFL, flags | O_NONBLOCK);
}

void connection_close(struct connection *connection)
{
    stream_close(&connection->stream);
}

static void on_payload(void *data, const uint8_t *bytes, size_t size)
{
    struct connection *connection = data;
    ledger_read(&connection->ledger, bytes, size);
}

static void on_control(void *data, enum opcode opcode, const uint8_t *bytes, size_t size)
{
    struct connection *connection = data;
    uint8_t answer[FRAME_HEAD_MAX + CONTROL_MAX];
    if (opcode == CLOSE) {
        connection->close_code = 1005;
        if (size >= 2)
            connection->close_code = (uint16_t)(bytes[0] << 8 | bytes[1]);
    } else if (opcode == PING && !connection->sending) { /* a later ping will be answered */
        size_t answer_size = frame_write(answer, PONG, bytes, size);
        (void)connection_send(connection, answer, answer_size);
    }
}

static const struct frame_sink sink = {.payload = on_payload, .control = on_control};

/* @return As connection_receive does; 1 if there may be more. */
static int receive_once(struct connection *connection)
{
    static uint8_t bytes[RECEIVE_SIZE];
    ssize_t size = stream_receive(&connection->stream, bytes, sizeof bytes);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (size > 0) {
        connection->ledger.tally->now_ns = clock_now_ns();
        if (frame_read(&connection->reader, &sink, connection, bytes, (size_t)size) == 0)
            return stream_has_more(&connection->stream);
        connection->broken = true;
    }
    connection_close(connection);
    return -1;
}

int connection_receive(struct connection *connection)
{
    int result;
    do
        result = receive_once(connection);
    while (result > 0);
    return result;
}

int64_t connection_send(const struct connection *connection, const uint8_t *bytes, size_t size)
{
    ssize_t sent = stream_send(&connection->stream, bytes, size);
    if (sent >= 0)
        return sent;
    return errno == EAGAIN || errno == EINTR ? 0 : -1;
}
