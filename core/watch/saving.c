/* What is watched, and what a save of it leads to; see watch_private.h. */
#include "watch/watch_private.h"

#include "watch/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What changes so soon after a build may be its doing: the kernel tells of files and of ended
 * processes on different ways. */
#define BUILD_ECHO_MS 20

/* The kernel drops what it could not tell any more. */
#define MANY_CHANGES REASONS_PATHS_MAX

/* --- Which files */

/* @return 0, or -1 on no memory. */
static int append_names(struct buffer *out, const char *path)
{
    for (const char *at = path; *at != '\0';) {
        const size_t length = strcspn(at, "/");
        if (length > 0 && !(length == 1 && at[0] == '.') &&
            (buffer_append(out, "/", 1) || buffer_append(out, at, length)))
            return -1;
        at += length + (at[length] == '/');
    }
    return 0;
}

/* Without `.` and doubled slashes in it, as the kernel's names are put together. @return Allocated;
 * NULL on no memory. */
static char *absolute(const char *path)
{
    char here[PATH_MAX] = "";
    struct buffer out;
    if (path[0] != '/' && !getcwd(here, sizeof here))
        return NULL;
    buffer_init(&out);
    if (append_names(&out, here) || append_names(&out, path) ||
        (out.length == 0 && buffer_append(&out, "/", 1)) || buffer_append(&out, "", 1)) {
        buffer_finish(&out);
        return NULL;
    }
    return out.bytes;
}

static bool is_listed(const struct watch *watch, const char *path)
{
    for (size_t i = 0; i < watch->config_file_count; i++) {
        if (strcmp(watch->config_files[i], path) == 0)
            return true;
    }
    return false;
}

/* @param path  To be freed; NULL: there was no memory. */
static void add_path(struct watch *watch, char *path)
{
    char **files =
        path && !is_listed(watch, path)
            ? reallocarray(watch->config_files, watch->config_file_count + 1, sizeof *files)
            : NULL;
    if (!files) {
        free(path);
        return;
    }
    watch->config_files = files;
    files[watch->config_file_count++] = path;
}

/* As it is called, with the folders before it as they are; and where it is, if it is a link. */
static void add_config_file(struct watch *watch, const char *path)
{
    char *whole = absolute(path);
    char *slash = whole ? strrchr(whole, '/') : NULL;
    char real[PATH_MAX], *named = NULL;

    if (!whole || !slash)
        goto done;
    *slash = '\0';
    if (realpath(whole[0] ? whole : "/", real) && asprintf(&named, "%s/%s", real, slash + 1) >= 0)
        add_path(watch, named);
    *slash = '/';
    if (realpath(whole, real))
        add_path(watch, strdup(real));
done:
    free(whole);
}

static void add_included(struct watch *watch, const struct value *value)
{
    const char *last = NULL;
    for (const struct value *child = value_first(value); child; child = value_next(child)) {
        const char *file = value_file(child);
        if (!last || strcmp(last, file) != 0)
            add_config_file(watch, file);
        last = file;
        add_included(watch, child);
    }
}

static void forget_config_files(struct watch *watch)
{
    for (size_t i = 0; i < watch->config_file_count; i++)
        free(watch->config_files[i]);
    free(watch->config_files);
    watch->config_files = NULL;
    watch->config_file_count = 0;
}

/* --- What the configuration says of it */

/* The configuration's own strings go with it. */
static void take_settings(struct watch *watch, struct config *config)
{
    free(watch->command);
    config_watch_finish(&watch->settings);
    watch->settings = config->watch;
    config->watch = (struct config_watch){0};
    watch->command = watch->settings.build ? strdup(watch->settings.build) : NULL;
    watch->settings.build = watch->command;
    forget_config_files(watch);
    add_config_file(watch, watch->plan->config_path);
    add_included(watch, config->tree);
}

void watch_find_way(struct watch *watch)
{
    build_finish(&watch->way);
    if (build_find(watch->folder, &watch->settings, &watch->way)) {
        build_finish(&watch->way);
        terminal_say(TONE_BAD, "how to build is not known: out of memory");
    }
}

/* @return 0, or -1 on no memory. */
static int set_tree(struct watch *watch)
{
    char *roots[CONFIG_WATCH_PATHS_MAX];
    size_t count = 0;
    int result = 0;

    for (size_t i = 0; i < watch->settings.path_count; i++)
        roots[count++] = absolute(watch->settings.paths[i]);
    if (count == 0 && watch->way.arguments[0])
        roots[count++] =
            strdup(watch->way.source_folder ? watch->way.source_folder : watch->folder);
    for (size_t i = 0; i < count; i++)
        result = roots[i] ? result : -1;
    if (result == 0)
        result = tree_set(watch->tree, roots, count, watch->config_files, watch->config_file_count,
                          watch->way.build_folder);
    for (size_t i = 0; i < count; i++)
        free(roots[i]);
    return result;
}

struct config *watch_read_config(struct watch *watch)
{
    struct fault_list faults;
    fault_list_init(&faults);
    struct config *config = gateways_conf_read(watch->plan->config_path, &faults);
    if (config)
        take_settings(watch, config);
    watch_find_way(watch);
    if (set_tree(watch))
        terminal_say(TONE_BAD, "other files can't be watched: out of memory");
    tree_scan(watch->tree);
    if (config && !fault_list_empty(&faults)) { /* the host says what is wrong */
        gateways_conf_destroy(config);
        config = NULL;
    }
    fault_list_finish(&faults);
    return config;
}

/* --- A save */

