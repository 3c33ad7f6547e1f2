/* Targets; see target.h. */
#include "client/target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* How long an address is tried, where a name has several. */
#define TRY_MS 2000

/* --- Who it is */

void target_init_local(struct target *target, uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *target = (struct target){.fields = "", .address_size = sizeof address};
    memcpy(&target->address, &address, sizeof address);
    (void)snprintf(target->host, sizeof target->host, "127.0.0.1:%u", (unsigned)port);
}

static const char *init_socket(struct target *target, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return "the path of the socket is too long";
    memcpy(address.sun_path, path, strlen(path) + 1);
    memcpy(&target->address, &address, sizeof address);
    target->address_size = sizeof address;
    (void)snprintf(target->host, sizeof target->host, "localhost");
    return NULL;
}

/* @return Whether somebody listens there. */
static bool answers(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    int error = connect(fd, info->ai_addr, info->ai_addrlen) ? errno : 0;
    if (error == EINPROGRESS) {
        struct pollfd connected = {.fd = fd, .events = POLLOUT};
        socklen_t size = sizeof error;
        if (poll(&connected, 1, TRY_MS) != 1 ||
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
            error = ETIMEDOUT;
    }
    close(fd);
    return error == 0;
}

static const struct addrinfo *choose(const struct addrinfo *found)
{
    for (const struct addrinfo *info = found; found->ai_next && info; info = info->ai_next) {
        if (answers(info))
            return info;
    }
    return found;
}

static const char *init_host(struct target *target, const struct url *url)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    const int error = getaddrinfo(url->host, url->port, &hints, &found);
    if (error)
        return gai_strerror(error);
    const struct addrinfo *chosen = choose(found);
    memcpy(&target->address, chosen->ai_addr, chosen->ai_addrlen);
    target->address_size = chosen->ai_addrlen;
    freeaddrinfo(found);
    const char *form = strchr(url->host, ':') ? "[%s]:%s" : "%s:%s";
    const int size = strcmp(url->port, url->tls ? "443" : "80") == 0 && !strchr(url->host, ':')
                         ? snprintf(target->host, sizeof target->host, "%s", url->host)
                         : snprintf(target->host, sizeof target->host, form, url->host, url->port);
    if (size < 0 || (size_t)size >= sizeof target->host)
        return "the host's name is too long";
    target->tls_name = url->host;
    return NULL;
}

const char *target_init(struct target *target, const struct url *url)
{
    *target = (struct target){.fields = ""};
    return url->socket ? init_socket(target, url->socket) : init_host(target, url);
}

const char *target_add_source(struct target *target, const char *text)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found;
    if (getaddrinfo(text, NULL, &hints, &found))
        return "expected an address, such as 127.0.0.2";
    struct sockaddr_storage *more =
        realloc(target->sources, (target->source_count + 1U) * sizeof *more);
    if (more) {
        target->sources = more;
        memset(&more[target->source_count], 0, sizeof *more);
        memcpy(&more[target->source_count++], found->ai_addr, found->ai_addrlen);
    }
    freeaddrinfo(found);
    return more ? NULL : "there is no memory for it";
}

void target_finish(struct target *target)
{
    free(target->sources);
    target->sources = NULL;
    target->source_count = 0;
}

/* --- Connecting */

/* Of 127.0.0.1, where no address was named: every so many connections the next one of 127/8. */
static bool choose_loopback(const struct target *target, uint32_t number,
                            struct sockaddr_storage *source)
{
    struct sockaddr_in address;
    memcpy(&address, &target->address, sizeof address);
    if (address.sin_family != AF_INET || address.sin_addr.s_addr != htonl(INADDR_LOOPBACK) ||
        number < CONNECTIONS_PER_SOURCE)
        return false;
    address.sin_port = 0;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number / CONNECTIONS_PER_SOURCE);
    memcpy(source, &address, sizeof address);
    return true;
}

/* The port is the kernel's to choose, once it connects: so it may be one that goes elsewhere, too.
 */
static int bind_source(const struct target *target, int fd, uint32_t number)
{
    struct sockaddr_storage source = {0};
    if (target->source_count > 0)
        source = target->sources[number % target->source_count];
    else if (!choose_loopback(target, number, &source))
        return 0;
    const socklen_t size =
        source.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int)))
        return -1;
    return bind(fd, (const struct sockaddr *)&source, size);
}

int target_connect(const struct target *target, uint32_t number, int flags)
{
    const int family = target->address.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0)
        return -1;
    if ((family != AF_UNIX && (bind_source(target, fd, number) ||
                               setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)))) ||
        (connect(fd, (const struct sockaddr *)&target->address, target->address_size) &&
         errno != EINPROGRESS)) {
        const int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

size_t target_request(const struct target *target, const char *path,
                      char request[TARGET_REQUEST_SIZE])
{
    const int size =
        snprintf(request, TARGET_REQUEST_SIZE,
                 "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: " TARGET_KEY "\r\nSec-WebSocket-Version: 13\r\n%s%s%s%s\r\n",
                 path, target->host, target->subprotocol ? "Sec-WebSocket-Protocol: " : "",
                 target->subprotocol ? target->subprotocol : "", target->subprotocol ? "\r\n" : "",
                 target->fields);
    return size < 0 || (size_t)size >= TARGET_REQUEST_SIZE ? 0 : (size_t)size;
}
