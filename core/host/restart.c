/* Restarts; see restart.h. */
#include "host/restart.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/process_wait.h"
#include "host/handover.h"
#include "net/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The successor's only descriptor beside stdin, stdout and stderr. */
#define SUCCESSOR_FD (STDERR_FILENO + 1)

/* How long a successor that was asked to end may take to remove what it has made. */
#define END_MS 1000

/* How often to look whether one that lets this host go has ended. */
#define LOOK_EVERY_MS 10

/* How much text of faults is kept, give or take a message. */
#define FAULTS_MAX (4u << 20)

struct restart {
    pid_t pid;
    int fd; /* this host's end of the pair */
    uv_poll_t answers;
    uv_timer_t limit;
    unsigned handles; /* that are not closed yet */
    uint64_t limit_ms;
    bool is_ending; /* it was asked to end: its messages are ignored */
    bool is_late;   /* that was the reason */
    bool has_come;  /* it was ready all the same: it ends as any host, and no longer listens here */
    uint64_t end_ms; /* when it is waited for no more */
    struct buffer faults;
    char reading[HANDOVER_TEXT_SIZE];
    void (*over)(void *data, const struct restart_end *end);
    void *data;
};

/* --- Starting the process */

/* @return The environment with the variable that makes the process a successor; the array alone is
 * allocated. NULL on no memory. */
static char **make_environment(const struct program *program, char *variable)
{
    size_t count = 0;
    while (program->environment[count])
        count++;
    char **environment = calloc(count + 2, sizeof *environment);
    if (!environment)
        return NULL;
    memcpy(environment, program->environment, count * sizeof *environment);
    environment[count] = variable;
    return environment;
}

/* Everything is closed on the way but one end of the pair: plugins may have opened files that don't
 * close by themselves. SIGPIPE and SIGXFSZ are ignored by this host alone. */
static int prepare(posix_spawn_file_actions_t *files, posix_spawnattr_t *attributes, int fd)
{
    sigset_t none, ignored;
    sigemptyset(&none);
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE);
    sigaddset(&ignored, SIGXFSZ);
    int error = posix_spawn_file_actions_adddup2(files, fd, SUCCESSOR_FD);
    if (!error)
        error = posix_spawn_file_actions_addclosefrom_np(files, SUCCESSOR_FD + 1);
    if (!error)
        error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error)
        error = posix_spawnattr_setsigdefault(attributes, &ignored);
    if (!error)
        error =
            posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return error;
}

/* posix_spawn copies no page tables and takes no lock in the child, so neither the host's size nor
 * its threads matter; and it reports why a program can't be executed.
 * @return 0, or an errno. */
static int start(const struct program *program, int fd, pid_t *pid)
{
    char variable[64];
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    (void)snprintf(variable, sizeof variable, HANDOVER_VARIABLE "=%d", SUCCESSOR_FD);
    char **environment = make_environment(program, variable);
    if (!environment)
        return ENOMEM;
    int error = posix_spawn_file_actions_init(&files);
    if (error)
        goto free_environment;
    error = posix_spawnattr_init(&attributes);
    if (error)
        goto destroy_files;
    error = prepare(&files, &attributes, fd);
    if (!error)
        error =
            posix_spawn(pid, program->path, &files, &attributes, program->arguments, environment);
    posix_spawnattr_destroy(&attributes);
destroy_files:
    posix_spawn_file_actions_destroy(&files);
free_environment:
    free(environment);
    return error;
}

/* --- The end */

static void on_closed(uv_handle_t *handle)
{
    struct restart *restart = handle->data;
    if (--restart->handles > 0)
        return;
    buffer_finish(&restart->faults);
    free(restart);
}

static void close_all(struct restart *restart)
{
    uv_close((uv_handle_t *)&restart->answers, on_closed);
    uv_close((uv_handle_t *)&restart->limit, on_closed);
    close(restart->fd);
    restart->fd = -1;
}

