/* A build; see watch_private.h. What it writes is shown as it comes, and read by nobody. */
#include "watch/watch_private.h"

#include "watch/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static void on_line(void *data, const char *line, size_t length)
{
    (void)data;
    terminal_pass(TONE_PLAIN, line, length, true);
}

static void say_failed(struct watch *watch, int status)
{
    char how[96];
    watch->since_ms = 0;
    if (WIFEXITED(status))
        (void)snprintf(how, sizeof how, "exit code %d", WEXITSTATUS(status));
    else
        (void)snprintf(how, sizeof how, "%s", strsignal(WTERMSIG(status)));
    terminal_say(TONE_BAD, "the build has failed (%s): %s", how,
                 watch->host ? "what ran before goes on"
                             : "nothing runs; the next save builds again");
}

static void on_end(void *data, int status)
{
    struct watch *watch = data;
    const bool was_ended = child_is_ending(watch->build);
    watch->build = NULL;
    uv_timer_stop(&watch->again);
    watch->build_ended_ms = watch_now_ms(watch);
    if (was_ended)
        return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        watch->must_serve = true;
    else
        say_failed(watch, status);
}

/* make builds one thing at a time unless it is told otherwise. */
static const char *parallel(char text[16])
{
    const char *given = getenv("CMAKE_BUILD_PARALLEL_LEVEL");
    (void)snprintf(text, 16, "%u", uv_available_parallelism());
    return given ? given : text;
}

/* gcc and clang write colours to a terminal, so it gets one; ninja, which they write to, passes
 * them on if it is asked to. CMake has them do so where it makes a new build folder. */
void watch_build(struct watch *watch)
{
    char level[16];
    const bool has_colours = terminal_has_colours();
    watch_find_way(watch);
    const char *const variables[] = {"CMAKE_BUILD_PARALLEL_LEVEL",
                                     parallel(level),
                                     "GCC_URLS",
                                     "no",
                                     has_colours ? "CLICOLOR_FORCE" : NULL,
                                     "1",
                                     "CMAKE_COLOR_DIAGNOSTICS",
                                     "ON",
                                     NULL};
    const struct child_plan plan = {
        .name = watch->way.text,
        .arguments = (const char *const *)watch->way.arguments,
        .folder = watch->folder,
        .is_shown_colours = has_colours,
        .variables = variables,
        .on_line = on_line,
        .on_end = on_end,
        .data = watch,
    };
    watch->must_build = false;
    if (!watch->way.arguments[0])
        return;
    watch->build_began_ms = watch_now_ms(watch);
    terminal_say(TONE_PLAIN, "%s", watch->way.text);
    watch->build = child_start(&plan, &watch->loop);
    if (!watch->build)
        terminal_say(TONE_BAD, "%s can't be started: %s", watch->way.text, strerror(errno));
}
