/* Processes; see child.h. By fork(2): what is to hold before another program runs (the parent's
 * death, LISTEN_PID) posix_spawn has no words for. The watch has one thread, so that is safe. */
#include "watch/child.h"

#include "base/process_wait.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <termios.h>
#include <unistd.h>

/* A line that is longer comes in pieces. */
#define LINE_MOST 8192

/* The first of the sockets, as sd_listen_fds(3) has it. */
#define FIRST_SOCKET (STDERR_FILENO + 1)

/* How often what it has left is read at most. */
#define REST_READS 256

#define NOT_STARTED 127 /* as a shell says it */

struct child {
    pid_t pid;
    int output; /* what it writes comes here */
    uv_poll_t readable;
    uv_timer_t patience;
    unsigned handles; /* that are not closed yet */
    unsigned asked;   /* how often it was asked to end */
    uint64_t patience_ms;
    struct buffer line; /* that has not come to its end */
    void (*on_line)(void *data, const char *line, size_t length);
    void (*on_end)(void *data, int status);
    void *data;
};

/* --- The other side of the fork */

static _Noreturn void fail(const struct child_plan *plan, const char *what)
{
    (void)dprintf(STDERR_FILENO, "%s can't be started: %s: %s\n", plan->name, what,
                  strerror(errno));
    _exit(NOT_STARTED);
}

/* All are moved out of the way first: one may lie where another has to go. */
static void place_sockets(const struct child_plan *plan)
{
    const int above = FIRST_SOCKET + (int)plan->socket_count;
    int moved[plan->socket_count + 1];
    char number[16];

    for (size_t i = 0; i < plan->socket_count; i++) {
        moved[i] = fcntl(plan->sockets[i], F_DUPFD, above);
        if (moved[i] < 0)
            fail(plan, "its sockets");
    }
    for (size_t i = 0; i < plan->socket_count; i++) {
        if (dup2(moved[i], FIRST_SOCKET + (int)i) < 0)
            fail(plan, "its sockets");
    }
    (void)close_range((unsigned)above, ~0U, 0);
    if (plan->socket_count == 0)
        return;
    (void)snprintf(number, sizeof number, "%d", (int)getpid());
    (void)setenv("LISTEN_PID", number, 1);
    (void)snprintf(number, sizeof number, "%zu", plan->socket_count);
    (void)setenv("LISTEN_FDS", number, 1);
    (void)setenv("LISTEN_FDNAMES", plan->socket_names, 1);
}

static void set_variables(const char *const *variables)
{
    for (; variables && variables[0]; variables += 2) {
        if (variables[1][0] == '\0')
            (void)unsetenv(variables[0]);
        else
            (void)setenv(variables[0], variables[1], 1);
    }
}

/* The watch's own handlers tell the watch, by a pipe that both have: what ends the child must not
 * run them. So signals are held back from before the fork until here; see fork_unheard(). */
static void reset_signals(void)
{
    sigset_t none;
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            (void)signal(number, SIG_DFL);
    }
    (void)signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A session of its own: what the terminal sends (Ctrl-C, its end) goes to the watch alone, which
 * ends its children in order. */
static _Noreturn void become(const struct child_plan *plan, int output, pid_t watch)
{
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    const char *program = plan->program ? plan->program : plan->arguments[0];

    (void)setsid();
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (getppid() != watch)
        _exit(NOT_STARTED);
    reset_signals();
    (void)dup2(nothing, STDIN_FILENO);
    (void)dup2(output, STDOUT_FILENO);
    (void)dup2(output, STDERR_FILENO);
    if (plan->is_shown_colours)
        (void)ioctl(STDERR_FILENO, TIOCSCTTY, 0);
    set_variables(plan->variables);
    place_sockets(plan);
    if (plan->folder && chdir(plan->folder))
        fail(plan, plan->folder);
    (void)execvp(program, (char *const *)(uintptr_t)plan->arguments);
    fail(plan, plan->arguments[0]);
}

/* --- What it writes */

static void hand_on(struct child *child)
{
    if (child->line.length > 0)
        child->on_line(child->data, child->line.bytes, child->line.length);
    buffer_clear(&child->line);
}

static void take(struct child *child, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        /* Out of memory, a line has a hole. */
        (void)buffer_append(&child->line, bytes + i, 1);
        if (bytes[i] == '\n' || child->line.length >= LINE_MOST)
            hand_on(child);
    }
}

enum reading {
    READING_MORE,
    READING_NOTHING, /* for now */
    READING_END,     /* also a terminal whose users have all gone */
};

