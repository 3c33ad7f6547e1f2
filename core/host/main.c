/* The program: its command line. */
#include "base/log.h"
#include "config/name.h"
#include "host/bench_command.h"
#include "host/control_client.h"
#include "host/describe.h"
#include "host/graph_report.h"
#include "host/loading.h"
#include "host/new_command.h"
#include "host/privileges.h"
#include "host/run.h"
#include "net/loop.h"
#include "plugin/trial.h"
#include "watch/watch.h"

#include <argp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char default_config[] = "./gateways.conf";

/* How long a host may take to answer with its status. */
#define STATUS_MS 10000

static const char overview[] =
    "Usage: toni COMMAND [OPTION...]\n"
    "A host for WebSocket gateways and services that are loaded as shared objects.\n"
    "\n"
    "  new      writes a project of its own: a gateway or service, its test, and a host for it\n"
    "  run      reads gateways.conf and serves until SIGINT or SIGTERM\n"
    "  check    reads gateways.conf, loads its plugins, prints all faults, starts nothing\n"
    "  describe shows what a plugin says of itself: its options, and what it needs and offers\n"
    "  status   shows what the running host does\n"
    "  reload   has the running host read gateways.conf again\n"
    "  restart  has the running host replaced by a new one\n"
    "  revoke   has the running host close all clients of a subject, and refuse its tokens\n"
    "  bench    loads a gateway with clients, and says how fast it is and whether all is right\n"
    "  version  prints the version\n"
    "\n"
    "`toni COMMAND --help` tells more.\n"
    "\n"
    "Exit status: 0 clean, 1 a fault while running, 2 a bad command line or configuration.\n";

/* --- Commands */

/* Options without a letter. */
#define ALLOW_ROOT 256
#define WATCH 257
#define OFFLINE 258

struct arguments {
    const char *config_path;
    const char *format;
    const char *file;      /* that is described, or the subject that is revoked */
    const char *log_level; /* NULL: the default */
    bool may_be_root;
    bool is_watched;
    bool is_offline;
};

static error_t set_log_level(const char *name, struct argp_state *state)
{
    int level = log_level_parse(name);
    if (level < 0) {
        argp_error(state, "unknown log level: %s; it is one of debug, info, warn, error", name);
        return EINVAL;
    }
    log_set_level((enum log_level)level);
    return 0;
}

static error_t set_format(const char *name, struct arguments *arguments, struct argp_state *state)
{
    if (strcmp(name, "text") != 0 && strcmp(name, "json") != 0) {
        argp_error(state, "unknown format: %s; it is one of text, json", name);
        return EINVAL;
    }
    arguments->format = name;
    return 0;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'c':
        arguments->config_path = value;
        return 0;
    case 'f':
        return set_format(value, arguments, state);
    case 'l':
        arguments->log_level = value;
        return set_log_level(value, state);
    case ALLOW_ROOT:
        arguments->may_be_root = true;
        return 0;
    case WATCH:
        arguments->is_watched = true;
        return 0;
    case OFFLINE:
        arguments->is_offline = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument: %s; a configuration is named with -c", value);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_described(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'f':
        return set_format(value, arguments, state);
    case 'j':
        arguments->format = "json";
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->file)
            argp_error(state, "unexpected argument: %s", value);
        arguments->file = value;
        return 0;
    case ARGP_KEY_END:
        if (!arguments->file)
            argp_error(state,
                       "no file is given; expected that of a plugin, such as rooms_gateway.so");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_revoked(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'c':
        arguments->config_path = value;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->file)
            argp_error(state, "unexpected argument: %s", value);
        arguments->file = value;
        return 0;
    case ARGP_KEY_END:
        if (!arguments->file)
            argp_error(state, "no subject is given; expected that of a token, such as 'user-17'");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_no_option(int key, char *value, struct argp_state *state)
{
    if (key == ARGP_KEY_ARG)
        argp_error(state, "unexpected argument: %s", value);
    return ARGP_ERR_UNKNOWN;
}

#define FORMAT_OPTION                                                                              \
    {                                                                                              \
        .name = "format", .key = 'f', .arg = "FORMAT",                                             \
        .doc = "How to print what came out: text (the default) or json"                            \
    }

#define CONFIG_OPTION                                                                              \
    {                                                                                              \
        .name = "config", .key = 'c', .arg = "FILE",                                               \
        .doc = "The configuration (default: ./gateways.conf)"                                      \
    }

