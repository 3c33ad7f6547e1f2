/* A WebSocket client for tests (RFC 6455): as little as it takes to send texts and see what comes.
 */
#include "toni_real_host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* The example of RFC 6455, section 1.3. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

enum { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

/* Not of an earlier test's: what the host has logged is all that a failure can show. */
#define REQUIRE(client, condition, what)                                                           \
    ck_assert_msg((condition), "%s (%s); the host's log:\n%s", (what), strerror(errno),            \
                  (client)->host->log)

static void send_all(const toni_real_client *client, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        const ssize_t sent = send(client->fd, at, size, MSG_NOSIGNAL);
        REQUIRE(client, sent > 0, "nothing can be sent");
        at += sent;
        size -= (size_t)sent;
    }
}

/* @return Whether it came: the host may have closed, or nothing comes for TONI_REAL_MOST_MS. */
static int receive_all(const toni_real_client *client, void *bytes, size_t size)
{
    char *at = bytes;
    while (size > 0) {
        const ssize_t received = recv(client->fd, at, size, 0);
        REQUIRE(client, received >= 0 || errno == ECONNRESET || errno == EAGAIN, "nothing comes");
        if (received <= 0)
            return 0;
        at += received;
        size -= (size_t)received;
    }
    return 1;
}

static void send_frame(const toni_real_client *client, unsigned opcode, const void *payload,
                       size_t size)
{
    static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    unsigned char frame[65536 + 8];
    size_t at = 0;
    REQUIRE(client, size < 65536, "a message of at most 65,535 bytes can be sent");
    frame[at++] = (unsigned char)(0x80u | opcode);
    if (size < 126) {
        frame[at++] = (unsigned char)(0x80u | size);
    } else {
        frame[at++] = 0x80u | 126u;
        frame[at++] = (unsigned char)(size >> 8);
        frame[at++] = (unsigned char)(size & 0xffu);
    }
    memcpy(frame + at, mask, sizeof mask);
    at += sizeof mask;
    for (size_t i = 0; i < size; i++)
        frame[at++] = (unsigned char)(((const unsigned char *)payload)[i] ^ mask[i % 4]);
    send_all(client, frame, at);
}

/* --- Opening */

/* @return The status; 0: there was no answer. */
static unsigned read_head(const toni_real_client *client)
{
    char head[8192];
    size_t size = 0;
    while (size < sizeof head - 1 && receive_all(client, head + size, 1)) {
        head[++size] = '\0';
        if (size >= 4 && memcmp(head + size - 4, "\r\n\r\n", 4) == 0)
            break;
    }
    head[size] = '\0';
    if (size < 13 || memcmp(head, "HTTP/1.1 ", 9) != 0)
        return 0;
    const unsigned status = (unsigned)strtoul(head + 9, NULL, 10);
    REQUIRE(client, status != 101 || strstr(head, ACCEPT), "the answer is to another handshake");
    return status;
}

unsigned toni_real_client_open(toni_real_client *client, const toni_real_host *host,
                               const char *path, const char *headers)
{
    char request[8192];
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)host->websocket_port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval most = {.tv_sec = TONI_REAL_MOST_MS / 1000};
    *client = (toni_real_client){.host = host};
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(client, client->fd >= 0, "no socket");
    (void)setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    (void)setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
    REQUIRE(client,
            connect(client->fd, (const struct sockaddr *)(const void *)&address, sizeof address) ==
                0,
            "no connection");
    const int length = snprintf(request, sizeof request,
                                "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Key: " KEY "\r\n"
                                "Sec-WebSocket-Version: 13\r\n%s\r\n",
                                path, headers);
    REQUIRE(client, length > 0 && (size_t)length < sizeof request, "the request is too long");
    send_all(client, request, (size_t)length);
    const unsigned status = read_head(client);
    if (status != 101) {
        close(client->fd);
        client->fd = -1;
    }
    return status;
}

void toni_real_client_connect(toni_real_client *client, const toni_real_host *host,
                              const char *path)
{
    const unsigned status = toni_real_client_open(client, host, path, "");
    ck_assert_msg(status == 101, "%s is answered %u; the host's log:\n%s", path, status, host->log);
}

