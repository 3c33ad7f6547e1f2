/* The program as it was started; see program.h. */
#include "host/program.h"

#include "base/buffer.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#define SELF "/proc/self/exe"
#define DELETED " (deleted)"

/* The path by which it was called: a link on it that leads to another version tomorrow is followed
 * tomorrow. @return Allocated; NULL if that path is not known, or leads elsewhere by now. */
static char *find_called_path(void)
{
    const char *called = (const char *)getauxval(AT_EXECFN); /* NOLINT(performance-no-int-to-ptr) */
    char folder[PATH_MAX];
    char *path = NULL;
    struct stat there, self;
    if (!called || !getcwd(folder, sizeof folder))
        return NULL;
    if (asprintf(&path, "%s%s%s", called[0] == '/' ? "" : folder, called[0] == '/' ? "" : "/",
                 called) < 0)
        return NULL;
    if (stat(path, &there) == 0 && stat(SELF, &self) == 0 && there.st_dev == self.st_dev &&
        there.st_ino == self.st_ino)
        return path;
    free(path);
    return NULL;
}

/* @return Allocated, or NULL. */
static char *find_own_path(void)
{
    char path[PATH_MAX];
    ssize_t length = readlink(SELF, path, sizeof path - 1);
    if (length <= 0)
        return NULL;
    path[length] = '\0';
    /* It was replaced between its start and now. */
    size_t suffix = strlen(DELETED);
    if ((size_t)length > suffix && strcmp(path + length - suffix, DELETED) == 0)
        path[(size_t)length - suffix] = '\0';
    return strdup(path);
}

/* @return Whether all of the file could be read. */
static bool read_file(const char *path, struct buffer *text)
{
    char part[1024];
    ssize_t size;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    while ((size = read(fd, part, sizeof part)) > 0 && !buffer_append(text, part, (size_t)size))
        continue;
    close(fd);
    return size == 0;
}

/* From the kernel: the command line's parser may have changed the order of its own array. */
static int read_arguments(struct program *program)
{
    struct buffer text;
    size_t count = 0;
    buffer_init(&text);
    bool is_read = read_file("/proc/self/cmdline", &text) && text.length > 0;
    program->text = text.bytes;
    for (size_t i = 0; i < text.length; i++)
        count += text.bytes[i] == '\0';
    program->arguments = calloc(count + 1, sizeof *program->arguments);
    if (!is_read || !program->arguments)
        return -1;
    char *argument = program->text;
    for (size_t i = 0; i < count; i++, argument += strlen(argument) + 1)
        program->arguments[i] = argument;
    return 0;
}

static int copy_environment(struct program *program)
{
    size_t count = 0;
    while (environ[count])
        count++;
    program->environment = calloc(count + 1, sizeof *program->environment);
    for (size_t i = 0; i < count && program->environment; i++) {
        program->environment[i] = strdup(environ[i]);
        if (!program->environment[i])
            return -1;
    }
    return program->environment ? 0 : -1;
}

int program_init(struct program *program)
{
    *program = (struct program){.path = find_called_path()};
    if (!program->path)
        program->path = find_own_path();
    return !program->path || read_arguments(program) || copy_environment(program) ? -1 : 0;
}

void program_finish(struct program *program)
{
    for (size_t i = 0; program->environment && program->environment[i]; i++)
        free(program->environment[i]);
    free(program->environment);
    free(program->arguments);
    free(program->text);
    free(program->path);
    *program = (struct program){0};
}
