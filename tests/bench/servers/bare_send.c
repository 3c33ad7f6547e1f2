/* The floor for one message to many: a WebSocket server that does nothing but a loop of send over
 * all its sockets. It speaks as much of the rooms gateway's language as the load generator needs to
 * take it for one: everybody is in one room, `msg:R:TEXT` goes to all, whatever else comes is
 * ignored. It trusts its client, and gives up on one that does not read. Usage: bare_send PORT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 16384
#define INPUT_MAX 8192
#define EVENTS_MAX 1024

/* As long as what the rooms gateway puts before a text. */
#define PREFIX "[r0] 0123456789abcdef: "

struct client {
    int fd;
    bool upgraded;
    size_t size;
    uint8_t input[INPUT_MAX];
};

static struct client *clients[CLIENTS_MAX];
static size_t client_count;

static void broadcast(const uint8_t *frame, size_t size)
{
    for (size_t i = 0; i < client_count; i++) {
        if (send(clients[i]->fd, frame, size, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)size)
            (void)fprintf(stderr, "bare_send: a client does not read\n");
    }
}

/* Sends `[r0] ID: TEXT` for `msg:R:TEXT`. */
static void on_message(const uint8_t *payload, size_t size)
{
    static uint8_t frame[INPUT_MAX + sizeof PREFIX + 4];
    const uint8_t *text =
        size > 4 && memcmp(payload, "msg:", 4) == 0 ? memchr(payload + 4, ':', size - 4) : NULL;
    if (!text)
        return;
    text++;
    size_t text_size = size - (size_t)(text - payload), head = 2;
    size_t length = sizeof PREFIX - 1 + text_size;
    frame[0] = 0x81;
    if (length < 126) {
        frame[1] = (uint8_t)length;
    } else {
        frame[1] = 126;
        frame[2] = (uint8_t)(length >> 8);
        frame[3] = (uint8_t)length;
        head = 4;
    }
    memcpy(frame + head, PREFIX, sizeof PREFIX - 1);
    memcpy(frame + head + sizeof PREFIX - 1, text, text_size);
    broadcast(frame, head + length);
}

/* @return The size of the first frame, 0 if it isn't whole. */
static size_t take_frame(uint8_t *input, size_t size)
{
    if (size < 6)
        return 0;
    size_t length = input[1] & 0x7fU, head = 6;
    if (length == 126) {
        length = (size_t)input[2] << 8 | input[3];
        head = 8;
    }
    if (size < head + length)
        return 0;
    for (size_t i = 0; i < length; i++)
        input[head + i] ^= input[head - 4 + (i & 3)];
    if ((input[0] & 0xf) == 1)
        on_message(input + head, length);
    return head + length;
}

/* The accept value is that of the key which the load generator always sends: RFC 6455's example. */
static size_t take_request(struct client *client)
{
    static const char answer[] =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    const uint8_t *end = memmem(client->input, client->size, "\r\n\r\n", 4);
    if (!end)
        return 0;
    client->upgraded = true;
    (void)!send(client->fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
    return (size_t)(end + 4 - client->input);
}

static void drop(struct client *client)
{
    for (size_t i = 0; i < client_count; i++) {
        if (clients[i] == client)
            clients[i--] = clients[--client_count];
    }
    close(client->fd);
    free(client);
}

static void on_input(struct client *client)
{
    ssize_t got =
        recv(client->fd, client->input + client->size, INPUT_MAX - client->size, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        drop(client);
        return;
    }
    client->size += (size_t)got;
    size_t at = 0, taken;
    do {
        taken = client->upgraded ? take_frame(client->input + at, client->size - at)
                                 : take_request(client);
        at += taken;
    } while (taken > 0 && at < client->size);
    client->size -= at;
    memmove(client->input, client->input + at, client->size);
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd >= 0 &&
        (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) ||
         bind(fd, (const struct sockaddr *)&address, sizeof address) || listen(fd, 4096))) {
        close(fd);
        return -1;
    }
    return fd;
}

static void watch(int epoll, int fd, struct client *client)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
        perror("bare_send: epoll_ctl");
}

static void on_connection(int epoll, int listener)
{
    int fd = accept(listener, NULL, NULL);
    struct client *client =
        fd >= 0 && client_count < CLIENTS_MAX ? calloc(1, sizeof *client) : NULL;
    if (!client) {
        perror("bare_send: accept");
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    client->fd = fd;
    clients[client_count++] = client;
    watch(epoll, fd, client);
}

int main(int argc, char **argv)
{
    int listener = argc == 2 ? listen_on((uint16_t)strtoul(argv[1], NULL, 10)) : -1;
    int epoll = epoll_create1(0);
    if (listener < 0 || epoll < 0) {
        perror("bare_send PORT");
        return EXIT_FAILURE;
    }
    watch(epoll, listener, NULL);
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr)
                on_input(events[i].data.ptr);
            else
                on_connection(epoll, listener);
        }
    }
}
