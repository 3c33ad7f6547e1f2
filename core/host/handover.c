/* The words of a restart; see handover.h. */
#include "host/handover.h"

#include "base/buffer.h"
#include "base/log.h"
#include "tls/tickets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GREETING "toni 1\n"
#define READY "ready\n"
#define FAULT "fault\n"
#define REVOCATIONS "revocations"

/* Listening sockets, and a link. */
#define DESCRIPTORS_MAX (HANDOVER_SOCKETS_MAX + 1)

#define SENT_SIZE 65536

/* How many seconds to wait for an old host that reads no faults. */
#define FAULTS_S 5

int handover_open(int ends[2])
{
    /* Messages stay whole, and the end of either process shows. */
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

/* --- The old host's end */

static int describe(struct buffer *text, const struct listener *listener)
{
    return buffer_appendf(text, "socket\nsetting=%s\naddress=%s\nis_ours=%d\n", listener->setting,
                          listener->written, listener->is_ours);
}

/* Those who come back after the restart take up their sessions. */
static int add_tickets(struct buffer *text)
{
    char keys[TICKET_TEXT_SIZE];
    tls_tickets_export(keys);
    const int failed = buffer_append(text, keys, strlen(keys));
    explicit_bzero(keys, sizeof keys);
    return failed;
}

/* Room for the descriptors, aligned as the kernel wants it. */
union control {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
};

static void attach(struct msghdr *message, union control *control,
                   struct listener *const *listeners, size_t listener_count, int revocations)
{
    const size_t count = listener_count + (revocations >= 0);
    if (count == 0)
        return;
    message->msg_control = control->bytes;
    message->msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *head = CMSG_FIRSTHDR(message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(count * sizeof(int));
    for (size_t i = 0; i < listener_count; i++)
        memcpy(CMSG_DATA(head) + i * sizeof(int), &listeners[i]->fd, sizeof(int));
    if (revocations >= 0)
        memcpy(CMSG_DATA(head) + listener_count * sizeof(int), &revocations, sizeof(int));
}

int handover_send(int fd, struct listener *const *listeners, size_t count, int revocations)
{
    union control control = {0};
    struct buffer text;
    int failed;
    if (count > HANDOVER_SOCKETS_MAX) {
        errno = EMSGSIZE;
        return -1;
    }
    buffer_init(&text);
    /* At once, so that no copy of the keys is left behind by one that grows. */
    failed =
        buffer_reserve(&text, SENT_SIZE) || buffer_appendf(&text, GREETING) || add_tickets(&text);
    for (size_t i = 0; i < count; i++)
        failed = failed || describe(&text, listeners[i]);
    if (revocations >= 0)
        failed = failed || buffer_appendf(&text, REVOCATIONS "\n");
    struct iovec part = {.iov_base = text.bytes, .iov_len = text.length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    attach(&message, &control, listeners, count, revocations);
    if (failed)
        errno = ENOMEM;
    else
        failed = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0;
    int error = errno;
    if (text.bytes)
        explicit_bzero(text.bytes, text.length);
    buffer_finish(&text);
    errno = error;
    return failed ? -1 : 0;
}

enum handover_answer handover_read(int fd, char text[HANDOVER_TEXT_SIZE])
{
    ssize_t size = recv(fd, text, HANDOVER_TEXT_SIZE - 1, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return HANDOVER_NOTHING;
    if (size <= 0)
        return HANDOVER_END;
    text[size] = '\0';
    if (strcmp(text, READY) == 0)
        return HANDOVER_READY;
    if (strncmp(text, FAULT, strlen(FAULT)) != 0)
        return HANDOVER_NOTHING; /* of a later version */
    memmove(text, text + strlen(FAULT), (size_t)size - strlen(FAULT) + 1);
    return HANDOVER_FAULT;
}

/* --- The successor's end */

int handover_find(void)
{
    const char *value = getenv(HANDOVER_VARIABLE);
    char *end = NULL;
    long fd = value ? strtol(value, &end, 10) : -1;
    unsetenv(HANDOVER_VARIABLE);
    if (!end || *end || fd <= STDERR_FILENO || fd > INT32_MAX ||
        fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
        return -1;
    return (int)fd;
}

/* Whose value it is; the line's own is cut off. */
static void copy_value(const char *line, const char *key, char *value, size_t size)
{
    if (strncmp(line, key, strlen(key)) == 0)
        (void)snprintf(value, size, "%s", line + strlen(key));
}

/* Where the next socket begins, or the text ends. */
static int add_sockets(struct inherited *inherited, char *text, const int *fds, size_t count,
                       int *revocations)
{
    struct inherited_socket socket = {.fd = -1};
    char *rest = text;
    size_t number = 0;
    int failed = 0;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        char ours[2] = "";
        tls_tickets_import(line);
        if (strcmp(line, "socket") == 0) {
            if (socket.fd >= 0)
                failed |= inherited_add(inherited, &socket);
            socket = (struct inherited_socket){.fd = number < count ? fds[number] : -1,
                                               .is_shared = true};
            number++;
        }
        if (strcmp(line, REVOCATIONS) == 0 && *revocations < 0 && number < count)
            *revocations = fds[number++];
        copy_value(line, "setting=", socket.setting, sizeof socket.setting);
        copy_value(line, "address=", socket.address, sizeof socket.address);
        copy_value(line, "is_ours=", ours, sizeof ours);
        socket.is_ours |= *ours == '1';
    }
    if (socket.fd >= 0)
        failed |= inherited_add(inherited, &socket);
    for (size_t i = number; i < count; i++)
        close(fds[i]);
    return failed;
}

static size_t take_descriptors(struct msghdr *message, int fds[DESCRIPTORS_MAX])
{
    size_t count = 0;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < (head->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++)
            memcpy(&fds[count++], CMSG_DATA(head) + i * sizeof(int), sizeof(int));
    }
    return count;
}

static int report_nothing(const char *reason)
{
    log_error("restart: the host before this one has handed over nothing that can be used",
              log_str("reason", reason));
    return -1;
}

/* @return NULL, or what is wrong with it. */
static const char *judge(const struct msghdr *message, const char *text, ssize_t size)
{
    if (size < 0)
        return strerror(errno);
    if (size == 0)
        return "it is gone";
    if (message->msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        return "too many sockets came";
    return strncmp(text, GREETING, strlen(GREETING)) == 0 ? NULL : "it speaks another version";
}

int handover_receive(int fd, struct inherited *inherited, int *revocations)
{
    union control control = {0};
    int fds[DESCRIPTORS_MAX];
    *revocations = -1;
    char *text = calloc(1, SENT_SIZE);
    if (!text)
        return report_nothing("out of memory");
    struct iovec part = {.iov_base = text, .iov_len = SENT_SIZE - 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    const char *wrong = judge(&message, text, size);
    size_t count = size > 0 ? take_descriptors(&message, fds) : 0;
    int result =
        wrong ? report_nothing(wrong) : add_sockets(inherited, text, fds, count, revocations);
    for (size_t i = 0; wrong && i < count; i++)
        close(fds[i]);
    explicit_bzero(text, SENT_SIZE);
    free(text);
    return result;
}

/* @return How much of a text to send at once: whole lines, if they aren't too long. */
static size_t take_lines(const char *text, size_t size)
{
    const size_t most = HANDOVER_TEXT_SIZE - sizeof FAULT - 1;
    if (size <= most)
        return size;
    const char *end = memrchr(text, '\n', most);
    return end ? (size_t)(end - text) + 1 : most;
}

void handover_send_faults(int fd, const char *text, size_t size)
{
    const struct timeval patience = {.tv_sec = FAULTS_S};
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    while (size > 0) {
        size_t piece = take_lines(text, size);
        char head[] = FAULT;
        struct iovec parts[] = {{.iov_base = head, .iov_len = strlen(FAULT)},
                                {.iov_base = (char *)text, .iov_len = piece}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
            return;
        text += piece;
        size -= piece;
    }
}

void handover_send_fault(int fd, const char *text, size_t size)
{
    char *most = malloc(HANDOVER_TEXT_SIZE);
    if (!most)
        return;
    int length = snprintf(most, HANDOVER_TEXT_SIZE - 1, FAULT "%.*s", (int)size, text);
    if (length >= HANDOVER_TEXT_SIZE - 1)
        length = HANDOVER_TEXT_SIZE - 2;
    (void)send(fd, most, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL);
    free(most);
}

int handover_send_ready(int fd)
{
    return send(fd, READY, strlen(READY), MSG_NOSIGNAL) < 0 ? -1 : 0;
}