static enum reading read_some(struct child *child)
{
    char bytes[4096];
    const ssize_t got = read(child->output, bytes, sizeof bytes);
    if (got > 0)
        take(child, bytes, (size_t)got);
    if (got > 0 || (got < 0 && errno == EINTR))
        return READING_MORE;
    return got < 0 && errno == EAGAIN ? READING_NOTHING : READING_END;
}

/* One read a turn: who writes without an end must not keep the watch from its signals. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    if (read_some(poll->data) == READING_END)
        uv_poll_stop(poll);
}

/* What has it open still, and goes on writing, is not waited for. */
static void read_rest(struct child *child)
{
    for (int i = 0; i < REST_READS && read_some(child) == READING_MORE; i++)
        continue;
    hand_on(child);
}

/* --- Starting */

static int open_output(const struct child_plan *plan, int ends[2])
{
    struct winsize size;
    struct termios modes;
    const bool has_size = plan->is_shown_colours && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0;

    if (!plan->is_shown_colours)
        return pipe2(ends, O_CLOEXEC);
    if (openpty(&ends[0], &ends[1], NULL, NULL, has_size ? &size : NULL))
        return -1;
    if (tcgetattr(ends[1], &modes) == 0) { /* the terminal behind makes `\r\n` of a `\n` */
        modes.c_oflag &= ~(tcflag_t)OPOST;
        (void)tcsetattr(ends[1], TCSANOW, &modes);
    }
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    return 0;
}

static void free_child(struct child *child)
{
    buffer_finish(&child->line);
    free(child);
}

static void on_closed(uv_handle_t *handle)
{
    struct child *child = handle->data;
    if (--child->handles == 0)
        free_child(child);
}

static int watch_child(struct child *child, uv_loop_t *loop)
{
    (void)fcntl(child->output, F_SETFL, fcntl(child->output, F_GETFL) | O_NONBLOCK);
    if (uv_poll_init(loop, &child->readable, child->output))
        return -1;
    uv_timer_init(loop, &child->patience);
    child->handles = 2;
    child->readable.data = child->patience.data = child;
    return uv_poll_start(&child->readable, UV_READABLE, on_readable) ? -1 : 0;
}

static void close_handles(struct child *child)
{
    uv_close((uv_handle_t *)&child->readable, on_closed);
    uv_close((uv_handle_t *)&child->patience, on_closed);
    close(child->output);
}

/* @return As fork(2). In the child no signal comes before reset_signals(). */
static pid_t fork_unheard(void)
{
    sigset_t all, before;
    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    const pid_t pid = fork();
    const int error = errno;
    if (pid != 0)
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return pid;
}

struct child *child_start(const struct child_plan *plan, uv_loop_t *loop)
{
    int ends[2];
    const pid_t watch = getpid();
    struct child *child = calloc(1, sizeof *child);

    if (!child)
        return NULL;
    if (open_output(plan, ends)) {
        free(child);
        return NULL;
    }
    child->output = ends[0];
    child->on_line = plan->on_line;
    child->on_end = plan->on_end;
    child->data = plan->data;
    child->pid = watch_child(child, loop) == 0 ? fork_unheard() : -1;
    if (child->pid == 0)
        become(plan, ends[1], watch);
    const int error = errno;
    close(ends[1]);
    if (child->pid > 0)
        return child;
    if (child->handles > 0) {
        close_handles(child);
    } else {
        close(child->output);
        free_child(child);
    }
    errno = error;
    return NULL;
}

/* --- The end */

/* The process is not reaped yet, so its number is no other's. */
static void end_group(const struct child *child)
{
    if (child->asked > 0)
        (void)kill(-child->pid, SIGKILL);
}

bool child_look(struct child *child)
{
    if (!process_has_ended(child->pid))
        return false;
    end_group(child); /* before it is reaped: until then the group's number is nobody else's */
    const int status = process_reap(child->pid);
    read_rest(child);
    close_handles(child);
    child->on_end(child->data, status);
    return true;
}

static void send_signal(const struct child *child, int number)
{
    /* In the moment behind the fork it has no group of its own yet. */
    if (kill(-child->pid, number))
        (void)kill(child->pid, number);
}

static void ask(struct child *child)
{
    child->asked++;
    send_signal(child, child->asked < 3 ? SIGTERM : SIGKILL);
}

static void on_impatient(uv_timer_t *timer)
{
    ask(timer->data);
}

void child_end(struct child *child, uint64_t patience_ms)
{
    ask(child);
    uv_timer_start(&child->patience, on_impatient, patience_ms, patience_ms);
}

bool child_is_ending(const struct child *child)
{
    return child->asked > 0;
}

pid_t child_pid(const struct child *child)
{
    return child->pid;
}
