/* The host's side: starts the process, listens until the last word or a deadline, and says of the
 * library that was being tried what came of it. */
#include "plugin/trial.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/process_wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* How often to look whether the host stops, or a process has ended whose children hold its end of
 * the pair. */
#define LOOK_EVERY_MS 50

/* How often, every millisecond, to look whether one that said no last word has ended by itself. */
#define END_LOOKS 100

/* The process itself may take so long to start, and to end. */
#define START_MS 10000

#define NOTHING SIZE_MAX

/* One process. */
struct trial {
    const struct trial_plan *plan;
    struct trial_library *libraries; /* that it is to try */
    size_t count;
    pid_t pid;
    int fd;
    struct buffer heard;
    size_t current;  /* what it has begun with and not answered; NOTHING: none */
    size_t answered; /* all before that one */
    bool has_ended_well;
    bool is_late;
    uint64_t until_ms;
};

static bool is_hurried(const struct trial_plan *plan)
{
    return plan->is_hurried && atomic_load(plan->is_hurried);
}

/* --- Starting */

/* Everything is closed on the way but stderr and one end of the pair. A group of its own, so that
 * what it has started can be ended with it. */
static int prepare(posix_spawn_file_actions_t *files, posix_spawnattr_t *attributes, int fd)
{
    sigset_t none, ignored;

    sigemptyset(&none);
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE);
    sigaddset(&ignored, SIGXFSZ);
    int error = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!error)
        error = posix_spawn_file_actions_addopen(files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (!error)
        error = posix_spawn_file_actions_adddup2(files, fd, TRIAL_FD);
    if (!error)
        error = posix_spawn_file_actions_addclosefrom_np(files, TRIAL_FD + 1);
    if (!error)
        error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error)
        error = posix_spawnattr_setsigdefault(attributes, &ignored);
    if (!error)
        error = posix_spawnattr_setpgroup(attributes, 0);
    if (!error)
        error = posix_spawnattr_setflags(
            attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    return error;
}

