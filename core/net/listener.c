/* Listening sockets; see listener.h. */
#include "net/listener.h"

#include "base/log.h"
#include "net/loop.h"
#include "net/unix_socket.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096

/* How many to accept before other work gets its turn. */
#define ACCEPT_AT_ONCE 64

/* How long to wait for descriptors, which somebody must close, and for those who are about to be
 * closed by their threads. */
#define PAUSE_MS 100
#define SHORT_PAUSE_MS 5

/* How often to say so at most. */
#define WARN_EVERY_MS 10000

/* --- Binding */

/* With the port that the kernel chose if none was given. */
void listener_describe(int fd, char name[LISTENER_NAME_SIZE])
{
    struct sockaddr_storage real = {0};
    socklen_t length = sizeof real;
    char host[INET6_ADDRSTRLEN] = "?", port[8] = "?";
    getsockname(fd, (struct sockaddr *)&real, &length);
    if (real.ss_family == AF_UNIX) {
        (void)snprintf(name, LISTENER_NAME_SIZE, "unix:%.108s",
                       ((const struct sockaddr_un *)(const void *)&real)->sun_path);
        return;
    }
    getnameinfo((const struct sockaddr *)&real, length, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    bool is_inet6 = real.ss_family == AF_INET6;
    (void)snprintf(name, LISTENER_NAME_SIZE, "%s%s%s:%s", is_inet6 ? "[" : "", host,
                   is_inet6 ? "]" : "", port);
}

static int bind_inet(int fd, const struct listen_address *address)
{
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on))
        return -1;
    /* So that [::] and 0.0.0.0 are two addresses, as they are written. */
    if (address->address.ss_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on))
        return -1;
    return bind(fd, (const struct sockaddr *)&address->address, address->length);
}

/* Nobody can connect before it listens, so there is no moment in which the file has another mode.
 */
static int bind_unix(int fd, const struct listen_address *address, bool *is_told)
{
    const struct sockaddr_un *name = (const struct sockaddr_un *)&address->address;
    if (unix_socket_bind(fd, name))
        return -1;
    if (unix_socket_set_file(name, &address->file) == 0)
        return 0;
    int error = errno;
    log_error("a Unix socket can't have that mode or group: name a group that the host's user is "
              "in; a host that has given up root is in `group` of gateways.conf alone",
              log_str("address", listen_address_text(address)), log_str("error", strerror(error)));
    *is_told = true;
    unlink(name->sun_path);
    errno = error;
    return -1;
}

/* @param is_told  Set if the log says already what is wrong.
 * @return The socket, or -1 with errno set; then nothing stays bound. */
