/* The host that is watched: its start, what it says, and how it ends; see watch_private.h.
 *
 * After a crash it is started anew at once, so that whoever works goes on; if it crashes again with
 * nothing saved since, the next save starts it: it would crash for ever. */
#include "watch/watch_private.h"

#include "base/log.h"
#include "watch/terminal.h"
#include "watch/watched.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* After that a start that is not over is told. */
#define READY_MS 10000

/* --- What it says: lines of base/log.h */

#define CRASHES "msg=\"the host crashes, in a call of a plugin\""
#define FRAME "msg=\"frame\""
#define EXITS "msg=\"a plugin has called exit"
#define REFUSES "msg=\"reload refused\""
#define HANGS "msg=\"a callback has not returned yet"
#define ENDED_FOR_IT "msg=\"a worker is held up for longer than watchdog_ms"

/* Copies the value of a field, without its quotes. */
static void copy_field(const char *line, const char *key, char value[WATCH_NAME_SIZE])
{
    char before[32];
    (void)snprintf(before, sizeof before, " %s=", key);
    const char *at = strstr(line, before);
    at = at ? at + strlen(before) : "";
    const bool is_quoted = *at == '"';
    at += is_quoted;
    (void)snprintf(value, WATCH_NAME_SIZE, "%.*s", (int)strcspn(at, is_quoted ? "\"\n" : " \n"),
                   at);
}

static void tell_hang(const char *line)
{
    char callback[WATCH_NAME_SIZE], instance[WATCH_NAME_SIZE];
    copy_field(line, "callback", callback);
    copy_field(line, "instance", instance);
    terminal_say(TONE_WARNING,
                 "%s of `%s` hangs: unless it returns, the host is ended after watchdog_ms (%d "
                 "where the configuration has none)",
                 callback, instance, WATCHED_HANG_MS);
}

static const char *name_in(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The first frame in the plugin. The host runs a private copy of its library, which is gone when
 * somebody reads this; where the names are too long for their fields they are not the same. */
static void tell_line(struct watch *watch, const char *line)
{
    char file[WATCH_NAME_SIZE], offset[WATCH_NAME_SIZE];
    copy_field(line, "file", file);
    copy_field(line, "offset", offset);
    if (strcmp(name_in(file), name_in(watch->library)) != 0)
        return;
    terminal_say(TONE_BAD, "addr2line -i -e %s %s # prints the line of the source", watch->library,
                 offset);
    watch->library[0] = '\0';
}

static enum terminal_tone tone_of(const char *line)
{
    if (strncmp(line, "time=", 5) != 0)
        return TONE_PLAIN;
    if (strstr(line, " level=error msg="))
        return TONE_BAD;
    return strstr(line, " level=warn msg=") ? TONE_WARNING : TONE_PLAIN;
}

static void on_line(void *data, const char *bytes, size_t length)
{
    struct watch *watch = data;
    char line[LOG_LINE_SIZE + 1];

    (void)snprintf(line, sizeof line, "%.*s", (int)length, bytes);
    if (watch->asking && strstr(line, REFUSES))
        return; /* the answer says the same */
    terminal_pass(tone_of(line), bytes, length, false);
    if (strstr(line, CRASHES) || strstr(line, ENDED_FOR_IT) || strstr(line, EXITS)) {
        copy_field(line, "callback", watch->callback);
        copy_field(line, "instance", watch->instance);
    }
    if (strstr(line, CRASHES))
        copy_field(line, "library", watch->library);
    else if (watch->library[0] && strstr(line, FRAME))
        tell_line(watch, line);
    watch->is_hung |= strstr(line, ENDED_FOR_IT) != NULL;
    if (strstr(line, HANGS))
        tell_hang(line);
}

/* --- Its end */

/* Where it was, as far as its log has said. */
static void describe_place(const struct watch *watch, char *text, size_t size)
{
    const bool has_instance = watch->instance[0] != '\0';
    (void)snprintf(text, size, "%s%s%s%s%s%s", watch->callback[0] || has_instance ? " in " : "",
                   watch->callback, watch->callback[0] && has_instance ? " of " : "",
                   has_instance ? "`" : "", watch->instance, has_instance ? "`" : "");
}

static void describe_end(const struct watch *watch, int status, char *text, size_t size)
{
    char place[2 * WATCH_NAME_SIZE + 16];
    const char *signal = WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : NULL;

    describe_place(watch, place, sizeof place);
    if (watch->is_hung)
        (void)snprintf(text, size, "the host was ended, since it hung%s", place);
    else if (WIFSIGNALED(status))
        (void)snprintf(text, size, "the host has crashed (SIG%s)%s", signal ? signal : "", place);
    else
        (void)snprintf(text, size, "the host has ended (exit code %d)%s", WEXITSTATUS(status),
                       place);
}

/* @return Whether it is started again. */
static bool judge_end(struct watch *watch, int status, bool was_ready)
{
    char text[2 * WATCH_NAME_SIZE + 128];
    const bool is_clean = watch->is_stopping && WIFEXITED(status) && WEXITSTATUS(status) == 0;

    describe_end(watch, status, text, sizeof text);
    if (is_clean) { /* `toni restart`, or somebody has sent it SIGTERM */
        terminal_say(TONE_PLAIN, "%s: it is started anew", text);
        return true;
    }
    if (!was_ready) {
        watch->serving_ms = 0;
        terminal_say(TONE_BAD, "%s before it was ready: the next save starts it", text);
        return false;
    }
    if (watch->has_crashed) {
        terminal_say(TONE_BAD,
                     "%s again, with nothing saved since: the next save starts it; who connects "
                     "waits until then",
                     text);
        return false;
    }
    watch->has_crashed = true;
    terminal_say(TONE_BAD, "%s: it is started anew", text);
    return true;
}

static void take_notes(struct watch *watch);

static void on_end(void *data, int status)
{
    struct watch *watch = data;

    take_notes(watch); /* its last ones may be on their way */
    const bool was_ready = watch->is_ready;
    uv_timer_stop(&watch->ready_limit);
    watch->host = NULL;
    watch->is_ready = false;
    if (watch->is_ending)
        watch->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    else if (!watch->is_replacing && judge_end(watch, status, was_ready))
        watch->must_serve = true;
    watch->is_replacing = watch->must_replace = false;
}

/* --- Its start */

static void on_ready_limit(uv_timer_t *timer)
{
    (void)timer;
    terminal_say(TONE_WARNING,
                 "the host is not ready after %d s: does `create`, `start` or `ready` of a plugin "
                 "hang? The next save starts it anew",
                 READY_MS / 1000);
}

static void on_ready(struct watch *watch)
{
    uv_timer_stop(&watch->ready_limit);
    if (!watch->host || watch->is_ready)
        return;
    watch->is_ready = true;
    if (watch->serving_ms > 0)
        watch_say_served(watch);
    else
        terminal_say(TONE_GOOD, "the host serves; a save is served when it is built");
}

/* A host that ends without having said that it stops was ended by a plugin: `_exit(0)`. */
static void take_notes(struct watch *watch)
{
    char note[512];
    ssize_t size;
    while ((size = recv(watch->ready_fd, note, sizeof note - 1, MSG_DONTWAIT)) >= 0) {
        note[size] = '\0';
        if (strncmp(note, "READY=1", 7) == 0)
            on_ready(watch);
        watch->is_stopping |= strncmp(note, "STOPPING=1", 10) == 0;
    }
}

static void on_note(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    (void)status, (void)events;
    take_notes(watch);
    watch_go_on(watch);
}

/* What a host before has said still. */
static void forget_notes(const struct watch *watch)
{
    char note[512];
    while (recv(watch->ready_fd, note, sizeof note, MSG_DONTWAIT) >= 0)
        continue;
}

/* The kernel chooses an abstract name: five digits. */
int watch_open_ready(struct watch *watch)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t size = sizeof name;

    uv_timer_init(&watch->loop, &watch->ready_limit);
    watch->ready_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (watch->ready_fd < 0 ||
        bind(watch->ready_fd, (const struct sockaddr *)&name, sizeof name.sun_family) ||
        getsockname(watch->ready_fd, (struct sockaddr *)&name, &size) ||
        uv_poll_init(&watch->loop, &watch->ready, watch->ready_fd)) {
        terminal_say(TONE_BAD, "no socket for the host to say that it is ready: %s",
                     strerror(errno));
        return -1;
    }
    const int length = (int)(size - offsetof(struct sockaddr_un, sun_path)) - 1;
    (void)snprintf(watch->ready_name, sizeof watch->ready_name, "@%.*s", length, name.sun_path + 1);
    watch->ready.data = watch;
    return uv_poll_start(&watch->ready, UV_READABLE, on_note) ? -1 : 0;
}