/* --- What comes */

static void got(toni_real_client *client, const char *format, ...)
{
    va_list arguments;
    const size_t space = sizeof client->got - client->got_size;
    va_start(arguments, format);
    const int length = vsnprintf(client->got + client->got_size, space, format, arguments);
    va_end(arguments);
    REQUIRE(client, length >= 0 && (size_t)length < space, "more comes than there is room for");
    client->got_size += (size_t)length;
}

static void end_message(toni_real_client *client)
{
    got(client, "%s:", client->message_kind == TEXT ? "text" : "binary");
    for (size_t i = 0; i < client->message_size; i++)
        got(client, "%c", client->message[i] ? client->message[i] : '~');
    got(client, "\n");
    client->message_size = 0;
}

static void end_connection(toni_real_client *client, const unsigned char *payload, size_t size)
{
    const unsigned code = size >= 2 ? (unsigned)payload[0] << 8 | payload[1] : 1005;
    got(client, "close %u%s%.*s\n", code, size > 2 ? " " : "", size > 2 ? (int)size - 2 : 0,
        (const char *)payload + 2);
    send_frame(client, CLOSE, payload, size);
}

/* @return How long the payload is. */
static uint64_t read_size(const toni_real_client *client, unsigned char first)
{
    unsigned char bytes[8];
    const size_t count = first < 126 ? 0 : first == 126 ? 2 : 8;
    uint64_t size = count == 0 ? first : 0;
    REQUIRE(client, receive_all(client, bytes, count), "a frame ends early");
    for (size_t i = 0; i < count; i++)
        size = size << 8 | bytes[i];
    return size;
}

/* @return Whether more can come. */
static int read_frame(toni_real_client *client)
{
    unsigned char head[2], control[125];
    if (!receive_all(client, head, sizeof head))
        return 0;
    const unsigned opcode = head[0] & 0x0fu;
    const uint64_t size = read_size(client, head[1]);
    if (opcode >= CLOSE) {
        REQUIRE(client, size <= sizeof control && receive_all(client, control, (size_t)size),
                "a control frame is too long, or ends early");
        if (opcode == CLOSE)
            end_connection(client, control, (size_t)size);
        if (opcode == PING)
            send_frame(client, PONG, control, (size_t)size);
        return opcode != CLOSE;
    }
    REQUIRE(client,
            size <= sizeof client->message - client->message_size &&
                receive_all(client, client->message + client->message_size, (size_t)size),
            "a message is too long, or ends early");
    client->message_size += (size_t)size;
    if (opcode != CONTINUATION)
        client->message_kind = (int)opcode;
    if (head[0] & 0x80u)
        end_message(client);
    return 1;
}

/* @return Whether what has come is what is expected, or a beginning of it. */
static int is_so_far(const toni_real_client *client, const char *expected, size_t size)
{
    return memcmp(client->got, expected, client->got_size < size ? client->got_size : size) == 0;
}

void toni_real_client_expect(toni_real_client *client, const char *expected)
{
    const size_t size = strlen(expected);
    while (client->got_size < size && is_so_far(client, expected, size) && read_frame(client)) {
    }
    const size_t compared = client->got_size < size ? client->got_size : size;
    char *rest = client->got + compared;
    ck_assert_msg(compared == size && is_so_far(client, expected, size),
                  "expected:\n%sgot, in %d ms at most:\n%s", expected, TONI_REAL_MOST_MS,
                  client->got);
    client->got_size -= compared;
    memmove(client->got, rest, client->got_size + 1);
}

void toni_real_client_send_text(toni_real_client *client, const char *text)
{
    send_frame(client, TEXT, text, strlen(text));
}

void toni_real_client_close(toni_real_client *client)
{
    static const unsigned char normal[2] = {1000 >> 8, 1000 & 0xff};
    if (client->fd < 0)
        return;
    send_frame(client, CLOSE, normal, sizeof normal);
    close(client->fd);
    client->fd = -1;
}