/* Describes how a successor has ended. */
static void describe_end(const struct restart *restart, int status, char *text, size_t size)
{
    if (restart->is_late) {
        (void)snprintf(text, size, "the successor was not ready within %llu ms (restart_ms)",
                       (unsigned long long)restart->limit_ms);
    } else if (restart->is_ending) {
        (void)snprintf(text, size, "the host stops");
    } else if (WIFEXITED(status)) {
        (void)snprintf(text, size, "the successor ended with exit code %d before it was ready",
                       WEXITSTATUS(status));
    } else {
        (void)snprintf(text, size, "the successor was ended by signal %d (%s) before it was ready",
                       WTERMSIG(status), strsignal(WTERMSIG(status)));
    }
}

/* Has no effect on one that is ending already, so the status stays what it was. */
static int reap(const struct restart *restart)
{
    kill(restart->pid, SIGKILL);
    return process_reap(restart->pid);
}

static void report_failure(const struct restart *restart, const char *reason)
{
    if (restart->is_ending && !restart->is_late)
        log_info("restart: given up, the successor has ended", log_int("pid", restart->pid));
    else
        log_error("restart: failed, this host goes on as before", log_str("reason", reason),
                  log_int("pid", restart->pid));
}

/* What the successor said, then how it ended. */
static const char *sum_up(struct restart *restart, const char *reason)
{
    if (buffer_append(&restart->faults, reason, strlen(reason) + 1))
        return reason; /* out of memory */
    return restart->faults.bytes;
}

/* The exit code of `toni restart` is that of the successor if it was about the configuration. */
static void fail(struct restart *restart)
{
    char reason[128];
    int status = reap(restart);
    bool is_usage = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_USAGE && !restart->is_ending;
    describe_end(restart, status, reason, sizeof reason);
    report_failure(restart, reason);
    const struct restart_end end = {
        .pid = restart->pid,
        .exit_code = is_usage ? EXIT_USAGE : EXIT_FAULT,
        .text = sum_up(restart, reason),
    };
    restart->over(restart->data, &end);
    close_all(restart);
}

static void succeed(struct restart *restart)
{
    char text[64];
    (void)snprintf(text, sizeof text, "the successor is ready, pid %d", (int)restart->pid);
    const struct restart_end end = {
        .is_ready = true,
        .pid = restart->pid,
        .exit_code = EXIT_CLEAN,
        .text = text,
    };
    restart->over(restart->data, &end);
    close_all(restart);
}

/* --- While the successor starts */

static void on_end_limit(uv_timer_t *timer)
{
    const struct restart *restart = timer->data;
    kill(restart->pid, SIGKILL);
}

static void on_look(uv_timer_t *timer)
{
    struct restart *restart = timer->data;
    if (process_has_ended(restart->pid) || clock_now_ms() >= restart->end_ms)
        fail(restart);
}

/* The pair ends with the process, except for a successor that became ready just as it was asked
 * to end: that one ends as any host does, and is given the time for it. One that was late is
 * killed, since this host goes on: the files of sockets that both have must stay. */
static void on_pair_closed(struct restart *restart)
{
    if (!restart->has_come || restart->is_late) {
        fail(restart);
        return;
    }
    uv_poll_stop(&restart->answers);
    uv_timer_start(&restart->limit, on_look, LOOK_EVERY_MS, LOOK_EVERY_MS);
}

static void ask_to_end(struct restart *restart)
{
    if (restart->is_ending)
        return;
    restart->is_ending = true;
    restart->end_ms = clock_now_ms() + END_MS;
    kill(restart->pid, SIGTERM);
    uv_timer_start(&restart->limit, on_end_limit, END_MS, 0);
}

static void on_limit(uv_timer_t *timer)
{
    struct restart *restart = timer->data;
    restart->is_late = true;
    ask_to_end(restart);
}