static void fit_sockets(struct watch *watch)
{
    struct config *config = watch_read_config(watch);
    if (config && sockets_fit(&watch->sockets, config))
        terminal_say(TONE_WARNING, "the host opens its sockets itself: out of memory");
    gateways_conf_destroy(config);
}

static void list_arguments(const struct watch_plan *plan, const char *arguments[8])
{
    size_t count = 0;
    arguments[count++] = "toni";
    arguments[count++] = "run";
    arguments[count++] = "-c";
    arguments[count++] = plan->config_path;
    if (plan->log_level) {
        arguments[count++] = "-l";
        arguments[count++] = plan->log_level;
    }
    if (plan->may_be_root)
        arguments[count++] = "--allow-root";
    arguments[count] = NULL;
}

void watch_start_host(struct watch *watch)
{
    char pid[16];
    const char *arguments[8];
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    const char *const variables[] = {WATCHED_VARIABLE,
                                     pid,
                                     "NOTIFY_SOCKET",
                                     watch->ready_name,
                                     "WATCHDOG_USEC",
                                     "",
                                     "WATCHDOG_PID",
                                     "",
                                     "JOURNAL_STREAM",
                                     "",
                                     NULL};

    fit_sockets(watch);
    list_arguments(watch->plan, arguments);
    const struct child_plan plan = {
        .name = "the host",
        .arguments = arguments,
        .program = WATCH_PROGRAM,
        .sockets = watch->sockets.descriptors,
        .socket_count = watch->sockets.count,
        .socket_names = watch->sockets.names,
        .variables = variables,
        .on_line = on_line,
        .on_end = on_end,
        .data = watch,
    };
    forget_notes(watch);
    watch->must_serve = watch->must_replace = watch->is_hung = watch->is_stopping = false;
    watch_begin_serving(watch);
    watch->callback[0] = watch->instance[0] = watch->library[0] = '\0';
    watch->host = child_start(&plan, &watch->loop);
    if (!watch->host)
        terminal_say(TONE_BAD, "the host can't be started: %s", strerror(errno));
    else
        uv_timer_start(&watch->ready_limit, on_ready_limit, READY_MS, 0);
}

void watch_replace_host(struct watch *watch)
{
    if (child_is_ending(watch->host))
        return;
    watch->is_replacing = true;
    uv_timer_stop(&watch->ready_limit);
    child_end(watch->host, WATCH_HOST_PATIENCE_MS);
}