static const struct argp_option run_options[] = {
    CONFIG_OPTION,
    {.name = "log-level",
     .key = 'l',
     .arg = "LEVEL",
     .doc = "What to log: debug, info (the default), warn or error, and what is worse"},
    {.name = "allow-root",
     .key = ALLOW_ROOT,
     .doc = "If it is started as root, and the configuration has no user, to stay root"},
    {.name = "watch",
     .key = WATCH,
     .doc = "To build the plugins anew when their sources are saved, and swap them while clients "
            "stay connected; for development"},
    {0},
};

static const struct argp_option check_options[] = {
    CONFIG_OPTION,
    FORMAT_OPTION,
    {.name = "offline",
     .key = OFFLINE,
     .doc = "To connect to nothing: without it each server of the cluster's engine is tried"},
    {0},
};

static const struct argp_option status_options[] = {
    CONFIG_OPTION,
    FORMAT_OPTION,
    {0},
};

static const struct argp_option describe_options[] = {
    FORMAT_OPTION,
    {.name = "json", .key = 'j', .doc = "The same as --format=json"},
    {0},
};

static const struct argp_option config_option[] = {
    CONFIG_OPTION,
    {0},
};

static enum exit_code run(const struct arguments *arguments)
{
    const struct watch_plan plan = {
        .config_path = arguments->config_path,
        .log_level = arguments->log_level,
        .may_be_root = arguments->may_be_root,
    };
    if (arguments->is_watched)
        return (enum exit_code)watch_run(&plan);
    return host_run(arguments->config_path, arguments->may_be_root);
}

static int print_graph(const struct graph *graph, const char *format)
{
    return strcmp(format, "json") == 0 ? graph_print_json(graph, stdout)
                                       : graph_print_text(graph, stdout);
}

static enum exit_code check(const struct arguments *arguments)
{
    struct loading loading;
    /* A reader that goes away, or copies that reach a limit, must not leave the copies behind. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    /* Who checks as root sees what the host will be able to read. */
    enum exit_code code = privileges_give_up(arguments->config_path, true, NULL, NULL);
    if (code != EXIT_CLEAN)
        return code;
    code = EXIT_USAGE;
    if (!loading_init(&loading, arguments->config_path,
                      arguments->is_offline ? LOADING_TO_CHECK_OFFLINE : LOADING_TO_CHECK, NULL,
                      NULL)) {
        code = EXIT_CLEAN;
        if (print_graph(loading.graph, arguments->format)) {
            (void)fputs("toni check: what was found could not be printed\n", stderr);
            code = EXIT_FAULT;
        }
    }
    loading_finish(&loading);
    return code;
}

static enum exit_code describe(const struct arguments *arguments)
{
    struct loading loading;
    enum exit_code code = EXIT_USAGE;
    (void)signal(SIGPIPE, SIG_IGN);
    const struct plugin *plugin = loading_describe(&loading, arguments->file);
    if (plugin) {
        const bool is_json = strcmp(arguments->format, "json") == 0;
        code = EXIT_CLEAN;
        if (is_json ? describe_print_json(plugin, stdout) : describe_print_text(plugin, stdout)) {
            (void)fputs("toni describe: what was found could not be printed\n", stderr);
            code = EXIT_FAULT;
        }
    }
    loading_finish(&loading);
    return code;
}

static enum exit_code status(const struct arguments *arguments)
{
    char request[32];
    (void)snprintf(request, sizeof request, "status %s", arguments->format);
    return control_ask(arguments->config_path, request, STATUS_MS);
}

/* These take as long as the hooks of the plugins do. */
static enum exit_code reload(const struct arguments *arguments)
{
    return control_ask(arguments->config_path, "reload", -1);
}

static enum exit_code restart(const struct arguments *arguments)
{
    return control_ask(arguments->config_path, "restart", -1);
}

/* A line of the control socket: longer subjects than that are refused by the host, too. */
#define REVOKE_REQUEST_MAX 512

static enum exit_code revoke_subject(const struct arguments *arguments)
{
    char request[REVOKE_REQUEST_MAX];
    const int size = snprintf(request, sizeof request, "revoke %s", arguments->file);
    if (size < 0 || (size_t)size >= sizeof request || strchr(arguments->file, '\n')) {
        (void)fputs("toni revoke: a subject has 1 to 256 bytes, and no line ends\n", stderr);
        return EXIT_USAGE;
    }
    return control_ask(arguments->config_path, request, STATUS_MS);
}

