/* Notes to the service manager; see service_notify.h. What it does with one is its own affair, so
 * no error is handled. */
#include "host/service_notify.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* How long it may take to read the note of a successor. */
#define NOTED_MS 1000

/* @return Its size; 0: there is no manager that wants notes. */
static socklen_t manager_address(struct sockaddr_un *address)
{
    const char *path = getenv("NOTIFY_SOCKET");
    const size_t size = path ? strlen(path) : 0;

    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (size < 2 || size >= sizeof address->sun_path || (path[0] != '/' && path[0] != '@'))
        return 0;
    memcpy(address->sun_path, path, size);
    if (path[0] == '@') /* of the abstract names */
        address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
}

static void attach(struct msghdr *message, int fd)
{
    struct cmsghdr *head = CMSG_FIRSTHDR(message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
}

/* @param passed  A descriptor that goes along; -1: none. @return Whether it was sent. */
static bool notify(const char *text, int passed)
{
    struct sockaddr_un address;
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
    struct msghdr message = {.msg_name = &address, .msg_iov = &part, .msg_iovlen = 1};

    message.msg_namelen = manager_address(&address);
    if (message.msg_namelen == 0)
        return false;
    if (passed >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        attach(&message, passed);
    }
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    const bool was_sent = sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)part.iov_len;
    close(fd);
    return was_sent;
}

/* The manager closes the descriptor that comes with this once it has read all notes before it. */
static void wait_until_noted(void)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC))
        return;
    const bool was_sent = notify("BARRIER=1", ends[1]);
    close(ends[1]);
    struct pollfd end = {.fd = ends[0]};
    if (was_sent)
        (void)poll(&end, 1, NOTED_MS);
    close(ends[0]);
}

void service_notify_ready(void)
{
    (void)notify("READY=1\nSTATUS=Serving", -1);
}

void service_notify_reloading(void)
{
    char text[128];

    (void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=Reloading",
                   clock_now_ns() / 1000);
    (void)notify(text, -1);
}

void service_notify_stopping(void)
{
    (void)notify("STOPPING=1\nSTATUS=Stopping", -1);
}

/* @return 0 if it is none. */
static uint64_t number_of(const char *variable)
{
    const char *text = getenv(variable);
    char *end = NULL;

    if (!text || text[0] < '0' || text[0] > '9')
        return 0;
    errno = 0;
    const uint64_t number = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' ? number : 0;
}

uint64_t service_notify_watchdog_ms(bool is_successor)
{
    const uint64_t us = number_of("WATCHDOG_USEC");
    struct sockaddr_un address;

    if (us == 0 || manager_address(&address) == 0)
        return 0;
    if (!is_successor && getenv("WATCHDOG_PID") && number_of("WATCHDOG_PID") != (uint64_t)getpid())
        return 0; /* it is meant for another process, whose child this one is */
    return us < 1000 ? 1 : us / 1000;
}

void service_notify_alive(void)
{
    (void)notify("WATCHDOG=1", -1);
}

void service_notify_successor(pid_t pid)
{
    char text[64];

    (void)snprintf(text, sizeof text, "MAINPID=%ld\nSTATUS=Serving", (long)pid);
    if (notify(text, -1))
        wait_until_noted();
}
