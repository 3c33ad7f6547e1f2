/* Builds; see build.h. */
#include "watch/build.h"

#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHE "CMakeCache.txt"
#define SOURCE_KEY "CMAKE_HOME_DIRECTORY:INTERNAL="

/* A build folder that was not made yet is made. Its sources are the first argument. */
#define CONFIGURE_AND_BUILD                                                                        \
    "cmake -S \"$1\" -B \"$1/build\" -D CMAKE_COLOR_DIAGNOSTICS=ON && cmake --build \"$1/build\""

/* --- Paths */

/* @return Whether the path fits. */
static bool join(char path[PATH_MAX], const char *folder, const char *name)
{
    return snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX;
}

static bool has_file(const char *folder, const char *name)
{
    char path[PATH_MAX];
    return join(path, folder, name) && access(path, R_OK) == 0;
}

/* @return Whether `path` is the folder, or lies in it. */
static bool is_within(const char *path, const char *folder)
{
    const size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* @return Allocated, without symbolic links and `..`; NULL: it isn't there, or no memory. */
static char *real_below(const char *folder, const char *name)
{
    char path[PATH_MAX];
    return join(path, folder, name) ? realpath(path, NULL) : NULL;
}

/* --- Build folders of CMake's */

/* @return The folder that was configured, allocated; NULL: it is not known. */
static char *read_source(const char *build_folder)
{
    char path[PATH_MAX], *line = NULL, *found = NULL;
    size_t size = 0;
    FILE *cache = join(path, build_folder, CACHE) ? fopen(path, "re") : NULL;

    while (cache && !found && getline(&line, &size, cache) > 0) {
        if (strncmp(line, SOURCE_KEY, strlen(SOURCE_KEY)) != 0)
            continue;
        line[strcspn(line, "\r\n")] = '\0';
        found = realpath(line + strlen(SOURCE_KEY), NULL);
    }
    free(line);
    if (cache)
        (void)fclose(cache);
    return found;
}

/* Takes a build folder if it is one. @param must_hold  Its sources have to be around this folder;
 * NULL: they may be anywhere. @return Whether it is taken. */
static bool take_folder(struct build_way *way, char *build_folder, const char *must_hold)
{
    char *source = build_folder && has_file(build_folder, CACHE) ? read_source(build_folder) : NULL;
    if (!source || (must_hold && !is_within(must_hold, source))) {
        free(source);
        free(build_folder);
        return false;
    }
    way->build_folder = build_folder;
    way->source_folder = source;
    return true;
}

/* Of several, as presets make them (build/debug, build/release), that which was configured last. */
static char *newest_below(const char *folder)
{
    char *newest = NULL;
    struct timespec newest_at = {0};
    DIR *stream = opendir(folder);

    /* cppcheck-suppress readdirCalled ; on a stream that no other thread has it is safe (glibc) */
    for (const struct dirent *entry; stream && (entry = readdir(stream));) {
        char cache[PATH_MAX], path[PATH_MAX];
        struct stat status;
        if (entry->d_name[0] == '.' || !join(path, folder, entry->d_name) ||
            !join(cache, path, CACHE) || stat(cache, &status) != 0)
            continue;
        if (newest && (status.st_mtim.tv_sec < newest_at.tv_sec ||
                       (status.st_mtim.tv_sec == newest_at.tv_sec &&
                        status.st_mtim.tv_nsec < newest_at.tv_nsec)))
            continue;
        free(newest);
        newest = strdup(path);
        newest_at = status.st_mtim;
    }
    if (stream)
        (void)closedir(stream);
    return newest;
}

static bool find_folder(struct build_way *way, const char *folder)
{
    char build[PATH_MAX];
    if (take_folder(way, real_below(folder, "build"), NULL) ||
        take_folder(way, strdup(folder), NULL) ||
        take_folder(way, real_below(folder, "../build"), folder))
        return true;
    return join(build, folder, "build") && take_folder(way, newest_below(build), NULL);
}

static bool find_sources(struct build_way *way, const char *folder)
{
    static const char *const places[] = {".", ".."};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char *source = real_below(folder, places[i]);
        if (source && has_file(source, "CMakeLists.txt")) {
            way->source_folder = source;
            return true;
        }
        free(source);
    }
    return false;
}

/* --- The command */

/* @return 0, or -1 on no memory. */
static int set(struct build_way *way, const char *text, const char *const *arguments)
{
    way->text = strdup(text);
    if (!way->text)
        return -1;
    for (size_t i = 0; arguments[i]; i++) {
        way->arguments[i] = strdup(arguments[i]);
        if (!way->arguments[i])
            return -1;
    }
    return 0;
}

static int set_command(struct build_way *way, const char *command)
{
    return set(way, command, (const char *const[]){"sh", "-c", command, NULL});
}

static int set_cmake(struct build_way *way)
{
    char text[PATH_MAX + sizeof "cmake --build "];
    (void)snprintf(text, sizeof text, "cmake --build %s", way->build_folder);
    return set(way, text, (const char *const[]){"cmake", "--build", way->build_folder, NULL});
}

static int set_first_cmake(struct build_way *way)
{
    char text[PATH_MAX + sizeof "cmake -B /build, then cmake --build"];
    if (asprintf(&way->build_folder, "%s/build", way->source_folder) < 0) {
        way->build_folder = NULL;
        return -1;
    }
    (void)snprintf(text, sizeof text, "cmake -B %s/build, then cmake --build", way->source_folder);
    return set(
        way, text,
        (const char *const[]){"sh", "-c", CONFIGURE_AND_BUILD, "sh", way->source_folder, NULL});
}

int build_find(const char *folder, const struct config_watch *watch, struct build_way *way)
{
    *way = (struct build_way){0};
    if (watch->build)
        return set_command(way, watch->build);
    if (find_folder(way, folder))
        return set_cmake(way);
    if (find_sources(way, folder))
        return set_first_cmake(way);
    return 0;
}

void build_finish(struct build_way *way)
{
    for (size_t i = 0; i < sizeof way->arguments / sizeof way->arguments[0]; i++)
        free(way->arguments[i]);
    free(way->text);
    free(way->build_folder);
    free(way->source_folder);
    *way = (struct build_way){0};
}
