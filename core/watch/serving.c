/* How the host that runs takes what was saved: `toni reload`, and, if that refuses what `toni
 * check` finds good, a host that is started anew. See watch_private.h. */
#include "watch/watch_private.h"

#include "watch/terminal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

/* More of an answer is not shown. */
#define ANSWER_MOST (1u << 20)

static void on_line(void *data, const char *line, size_t length)
{
    struct watch *watch = data;
    if (watch->answer.length < ANSWER_MOST)
        (void)buffer_append(&watch->answer, line, length); /* without memory it has a hole */
}

static void show_answer(struct watch *watch, enum terminal_tone tone)
{
    if (watch->answer.length > 0)
        terminal_pass(tone, watch->answer.bytes, watch->answer.length, false);
    buffer_clear(&watch->answer);
}

/* @return Its exit code; -1: a signal has ended it. */
static int exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* @param option  NULL: none. */
static void ask(struct watch *watch, const char *command, const char *option,
                void (*on_end)(void *data, int status))
{
    const char *const arguments[] = {"toni", command, "-c", watch->plan->config_path, option, NULL};
    const struct child_plan plan = {
        .name = command,
        .arguments = arguments,
        .program = WATCH_PROGRAM,
        .on_line = on_line,
        .on_end = on_end,
        .data = watch,
    };
    buffer_clear(&watch->answer);
    watch->asking = child_start(&plan, &watch->loop);
    if (!watch->asking)
        terminal_say(TONE_BAD, "`toni %s` can't be started: %s", command, strerror(errno));
}

/* A host that is started since the one before could not take it serves the same save. */
void watch_begin_serving(struct watch *watch)
{
    if (watch->since_ms > 0)
        watch->serving_ms = watch->since_ms;
    watch->since_ms = 0;
}

void watch_say_served(struct watch *watch)
{
    const uint64_t ms = watch_now_ms(watch) - watch->serving_ms;
    if (watch->serving_ms > 0)
        terminal_say(TONE_GOOD, "saved to served: %" PRIu64 " ms", ms);
    watch->serving_ms = 0;
}

static void say_not_served(struct watch *watch)
{
    watch->serving_ms = 0;
    terminal_say(TONE_BAD, "not served: %s",
                 watch->host ? "what ran before goes on" : "nothing runs; mend it and save");
}

/* The configuration and the plugins are good, so it is the host that runs which can't take them:
 * `listen`, for one, is changed by a start alone. */
static void on_checked(void *data, int status)
{
    struct watch *watch = data;
    watch->asking = NULL;
    buffer_clear(&watch->answer);
    if (watch->is_ending || !watch->host)
        return;
    if (exit_code(status) != 0) {
        say_not_served(watch);
        return;
    }
    terminal_say(TONE_WARNING, "a host that runs can't take that: it is started anew; its clients "
                               "are closed and can connect at once");
    watch->must_serve = watch->must_replace = true;
}

static void on_reloaded(void *data, int status)
{
    struct watch *watch = data;
    const int code = exit_code(status);
    watch->asking = NULL;
    if (watch->is_ending)
        return;
    show_answer(watch, code == 0 ? TONE_PLAIN : TONE_BAD);
    if (code == 0) {
        watch_say_served(watch);
    } else if (code == 2) {
        ask(watch, "check", "--offline", on_checked);
    } else if (watch->host && watch->is_ready) {
        say_not_served(watch);
        terminal_say(TONE_PLAIN,
                     "(`toni restart -c %s` starts the host anew, without what its plugins and "
                     "clients have in it)",
                     watch->plan->config_path);
    }
}

void watch_reload(struct watch *watch)
{
    watch->must_serve = false;
    watch_begin_serving(watch);
    ask(watch, "reload", NULL, on_reloaded);
}
