/* `toni new`; see new_command.h. The commands that it ends with are the ones that work from where
 * it was called: with this program, which may not be the `toni` of PATH, and with the SDK beside
 * it. */
#include "host/new_command.h"

#include "base/utf8.h"
#include "host/program_folder.h"
#include "new/name.h"
#include "new/project.h"

#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KIND = 256, EVENTS, LANGUAGE, DIR }; /* options without a letter */

static const struct argp_option options[] = {
    {.name = "kind",
     .key = KIND,
     .arg = "KIND",
     .doc = "gateway (the default), which answers WebSocket clients, or service, which answers "
            "HTTP requests"},
    {.name = "events",
     .key = EVENTS,
     .doc = "For a gateway: its messages are events in JSON, found by their names"},
    {.name = "language", .key = LANGUAGE, .arg = "LANGUAGE", .doc = "c (the default), or c++"},
    {.name = "dir",
     .key = DIR,
     .arg = "DIR",
     .doc = "The project's folder, which is made, or is empty (default: NAME)"},
    {0},
};

static error_t set_kind(const char *kind, struct project *project, struct argp_state *state)
{
    if (strcmp(kind, "gateway") != 0 && strcmp(kind, "service") != 0)
        argp_error(state, "unknown kind: %s; it is one of gateway, service", kind);
    project->is_service = strcmp(kind, "service") == 0;
    return 0;
}

static error_t set_language(const char *language, struct project *project, struct argp_state *state)
{
    if (strcmp(language, "c") != 0 && strcmp(language, "c++") != 0)
        argp_error(state, "unknown language: %s; it is one of c, c++", language);
    project->is_cxx = strcmp(language, "c++") == 0;
    return 0;
}

static error_t set_folder(const char *folder, struct project *project, struct argp_state *state)
{
    const size_t length = strlen(folder);
    if (length == 0 || !utf8_valid(folder, length) || utf8_has_control(folder, length))
        argp_error(state, "--dir is empty, or no text in UTF-8 without control characters");
    project->folder = folder;
    return 0;
}

