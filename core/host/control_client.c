/* Asks a host; see control_client.h. The commands that use it are short, so it may block. */
#include "host/control_client.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/visible.h"
#include "config/control.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* More than that is no answer of a host. */
#define ANSWER_MAX (64u << 20)

struct conversation {
    const char *command; /* for messages */
    const char *path;    /* of the socket */
    int fd;
    int limit_ms; /* -1: none */
    uint64_t due_ms;
    struct buffer answer;
};

struct answer {
    int code;
    const char *text;
    size_t size;
};

/* --- Connecting */

static const char *remedy(int error)
{
    if (error == EACCES || error == EPERM)
        return "only the user who runs the host, and root, may ask it something";
    if (error == EAGAIN)
        return "too many ask it already";
    if (error == ENOENT || error == ECONNREFUSED)
        return "none runs with that configuration: name its file with -c, or start it with `toni "
               "run`";
    return "is that the control socket of a host?";
}

/* Where a queue is full, connecting waits. */
static void set_limit(const struct conversation *with)
{
    const struct timeval limit = {.tv_sec = with->limit_ms / 1000,
                                  .tv_usec = with->limit_ms % 1000 * 1000L};
    if (with->limit_ms >= 0)
        (void)setsockopt(with->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

/* @return 0, or -1, which was printed. */
static int connect_to_host(struct conversation *with)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (strlen(with->path) >= sizeof name.sun_path) {
        (void)fprintf(stderr,
                      "%s: no host can have the control socket %s: its path is too long; set "
                      "`control` to a shorter one\n",
                      with->command, with->path);
        return -1;
    }
    (void)snprintf(name.sun_path, sizeof name.sun_path, "%s", with->path);
    with->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    set_limit(with);
    if (with->fd >= 0 && connect(with->fd, (const struct sockaddr *)&name, sizeof name) == 0)
        return 0;
    const int error = errno;
    (void)fprintf(stderr, "%s: no host answers on the control socket %s: %s; %s\n", with->command,
                  with->path, strerror(error), remedy(error));
    return -1;
}

/* --- Talking */

/* What fails here shows as an answer that doesn't come: a host that refuses doesn't listen first.
 */
static void send_request(struct conversation *with, const char *request)
{
    char line[1024];
    int length = snprintf(line, sizeof line, "%s\n", request);
    if (length > 0 && (size_t)length < sizeof line)
        (void)send(with->fd, line, (size_t)length, MSG_NOSIGNAL);
}

/* @return Whether there is something to read, or the end. */
static bool wait_readable(const struct conversation *with)
{
    struct pollfd readable = {.fd = with->fd, .events = POLLIN};
    for (;;) {
        int left_ms = -1;
        if (with->limit_ms >= 0) {
            const uint64_t now = clock_now_ms();
            left_ms = now < with->due_ms ? (int)(with->due_ms - now) : 0;
        }
        const int ready = poll(&readable, 1, left_ms);
        if (ready >= 0 || errno != EINTR)
            return ready > 0;
    }
}

/* @return Why it ended; NULL at the end of the stream. */
static const char *read_answer(struct conversation *with)
{
    char piece[4096];
    for (;;) {
        if (!wait_readable(with))
            return "it has not answered in time: it is starting, or a plugin holds it up; its log "
                   "says more";
        const ssize_t got = recv(with->fd, piece, sizeof piece, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) /* a reset is an end too: whether the answer is whole, its size tells */
            return NULL;
        if (with->answer.length + (size_t)got > ANSWER_MAX)
            return "its answer is too long";
        if (buffer_append(&with->answer, piece, (size_t)got))
            return "out of memory";
    }
}

/* @return Whether it is whole. */
static bool parse_answer(const struct conversation *with, struct answer *answer)
{
    const struct buffer *all = &with->answer;
    const char *end = all->length > 0 ? memchr(all->bytes, '\n', all->length) : NULL;
    char *rest;
    char head[32];
    if (!end || (size_t)(end - all->bytes) >= sizeof head)
        return false;
    (void)snprintf(head, sizeof head, "%.*s", (int)(end - all->bytes), all->bytes);
    answer->code = (int)strtol(head, &rest, 10);
    if (*rest != ' ' || answer->code < EXIT_CLEAN || answer->code > EXIT_USAGE)
        return false;
    answer->size = strtoul(rest, &rest, 10);
    answer->text = end + 1;
    return *rest == '\0' && answer->size == all->length - (size_t)(answer->text - all->bytes);
}

/* Root may ask another user's host: what that says must not steer root's terminal. */
static enum exit_code print_answer(const struct conversation *with, const struct answer *answer)
{
    FILE *out = answer->code == EXIT_CLEAN ? stdout : stderr;
    if (visible_print(out, answer->text, answer->size) == 0 && fflush(out) == 0)
        return (enum exit_code)answer->code;
    (void)fprintf(stderr, "%s: the answer could not be printed\n", with->command);
    return EXIT_FAULT;
}

static enum exit_code talk(struct conversation *with, const char *request)
{
    struct answer answer;
    if (connect_to_host(with))
        return EXIT_FAULT;
    send_request(with, request);
    const char *problem = read_answer(with);
    if (!problem && !parse_answer(with, &answer))
        problem = "it ended in the middle of its answer; its log says why";
    if (!problem)
        return print_answer(with, &answer);
    (void)fprintf(stderr, "%s: the host on the control socket %s: %s\n", with->command, with->path,
                  problem);
    return EXIT_FAULT;
}

/* @param command  The program's name for it: "toni status". */
static enum exit_code ask_at(const struct config_control *control, const char *command,
                             const char *request, int limit_ms)
{
    struct conversation with = {
        .command = command,
        .path = control->path,
        .fd = -1,
        .limit_ms = limit_ms,
        .due_ms = limit_ms >= 0 ? clock_now_ms() + (uint64_t)limit_ms : 0,
    };
    buffer_init(&with.answer);
    const enum exit_code code = talk(&with, request);
    buffer_finish(&with.answer);
    if (with.fd >= 0)
        close(with.fd);
    return code;
}

enum exit_code control_ask(const char *config_path, const char *request, int limit_ms)
{
    struct config_control control;
    char command[32];
    enum exit_code code = EXIT_FAULT;
    (void)snprintf(command, sizeof command, "toni %.*s", (int)strcspn(request, " "), request);
    if (config_control_find(config_path, &control))
        (void)fprintf(stderr, "%s: out of memory\n", command);
    else if (control.path)
        code = ask_at(&control, command, request, limit_ms);
    else
        (void)fprintf(stderr, "%s: %s says `control = \"\"`: its host has no control socket\n",
                      command, config_path);
    config_control_finish(&control);
    return code;
}