/* @return 0, or an errno. */
static int spawn(const struct trial_plan *plan, int fd, pid_t *pid)
{
    char name[] = "toni", command[] = TRIAL_COMMAND;
    char *arguments[] = {name, command, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&files);

    if (error)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (!error) {
        error = prepare(&files, &attributes, fd);
        if (!error)
            error =
                posix_spawn(pid, plan->program, &files, &attributes, arguments, plan->environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return error;
}

/* The process reads all of it before it does anything else. @return 0, or an errno. */
static int send_request(const struct trial *trial)
{
    struct buffer text;
    int error = 0;

    buffer_init(&text);
    for (size_t i = 0; i < trial->count && !error; i++) {
        const struct trial_library *library = &trial->libraries[i];
        if (buffer_append(&text, library->copy, strlen(library->copy) + 1) ||
            buffer_append(&text, library->path, strlen(library->path) + 1))
            error = ENOMEM;
    }
    /* A process that is stopped before it reads must not hold the host up. */
    const struct timeval limit = {.tv_sec = START_MS / 1000};
    if (!error && setsockopt(trial->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit))
        error = errno;
    for (size_t sent = 0; sent < text.length && !error;) {
        const ssize_t more = send(trial->fd, text.bytes + sent, text.length - sent, MSG_NOSIGNAL);
        if (more < 0 && errno != EINTR)
            error = errno;
        sent += more > 0 ? (size_t)more : 0;
    }
    buffer_finish(&text);
    if (!error && shutdown(trial->fd, SHUT_WR))
        error = errno;
    return error;
}

/* @return 0, or an errno. */
static int start(struct trial *trial)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return errno;
    const int error = spawn(trial->plan, ends[1], &trial->pid);
    close(ends[1]);
    trial->fd = ends[0];
    if (error)
        close(ends[0]);
    return error;
}

/* --- Listening */

/* Begins the limit anew: it is for each library. */
static void wait_again(struct trial *trial)
{
    trial->until_ms =
        clock_now_ms() + (trial->current != NOTHING ? trial->plan->limit_ms : START_MS);
}

/* @return Whether this word may come at this point. */
static bool take_word(struct trial *trial, const struct trial_head *head, const char *bytes)
{
    if (head->word == TRIAL_END && trial->current == NOTHING && trial->answered == trial->count) {
        trial->has_ended_well = true;
        return true;
    }
    if (head->number != trial->answered || head->number >= trial->count)
        return false;
    if (head->word == TRIAL_BEGINS && trial->current == NOTHING) {
        trial->current = head->number;
        return true;
    }
    if ((head->word != TRIAL_GOOD && head->word != TRIAL_BAD) || trial->current != head->number)
        return false;
    struct trial_library *library = &trial->libraries[head->number];
    library->bytes = calloc(1, (size_t)head->size + 1);
    if (!library->bytes)
        return false;
    if (head->size > 0)
        memcpy(library->bytes, bytes, head->size);
    library->size = head->size;
    library->result = head->word == TRIAL_GOOD ? TRIAL_TAKEN : TRIAL_REFUSED;
    trial->answered++;
    trial->current = NOTHING;
    return true;
}

/* @return Whether all that came makes sense. */
static bool take_words(struct trial *trial)
{
    struct buffer *heard = &trial->heard;
    struct trial_head head;
    size_t at = 0;

    while (heard->length - at >= sizeof head) {
        memcpy(&head, heard->bytes + at, sizeof head);
        if (head.size > TRIAL_SIZE_MAX)
            return false;
        if (heard->length - at - sizeof head < head.size)
            break;
        if (!take_word(trial, &head, heard->bytes + at + sizeof head))
            return false;
        wait_again(trial);
        at += sizeof head + head.size;
    }
    if (at > 0)
        memmove(heard->bytes, heard->bytes + at, heard->length - at);
    heard->length -= at;
    return true;
}

/* @return Whether there may be more. */
static bool hear(struct trial *trial)
{
    if (buffer_reserve(&trial->heard, 65536))
        return false;
    const bool said_all =
        process_has_ended(trial->pid); /* looked at first: else it could say more in between */
    const ssize_t got =
        recv(trial->fd, trial->heard.bytes + trial->heard.length, 65536, MSG_DONTWAIT);
    if (got < 0)
        return errno == EINTR || (errno == EAGAIN && !said_all);
    trial->heard.length += (size_t)got;
    return got > 0 && take_words(trial) && !trial->has_ended_well;
}

static void listen_to(struct trial *trial)
{
    struct pollfd socket = {.fd = trial->fd, .events = POLLIN};

    wait_again(trial);
    do {
        const uint64_t now = clock_now_ms();
        if (is_hurried(trial->plan))
            return;
        if (now >= trial->until_ms) {
            trial->is_late = true;
            return;
        }
        const uint64_t left = trial->until_ms - now;
        (void)poll(&socket, 1, left < LOOK_EVERY_MS ? (int)left : LOOK_EVERY_MS);
    } while (hear(trial));
}

/* --- The end */

/* A process that has closed its socket may run on. What it has started ends with it.
 * @return How it ended, as waitpid() tells it. */
static int end(struct trial *trial)
{
    const bool is_given_up = trial->is_late || is_hurried(trial->plan);

    for (int i = 0;
         i < END_LOOKS && !is_given_up && !trial->has_ended_well && !process_has_ended(trial->pid);
         i++)
        (void)poll(NULL, 0, 1);
    kill(trial->pid, SIGKILL);
    kill(-trial->pid, SIGKILL);
    const int status = process_reap(trial->pid);
    close(trial->fd);
    buffer_finish(&trial->heard);
    return status;
}

static void refuse(struct trial_library *library, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void refuse(struct trial_library *library, const char *format, ...)
{
    va_list arguments;

    free(library->bytes);
    library->result = TRIAL_REFUSED;
    va_start(arguments, format);
    const int length = vasprintf(&library->bytes, format, arguments);
    va_end(arguments);
    if (length < 0)
        library->bytes = NULL;
    library->size = length < 0 ? 0 : (size_t)length;
}

static void describe_end(int status, char *text, size_t size)
{
    const char *name = WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : NULL;

    if (name)
        (void)snprintf(text, size, "SIG%s", name);
    else if (WIFSIGNALED(status))
        (void)snprintf(text, size, "signal %d", WTERMSIG(status));
    else
        (void)snprintf(text, size, "exit status %d", WEXITSTATUS(status));
}

#define HINT                                                                                       \
    "a damaged file does that, or a constructor, which must take nothing that the host may hold "  \
    "(a port, a lock, a file)"

/* Blames the library that was being tried, though a thread of an earlier one may have done it. */
static void blame(struct trial *trial, int status)
{
    const size_t number = trial->current != NOTHING ? trial->current
                          : trial->answered > 0     ? trial->answered - 1
                                                    : 0;
    struct trial_library *library = &trial->libraries[number];
    char how[64];

    describe_end(status, how, sizeof how);
    if (trial->is_late && trial->current == NOTHING) {
        refuse(library,
               "library `%s` can't be checked: the checking process has not begun or ended within "
               "%d ms; is the machine overloaded?",
               library->path, START_MS);
    } else if (trial->is_late) {
        refuse(library,
               "loading library `%s` took longer than hook_ms (%llu ms) in the checking process, "
               "which was ended; " HINT,
               library->path, (unsigned long long)trial->plan->limit_ms);
    } else {
        refuse(library, "loading library `%s` ended the checking process: %s; " HINT, library->path,
               how);
    }
    trial->answered = number + 1;
}

/* @return How many of the libraries are done with; the rest needs another process. */
static size_t run(const struct trial_plan *plan, struct trial_library *libraries, size_t count)
{
    struct trial trial = {.plan = plan, .libraries = libraries, .count = count, .current = NOTHING};
    int error = start(&trial);

    if (error) {
        refuse(&libraries[0],
               "library `%s` can't be checked: %s can't be started: %s; is /proc there, and is "
               "there room for a process?",
               libraries[0].path, plan->program, strerror(error));
        return count;
    }
    error = send_request(&trial);
    trial.is_late = error == EAGAIN;
    if (!error)
        listen_to(&trial);
    const int status = end(&trial);
    if (is_hurried(plan) && !trial.has_ended_well)
        return count;
    if (!trial.has_ended_well)
        blame(&trial, status);
    return trial.is_late || trial.has_ended_well ? count : trial.answered;
}

void trial_run(const struct trial_plan *plan, struct trial_library *libraries, size_t count)
{
    for (size_t done = 0; done < count;)
        done += run(plan, libraries + done, count - done);
}
