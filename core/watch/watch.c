/* What happens when, from the start of the watch to its end; see watch.h and watch_private.h. */
#include "watch/watch_private.h"

#include "base/log.h"
#include "net/loop.h"
#include "watch/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As of the host's: `timeout` (coreutils) sends its own twice. */
#define REPEAT_MS 100

/* The program's exit codes; host/run.h. */
#define CLEAN 0
#define FAULT 1
#define USAGE 2

uint64_t watch_now_ms(const struct watch *watch)
{
    return uv_now(&watch->loop);
}

/* --- What is next */

/* One thing at a time, but for a host that ends while something is built. A build before all else:
 * what is half built is not served. */
void watch_go_on(struct watch *watch)
{
    if (watch->is_ending || watch->build || watch->asking)
        return;
    if (watch->must_build) {
        watch_build(watch);
        return;
    }
    if (!watch->must_serve)
        return;
    if (!watch->host)
        watch_start_host(watch);
    else if (watch->is_ready && !watch->must_replace && !child_is_ending(watch->host))
        watch_reload(watch);
    else
        watch_replace_host(watch); /* also one whose start hangs */
}

/* --- The end */

static void close_handle(uv_handle_t *handle, void *data)
{
    (void)data;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* The loop ends when all handles are closed; those of children close themselves. */
static void close_all(struct watch *watch)
{
    watch_close_tree(watch);
    uv_walk(&watch->loop, close_handle, NULL);
}

static void end_if_all_have(struct watch *watch)
{
    if (watch->is_ending && !watch->build && !watch->asking && !watch->host)
        uv_stop(&watch->loop);
}

static void end_child(struct child *child, uint64_t patience_ms)
{
    if (child)
        child_end(child, patience_ms);
}

/* The first asks, the second hurries, the third ends: child_end(). */
static void end(struct watch *watch, int number)
{
    const uint64_t now_ms = watch_now_ms(watch);
    if (watch->is_ending && number == watch->end_signal && now_ms - watch->end_ms < REPEAT_MS)
        return;
    if (!watch->is_ending)
        terminal_say(TONE_PLAIN, "stopping");
    watch->is_ending = true;
    watch->end_signal = number;
    watch->end_ms = now_ms;
    end_child(watch->build, WATCH_BUILD_PATIENCE_MS);
    end_child(watch->asking, WATCH_BUILD_PATIENCE_MS);
    end_child(watch->host, WATCH_HOST_PATIENCE_MS);
    end_if_all_have(watch);
}

/* --- Signals */

static void look_at_children(struct watch *watch)
{
    if (watch->build)
        (void)child_look(watch->build);
    if (watch->asking)
        (void)child_look(watch->asking);
    if (watch->host)
        (void)child_look(watch->host);
    watch_go_on(watch);
    end_if_all_have(watch);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct watch *watch = handle->data;
    if (number == SIGCHLD)
        look_at_children(watch);
    else
        end(watch, number);
}

static int open_signals(struct watch *watch)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        uv_signal_t *handle = &watch->signals[i];
        if (uv_signal_init(&watch->loop, handle))
            return -1;
        handle->data = watch;
        if (uv_signal_start(handle, on_signal, numbers[i]))
            return -1;
    }
    return 0;
}

/* --- The beginning */

/* What can't be watched at all is said before anything is started. */
static int check_config(struct watch *watch)
{
    struct fault_list faults;
    const char *path = watch->plan->config_path;
    if (access(path, R_OK)) {
        terminal_say(TONE_BAD, "%s can't be read: %s; name the configuration with -c", path,
                     strerror(errno));
        return -1;
    }
    fault_list_init(&faults);
    struct config *config = gateways_conf_read(path, &faults);
    const bool has_control = !config || config->control.path;
    gateways_conf_destroy(config);
    fault_list_finish(&faults);
    if (has_control)
        return 0;
    terminal_say(TONE_BAD,
                 "%s says `control = \"\"`: the watch asks the host on its control socket; take "
                 "that out",
                 path);
    return -1;
}

static void say_what_is_watched(const struct watch *watch)
{
    if (watch->way.arguments[0]) {
        terminal_say(TONE_PLAIN, "%zu folders are watched", tree_folder_count(watch->tree));
        return;
    }
    terminal_say(TONE_WARNING,
                 "only the configuration is watched: neither a build folder of CMake's nor a "
                 "CMakeLists.txt is at %s or beside it; say how to build in `watch = { build = "
                 "\"make\"; paths = [ \"src\" ]; };`",
                 watch->folder);
}

static void begin(struct watch *watch)
{
    gateways_conf_destroy(watch_read_config(watch));
    say_what_is_watched(watch);
    watch->must_build = watch->way.arguments[0] != NULL;
    watch->must_serve = !watch->must_build;
    watch_go_on(watch);
}

/* The host says the same, and this process has no log of its own. */
static void drop_line(void *data, enum log_level level, const char *line, size_t length)
{
    (void)data, (void)level, (void)line, (void)length;
}

int watch_run(const struct watch_plan *plan)
{
    struct watch *watch = calloc(1, sizeof *watch);
    int code = FAULT;

    terminal_look();
    log_set_sink(drop_line, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    if (!watch || loop_init(&watch->loop)) {
        terminal_say(TONE_BAD, "out of memory");
        free(watch);
        return FAULT;
    }
    watch->plan = plan;
    watch->ready_fd = -1;
    buffer_init(&watch->answer);
    if (check_config(watch)) {
        code = USAGE;
    } else if (open_signals(watch) || watch_open_tree(watch) || watch_open_ready(watch)) {
        terminal_say(TONE_BAD, "nothing can be watched: out of memory or descriptors");
    } else {
        begin(watch);
        uv_run(&watch->loop, UV_RUN_DEFAULT);
        code = watch->exit_code;
    }
    close_all(watch);
    uv_run(&watch->loop, UV_RUN_DEFAULT);
    uv_loop_close(&watch->loop);
    sockets_finish(&watch->sockets);
    buffer_finish(&watch->answer);
    if (watch->ready_fd >= 0)
        close(watch->ready_fd);
    free(watch);
    return code;
}