static void on_answer(uv_poll_t *poll, int status, int events)
{
    struct restart *restart = poll->data;
    (void)status;
    (void)events;
    switch (handover_read(restart->fd, restart->reading)) {
    case HANDOVER_READY:
        restart->has_come = true;
        if (!restart->is_ending)
            succeed(restart);
        break;
    case HANDOVER_FAULT: /* out of memory is no reason to fail */
        if (restart->faults.length < FAULTS_MAX)
            (void)buffer_append(&restart->faults, restart->reading, strlen(restart->reading));
        break;
    case HANDOVER_END:
        on_pair_closed(restart);
        break;
    case HANDOVER_NOTHING:
        break;
    }
}

/* Neither handle keeps the loop from ending. @return 0, or an error of libuv. */
static int watch(struct restart *restart, uv_loop_t *loop)
{
    int error = loop_make_place(loop, restart->fd);
    if (!error)
        error = uv_poll_init(loop, &restart->answers, restart->fd);
    if (error)
        return error;
    uv_timer_init(loop, &restart->limit);
    restart->limit.data = restart->answers.data = restart;
    restart->handles = 2;
    uv_unref((uv_handle_t *)&restart->limit);
    uv_unref((uv_handle_t *)&restart->answers);
    uv_update_time(loop);
    uv_timer_start(&restart->limit, on_limit, restart->limit_ms, 0);
    return uv_poll_start(&restart->answers, UV_READABLE, on_answer);
}

/* Sends the sockets before there is anybody to read them: what can't be sent starts nothing. */
static int open_pair(const struct restart_plan *plan, int ends[2], char *why, size_t why_size)
{
    if (getpid() == 1) {
        (void)snprintf(why, why_size,
                       "this host is process 1, as in a container: when it ends, its "
                       "successor does, too; start a new container");
        return -1;
    }
    if (!plan->program->path) {
        (void)snprintf(why, why_size, "where the program lies is not known: is /proc there?");
        return -1;
    }
    if (handover_open(ends)) {
        (void)snprintf(why, why_size, "no sockets for the successor: %s", strerror(errno));
        return -1;
    }
    if (!handover_send(ends[0], plan->listeners, plan->listener_count, plan->revocations))
        return 0;
    (void)snprintf(why, why_size, "the listening sockets can't be handed over: %s",
                   strerror(errno));
    close(ends[0]);
    close(ends[1]);
    return -1;
}

struct restart *restart_begin(const struct restart_plan *plan, char *why, size_t why_size)
{
    int ends[2];
    struct restart *restart = calloc(1, sizeof *restart);
    if (!restart) {
        (void)snprintf(why, why_size, "out of memory");
        return NULL;
    }
    if (open_pair(plan, ends, why, why_size))
        goto fail;
    restart->fd = ends[0];
    restart->limit_ms = plan->limit_ms;
    restart->over = plan->over;
    restart->data = plan->data;
    int error = start(plan->program, ends[1], &restart->pid);
    close(ends[1]); /* from now on the pair ends with the successor */
    if (error) {
        (void)snprintf(why, why_size, "%s can't be started: %s", plan->program->path,
                       strerror(error));
        goto fail_start;
    }
    if (watch(restart, plan->loop)) {
        (void)snprintf(why, why_size, "the successor can't be watched: out of descriptors");
        (void)reap(restart);
        goto fail_start;
    }
    log_info("restart: a successor starts", log_str("program", plan->program->path),
             log_int("pid", restart->pid));
    return restart;

fail_start:
    close(ends[0]);
fail:
    free(restart);
    return NULL;
}

void restart_cancel(struct restart *restart)
{
    ask_to_end(restart);
}

void restart_finish(struct restart *restart)
{
    if (!restart)
        return;
    ask_to_end(restart);
    while (!process_has_ended(restart->pid) && clock_now_ms() < restart->end_ms)
        (void)poll(NULL, 0, LOOK_EVERY_MS);
    fail(restart);
}