static enum exit_code version(const struct arguments *arguments)
{
    (void)arguments;
    (void)printf("toni %s (plugin ABI %d.%d)\n", TONI_VERSION, TONI_ABI_MAJOR, TONI_ABI_MINOR);
    return EXIT_CLEAN;
}

struct command {
    const char *name;
    struct argp argp;
    enum exit_code (*call)(const struct arguments *arguments);
    /* Instead of those two: reads its command line itself, which begins with its name. */
    enum exit_code (*take)(int count, char **arguments);
};

static const struct command commands[] = {
    {.name = "new", .take = new_command},
    {"run",
     {.options = run_options,
      .parser = parse_option,
      .doc = "Reads gateways.conf, loads its plugins, and serves until SIGINT or SIGTERM; a second "
             "signal ends at once. The log goes to stderr.\vWith --watch another process watches "
             "the sources: by `watch` of gateways.conf, or those of a CMake build folder beside "
             "it. What the compiler, `toni check` or a swap finds wrong is shown, and what ran "
             "before goes on; a host that crashes or hangs is started anew."},
     run,
     NULL},
    {"check",
     {.options = check_options,
      .parser = parse_option,
      .doc =
          "Reads gateways.conf, loads its plugins, and prints all faults with file and line, or, "
          "if there is none, what came out: modules, instances in the order in which they "
          "start, and who gets what from whom. Starts nothing."},
     check,
     NULL},
    {"describe",
     {.options = describe_options,
      .parser = parse_described,
      .args_doc = "FILE.so",
      .doc =
          "Prints what a plugin says of itself: kind, name, version, what it needs and offers, and "
          "its options with type, range, default and what they are. Another process maps it."},
     describe,
     NULL},
    {"status",
     {.options = status_options,
      .parser = parse_option,
      .doc = "Asks the host that runs with that configuration what it does: state, workers, "
             "clients, and each instance."},
     status,
     NULL},
    {"reload",
     {.options = config_option,
      .parser = parse_option,
      .doc = "Has the host that runs with that configuration read it again, and waits for what "
             "comes of it. With a fault nothing changes, and the host goes on."},
     reload,
     NULL},
    {"restart",
     {.options = config_option,
      .parser = parse_option,
      .doc = "Has the host that runs with that configuration replaced by a new one, which gets its "
             "listening sockets, and waits until that is ready. If it fails, the host goes on."},
     restart,
     NULL},
    {"revoke",
     {.options = config_option,
      .parser = parse_revoked,
      .args_doc = "SUBJECT",
      .doc = "Has the host that runs with that configuration close all clients of a subject, in "
             "all namespaces, and refuse those of its tokens that were issued by now."},
     revoke_subject,
     NULL},
    {.name = "bench", .take = bench_command},
    {"version", {.parser = parse_no_option, .doc = "Prints the version."}, version, NULL},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static void complain_of_command(const char *name)
{
    enum { COUNT = sizeof commands / sizeof *commands };
    const char *names[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        names[i] = commands[i].name;
    const char *near = name_nearest(name, names, COUNT);
    if (near)
        (void)fprintf(stderr, "toni: unknown command: %s; did you mean `%s`?\n\n", name, near);
    else
        (void)fprintf(stderr, "toni: unknown command: %s\n\n", name);
}

/* Where stdin, stdout or stderr is closed, the next descriptor that is opened would be taken for
 * it: the log, or a plugin's printf, would go to a client. */
static void fill_standard_descriptors(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int count, char **arguments)
{
    fill_standard_descriptors();
    loop_guard_memory();
    const char *name = count > 1 ? arguments[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-?") == 0 || strcmp(name, "help") == 0) {
        (void)fputs(overview, stdout);
        return EXIT_CLEAN;
    }
    if (strcmp(name, TRIAL_COMMAND) == 0)
        trial_serve();
    argp_err_exit_status = EXIT_USAGE;
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct command *command = find_command(name);
    if (!command) {
        if (*name)
            complain_of_command(name);
        (void)fputs(overview, stderr);
        return EXIT_USAGE;
    }
    if (command->take)
        return (int)command->take(count - 1, arguments + 1);
    char program[32];
    (void)snprintf(program, sizeof program, "toni %s", command->name);
    arguments[1] = program; /* what argp calls the program in its messages */
    struct arguments parsed = {.config_path = default_config, .format = "text"};
    argp_parse(&command->argp, count - 1, arguments + 1, 0, NULL, &parsed);
    return (int)command->call(&parsed);
}