/* Once all is known. */
static error_t check(const struct project *project, struct argp_state *state)
{
    if (!project->name)
        argp_error(state, "no name is given; expected that of the project, such as board");
    if (project->is_service && project->has_events)
        argp_error(state, "events are messages of WebSocket clients, which come to gateways alone: "
                          "leave out --events, or --kind service");
    return 0;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct project *project = state->input;
    switch (key) {
    case KIND:
        return set_kind(value, project, state);
    case EVENTS:
        project->has_events = true;
        return 0;
    case LANGUAGE:
        return set_language(value, project, state);
    case DIR:
        return set_folder(value, project, state);
    case ARGP_KEY_ARG:
        if (project->name)
            argp_error(state, "unexpected argument: %s", value);
        project->name = value;
        return 0;
    case ARGP_KEY_END:
        return check(project, state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp command_line = {
    .options = options,
    .parser = parse,
    .args_doc = "NAME",
    .doc =
        "Writes a project of its own: a gateway or a service, its test, a gateways.conf that "
        "serves "
        "it, and what CMake, git and editors need; then prints the commands that build, test and "
        "run it. Nothing that is there is overwritten.\v"
        "NAME has lower-case letters, digits and `_`, begins with a letter, has 40 bytes at most, "
        "and is no keyword of C or C++ and no header of the standard library's.",
};

/* --- What comes next */

/* @return Whether `toni` in a shell is the one in this folder. */
static bool is_on_path(const char *folder)
{
    const char *path = getenv("PATH");
    bool is_found = false, is_here = false;
    while (path && *path && !is_found) {
        const size_t length = strcspn(path, ":");
        char *program, *real = NULL;
        if (asprintf(&program, "%.*s/toni", length ? (int)length : 1, length ? path : ".") < 0)
            return false;
        is_found = access(program, X_OK) == 0;
        *strrchr(program, '/') = '\0';
        if (is_found)
            real = realpath(program, NULL);
        is_here = real && strcmp(real, folder) == 0;
        free(real);
        free(program);
        path += length + (path[length] == ':');
    }
    return is_here;
}

/* Prints a word as a shell reads it. */
static void print_word(const char *word)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+,:@%";
    if (word[strspn(word, plain)] == '\0') {
        (void)fputs(word, stdout);
        return;
    }
    (void)putchar('\'');
    for (; *word; word++) {
        if (*word == '\'')
            (void)fputs("'\\''", stdout);
        else
            (void)putchar(*word);
    }
    (void)putchar('\'');
}

/* A build folder has the program and the templates, but nothing that CMake finds. */
static void print_install(const char *prefix)
{
    (void)fputs("This toni is not installed, so CMake does not find it. First:\n\n"
                "  cmake --install ",
                stdout);
    print_word(prefix);
    (void)fputs(" --prefix \"$HOME/toni\"\n"
                "  export PATH=\"$HOME/toni/bin:$PATH\"\n\nThen:\n\n",
                stdout);
}

static void print_commands(const struct project *project, const char *bin, const char *prefix,
                           bool is_plain)
{
    (void)printf("  cd %s", project->folder[0] == '-' ? "./" : "");
    print_word(project->folder);
    (void)printf("\n  cmake -B build");
    if (!is_plain) {
        (void)printf(" -D CMAKE_PREFIX_PATH=");
        print_word(prefix);
    }
    (void)printf("\n  cmake --build build\n  ctest --test-dir build\n  ");
    if (!is_plain) {
        print_word(bin);
        (void)putchar('/');
    }
    /* Who is root is so on purpose, such as in a container. */
    (void)printf("toni run%s --watch\n\n", geteuid() == 0 ? " --allow-root" : "");
}

static void print_next(const struct project *project)
{
    char *bin = program_folder(".");
    char *prefix = program_folder(TONI_PREFIX_FROM_BIN);
    char *package = program_folder(TONI_PREFIX_FROM_BIN "/" TONI_PACKAGE);
    (void)printf("%s: a %s in %s, in the folder %s. What comes next:\n\n", project->name,
                 project->is_service ? "service" : "gateway", project->is_cxx ? "C++" : "C",
                 project->folder);
    if (bin && prefix && package) {
        const bool is_installed = access(package, F_OK) == 0;
        if (!is_installed)
            print_install(prefix);
        print_commands(project, bin, prefix, !is_installed || is_on_path(bin));
    }
    if (project->is_service) {
        (void)printf("It answers at http://127.0.0.1:9001/%s?name=Anna then.", project->name);
    } else {
        (void)printf("It answers at ws://127.0.0.1:9000/%s then; a page to try it is at "
                     "http://127.0.0.1:9001/.",
                     project->name);
    }
    (void)printf(" README.md says what each file is.\n");
    free(package);
    free(prefix);
    free(bin);
}

/* --- The command */

static void complain(const struct buffer *fault)
{
    (void)fprintf(stderr, "toni new: %.*s\n", (int)fault->length, fault->bytes ? fault->bytes : "");
}

static enum exit_code write_project(const struct project *project, struct buffer *fault)
{
    char *templates = program_folder(TONI_PREFIX_FROM_BIN "/" TONI_TEMPLATES);
    const enum project_result result =
        templates ? project_write(project, templates, fault) : PROJECT_FAILED;
    free(templates);
    if (result != PROJECT_WRITTEN) {
        complain(fault);
        return result == PROJECT_REFUSED ? EXIT_USAGE : EXIT_FAULT;
    }
    print_next(project);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_CLEAN;
    (void)fprintf(stderr, "toni new: the project is written, but what comes next could not be "
                          "printed; README.md says it, too\n");
    return EXIT_FAULT;
}

/* So that a link is seen as one. @return Allocated; NULL on no memory. */
static char *without_end_slashes(const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    return strndup(path, length);
}

enum exit_code new_command(int count, char **arguments)
{
    struct project project = {0};
    struct buffer fault;
    static char program[] = "toni new"; /* what argp calls it in its messages */
    arguments[0] = program;
    argp_parse(&command_line, count, arguments, 0, NULL, &project);
    buffer_init(&fault);
    if (project_name_check(project.name, &fault)) {
        complain(&fault);
        buffer_finish(&fault);
        return EXIT_USAGE;
    }
    char *folder = without_end_slashes(project.folder ? project.folder : project.name);
    project.folder = folder;
    /* A file that can't grow, or a reader that is gone, is told by an error. */
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    const enum exit_code code = folder ? write_project(&project, &fault) : EXIT_FAULT;
    free(folder);
    buffer_finish(&fault);
    return code;
}