/* @return For how long the build has run that may have made what has just changed. */
static uint64_t build_age(const struct watch *watch, uint64_t first_ms)
{
    const uint64_t now_ms = watch_now_ms(watch);
    if (watch->build)
        return now_ms - watch->build_began_ms;
    if (watch->build_ended_ms > 0 && first_ms <= watch->build_ended_ms + BUILD_ECHO_MS)
        return watch->build_ended_ms - watch->build_began_ms;
    return REASONS_NO_BUILD;
}

static void say_what(const struct reasons_found *found, bool is_config)
{
    const bool is_other = found->is_reason && !(found->is_gone && is_config);
    const char *name = is_other ? found->name : "the configuration";
    if (!found->is_reason && !is_config)
        return;
    if (is_other && found->count > REASONS_PATHS_MAX)
        terminal_say(TONE_PLAIN, "many files were changed");
    else if (is_other && found->count > 1)
        terminal_say(TONE_PLAIN, "%s was changed, and %zu more", name, found->count - 1);
    else
        terminal_say(TONE_PLAIN, "%s was changed", name);
}

static void say_loop(const struct reasons_found *found)
{
    if (found->is_loop) {
        terminal_say(TONE_WARNING,
                     "%s changes at every build: others for that are made more and more seldom; "
                     "name what to look at in `paths` of `watch`",
                     found->name);
    }
}

static void end_build(uv_timer_t *again)
{
    struct watch *watch = again->data;
    if (!watch->must_build || !watch->build || child_is_ending(watch->build))
        return;
    terminal_say(TONE_PLAIN, "the build that runs is ended for that");
    child_end(watch->build, WATCH_BUILD_PATIENCE_MS);
}

static void build_later(uv_timer_t *again)
{
    struct watch *watch = again->data;
    watch->must_build = true;
    end_build(again);
    watch_go_on(watch);
}

/* A build that runs has not seen all of it. */
static void build_again(struct watch *watch, const struct reasons_found *found, uint64_t age_ms)
{
    if (found->wait_ms > 0 && !watch->must_build) {
        uv_timer_start(&watch->later, build_later, found->wait_ms, 0);
        return;
    }
    uv_timer_stop(&watch->later);
    watch->must_build = true;
    if (watch->build && found->is_again && age_ms < WATCH_AGAIN_MS)
        uv_timer_start(&watch->again, end_build, WATCH_AGAIN_MS - age_ms, 0);
    else if (watch->build)
        end_build(&watch->again);
}

static void on_saved(struct watch *watch, uint64_t first_ms)
{
    const uint64_t age_ms = build_age(watch, first_ms);
    struct reasons_found found;
    reasons_take(&watch->reasons, age_ms, &found);
    const bool is_config =
        watch->is_config_saved || (found.is_reason && found.count > MANY_CHANGES);
    watch->is_config_saved = false;
    if (is_config)
        gateways_conf_destroy(watch_read_config(watch));
    else
        tree_scan(watch->tree);
    say_loop(&found);
    if (!found.is_reason && !is_config)
        return;
    say_what(&found, is_config);
    watch->since_ms = first_ms;
    watch->has_crashed = false;
    watch->must_serve |= is_config;
    if (!found.is_reason || !watch->way.arguments[0])
        return;
    build_again(watch, &found, age_ms);
}

static void on_save_over(uv_timer_t *timer)
{
    struct watch *watch = timer->data;
    uint64_t first_ms = 0;
    if (debounce_take(&watch->debounce, watch_now_ms(watch), &first_ms)) {
        on_saved(watch, first_ms);
        watch_go_on(watch);
    } else if (watch->debounce.is_open) {
        uv_timer_start(timer, on_save_over, debounce_left_ms(&watch->debounce, watch_now_ms(watch)),
                       0);
    }
}

/* What the watch writes, and passes on, may go to a file among the sources; and the sockets of the
 * host may lie there. */
static bool is_of_the_host(const char *path)
{
    struct stat file, output;
    if (stat(path, &file) != 0)
        return false;
    if (S_ISSOCK(file.st_mode) || S_ISFIFO(file.st_mode))
        return true;
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fstat(fd, &output) == 0 && output.st_dev == file.st_dev && output.st_ino == file.st_ino)
            return true;
    }
    return false;
}

static void on_changed(void *data, const char *path)
{
    struct watch *watch = data;
    if (watch->is_ending || is_of_the_host(path))
        return;
    if (is_listed(watch, path))
        watch->is_config_saved = true;
    else
        reasons_note(&watch->reasons, path);
    debounce_note(&watch->debounce, watch_now_ms(watch));
    uv_timer_start(&watch->save_over, on_save_over,
                   debounce_left_ms(&watch->debounce, watch_now_ms(watch)), 0);
}

/* --- Beginning and end */

int watch_open_tree(struct watch *watch)
{
    char *whole = absolute(watch->plan->config_path);
    char *slash = whole ? strrchr(whole, '/') : NULL;

    uv_timer_init(&watch->loop, &watch->save_over);
    uv_timer_init(&watch->loop, &watch->again);
    uv_timer_init(&watch->loop, &watch->later);
    watch->save_over.data = watch->again.data = watch->later.data = watch;
    watch->tree = tree_create(&watch->loop, on_changed, watch);
    if (slash)
        *slash = '\0';
    const bool is_found = slash && realpath(whole[0] ? whole : "/", watch->folder);
    free(whole);
    if (is_found && watch->tree) {
        add_config_file(watch, watch->plan->config_path); /* before it can be read */
        return 0;
    }
    terminal_say(TONE_BAD, "the folder of %s can't be watched: %s", watch->plan->config_path,
                 strerror(errno));
    return -1;
}

void watch_close_tree(struct watch *watch)
{
    tree_destroy(watch->tree);
    watch->tree = NULL;
    reasons_finish(&watch->reasons);
    forget_config_files(watch);
    config_watch_finish(&watch->settings);
    free(watch->command);
    build_finish(&watch->way);
}