static int bind_socket(const struct listen_address *address, bool *is_told)
{
    bool is_unix = address->address.ss_family == AF_UNIX;
    int fd = socket(address->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (is_unix ? bind_unix(fd, address, is_told) : bind_inet(fd, address)) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

int listener_bind(const struct listen_address *address)
{
    bool is_told;
    return bind_socket(address, &is_told);
}

static void report_unbound(const struct listen_address *address, const char *setting)
{
    const char *error = strerror(errno);
    const bool is_forbidden = errno == EACCES && address->address.ss_family != AF_UNIX;
    char message[256];
    (void)snprintf(message, sizeof message,
                   is_forbidden
                       ? "can't listen: a port below 1024 is root's; start the host anew as root, "
                         "with `user` (a successor has no root any more), or choose another in %s"
                       : "can't listen: choose another address in %s, or stop who has it",
                   setting);
    log_error(message, log_str("address", listen_address_text(address)), log_str("error", error));
}

/* @return The socket; -1: there is none, and the log says why. */
static int open_socket(const struct listen_address *address, const char *setting,
                       const struct inherited *inherited)
{
    bool is_told = false;
    const int tried = inherited_error(inherited, address, setting);
    const int fd = tried == 0 ? bind_socket(address, &is_told) : -1;
    if (tried != 0)
        errno = tried;
    if (fd < 0 && !is_told)
        report_unbound(address, setting);
    return fd;
}

int listener_open(struct listener *listener, const struct listen_address *address,
                  const char *setting, struct inherited *inherited)
{
    struct inherited_socket taken = {.is_ours = true, .is_bound_only = true};
    if (!inherited_take(inherited, address, setting, &taken))
        taken.fd = open_socket(address, setting, inherited);
    if (taken.fd >= 0 && taken.is_bound_only && listen(taken.fd, BACKLOG)) {
        report_unbound(address, setting);
        close(taken.fd);
        taken.fd = -1;
    }
    *listener = (struct listener){
        .fd = taken.fd,
        .is_unix = address->address.ss_family == AF_UNIX,
        .is_tls = address->tls != NULL,
        .is_shared = taken.is_shared,
        .is_ours = taken.is_ours,
        .file = address->file,
        .setting = setting,
    };
    if (taken.fd < 0)
        return -1;
    listener->owns_file = listener->is_unix && taken.is_ours;
    listener_describe(listener->fd, listener->name);
    (void)snprintf(listener->written, sizeof listener->written, "%s", listen_address_text(address));
    return 0;
}

void listener_take_over(struct listener *listener)
{
    struct sockaddr_un name = {0};
    socklen_t length = sizeof name;
    bool was_shared = listener->is_shared;
    listener->is_shared = false;
    if (!was_shared || !listener->owns_file ||
        getsockname(listener->fd, (struct sockaddr *)&name, &length))
        return;
    if (unix_socket_set_file(&name, &listener->file))
        log_warn("a Unix socket keeps its mode and group: they can't be changed",
                 log_str("address", listener->name), log_str("error", strerror(errno)));
}

uint16_t listener_port(const struct listener *listener)
{
    const char *colon = listener->is_unix ? NULL : strrchr(listener->name, ':');
    return colon ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0;
}

/* --- Accepting */

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_pause_over(uv_timer_t *timer)
{
    struct listener *listener = timer->data;
    uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

/* Without a pause the loop would spin: the socket stays readable. Clients wait in the queue
 * meanwhile. */
static void pause_accepting(struct listener *listener, const char *why, uint64_t pause_ms)
{
    uint64_t now = uv_now(listener->poll.loop);
    if (listener->warned_ms == 0 || now - listener->warned_ms >= WARN_EVERY_MS) {
        log_warn("accepting paused", log_str("address", listener->name), log_str("reason", why));
        listener->warned_ms = now;
    }
    uv_poll_stop(&listener->poll);
    uv_timer_start(&listener->pause, on_pause_over, pause_ms, 0);
}

static bool is_out_of_descriptors(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct listener *listener = poll->data;
    for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
        if (!listener->has_room(listener->data)) {
            pause_accepting(listener, "sockets that were ended are not closed yet", SHORT_PAUSE_MS);
            return;
        }
        struct sockaddr_storage peer = {0};
        socklen_t length = sizeof peer;
        int fd =
            accept4(listener->fd, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == ECONNABORTED || errno == EINTR)
                continue;
            if (is_out_of_descriptors(errno)) {
                pause_accepting(listener,
                                "too many open files: raise `ulimit -n`, or lower "
                                "limits.connections",
                                PAUSE_MS);
            }
            return;
        }
        listener->accepted(listener->data, fd, &peer, length);
    }
}

int listener_start(struct listener *listener, uv_loop_t *loop, listener_accepted *accepted,
                   listener_has_room *has_room, void *data)
{
    listener->accepted = accepted;
    listener->has_room = has_room;
    listener->data = data;
    int error = loop_make_place(loop, listener->fd);
    if (!error)
        error = uv_poll_init(loop, &listener->poll, listener->fd);
    if (error)
        return error;
    uv_timer_init(loop, &listener->pause);
    listener->poll.data = listener->pause.data = listener;
    listener->polling = true;
    return uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

static void stop_polling(struct listener *listener)
{
    if (listener->polling) {
        uv_close((uv_handle_t *)&listener->poll, NULL);
        uv_close((uv_handle_t *)&listener->pause, NULL);
    }
    listener->polling = false;
}

/* Before the socket is closed, so that the file of whoever binds the address next stays. One that
 * is shared is still the other host's. */
static void remove_file(struct listener *listener)
{
    struct sockaddr_un name;
    socklen_t length = sizeof name;
    if (listener->owns_file && !listener->is_shared &&
        getsockname(listener->fd, (struct sockaddr *)&name, &length) == 0)
        unlink(name.sun_path);
    listener->owns_file = false;
}

void listener_leave(struct listener *listener)
{
    stop_polling(listener);
    listener->owns_file = false;
}

void listener_close(struct listener *listener)
{
    if (listener->fd < 0)
        return;
    stop_polling(listener);
    remove_file(listener);
    close(listener->fd);
    listener->fd = -1;
}
