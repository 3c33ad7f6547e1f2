/* Socket activation; see activation.h. */
#include "host/activation.h"

#include "base/log.h"
#include "net/listener.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The first; the others follow it. */
#define FIRST_FD 3

static bool is_listening_stream(int fd)
{
    int type = 0, listens = 0;
    socklen_t type_size = sizeof type, listens_size = sizeof listens;
    return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) && type == SOCK_STREAM &&
           !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size) && listens;
}

static int set_flags(int fd)
{
    const int flags = fcntl(fd, F_GETFL);
    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
                   fcntl(fd, F_SETFD, FD_CLOEXEC) < 0
               ? -1
               : 0;
}

/* Who opened it keeps the file of a Unix socket. */
static int add(struct inherited *inherited, int fd, const char *name)
{
    struct inherited_socket socket = {.fd = fd};
    if (!is_listening_stream(fd)) {
        log_warn("a descriptor of the service manager is closed: it is no listening stream socket",
                 log_str("name", name));
        close(fd);
        return 0;
    }
    (void)snprintf(socket.setting, sizeof socket.setting, "%s", name);
    listener_describe(fd, socket.address);
    if (set_flags(fd)) {
        log_error("a socket of the service manager can't be used", log_str("name", name));
        close(fd);
        return -1;
    }
    return inherited_add(inherited, &socket);
}

/* @return 0 to most; -1: it is no such number. */
static long number_of(const char *text, long most)
{
    char *end;
    const long number = text && *text ? strtol(text, &end, 10) : -1;
    return number >= 0 && number <= most && *end == '\0' ? number : -1;
}

/* @return How many descriptors are meant for this process; -1: that is not known. */
static long count_descriptors(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    if (!pid || !count || number_of(pid, INT_MAX) != getpid())
        return 0;
    return number_of(count, INT_MAX - FIRST_FD);
}

int activation_receive(struct inherited *inherited)
{
    const long count = count_descriptors();
    const char *names = getenv("LISTEN_FDNAMES");
    char *text = strdup(names ? names : ""), *rest = text;
    int result = 0;

    if (count < 0 || !text) {
        log_error("the sockets of the service manager can't be used",
                  log_str("error", count < 0 ? "LISTEN_FDS is no number" : "out of memory"));
        result = -1;
    }
    for (long i = 0; i < count && text; i++) {
        const char *name = strsep(&rest, ":");
        if (add(inherited, FIRST_FD + (int)i, name ? name : ""))
            result = -1;
    }
    free(text);
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return result;
}
