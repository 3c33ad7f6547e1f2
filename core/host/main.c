/* The program: its command line. */
#include "base/log.h"
#include "host/graph_report.h"
#include "host/loading.h"
#include "host/run.h"

#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char default_config[] = "./gateways.conf";

static const char overview[] =
    "Usage: toni COMMAND [OPTION...]\n"
    "A host for WebSocket gateways and services that are loaded as shared objects.\n"
    "\n"
    "  run      reads gateways.conf and serves until SIGINT or SIGTERM\n"
    "  check    reads gateways.conf, loads its plugins, prints all faults, starts nothing\n"
    "  version  prints the version\n"
    "\n"
    "`toni COMMAND --help` tells more.\n"
    "\n"
    "Exit status: 0 clean, 1 a fault while running, 2 a bad command line or configuration.\n";

/* --- Commands */

typedef int graph_printer(const struct graph *graph, FILE *out);

struct arguments {
    const char *config_path;
    graph_printer *print;
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
    if (strcmp(name, "text") == 0) {
        arguments->print = graph_print_text;
    } else if (strcmp(name, "json") == 0) {
        arguments->print = graph_print_json;
    } else {
        argp_error(state, "unknown format: %s; it is one of text, json", name);
        return EINVAL;
    }
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
        return set_log_level(value, state);
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument: %s", value);
        return EINVAL;
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
    {0},
};

static const struct argp_option check_options[] = {
    CONFIG_OPTION,
    {.name = "format",
     .key = 'f',
     .arg = "FORMAT",
     .doc = "How to print what came out: text (the default) or json"},
    {0},
};

static enum exit_code run(const struct arguments *arguments)
{
    return host_run(arguments->config_path);
}

static enum exit_code check(const struct arguments *arguments)
{
    struct loading loading;
    enum exit_code code = EXIT_USAGE;
    (void)signal(SIGPIPE, SIG_IGN); /* a reader that goes away must not leave the copies behind */
    if (!loading_init(&loading, arguments->config_path)) {
        code = EXIT_CLEAN;
        if (arguments->print(loading.graph, stdout)) {
            (void)fputs("toni check: what was found could not be printed\n", stderr);
            code = EXIT_FAULT;
        }
    }
    loading_finish(&loading);
    return code;
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
};

static const struct command commands[] = {
    {"run",
     {.options = run_options,
      .parser = parse_option,
      .doc = "Reads gateways.conf, loads its plugins, and serves until SIGINT or SIGTERM; a second "
             "signal ends at once. The log goes to stderr."},
     run},
    {"check",
     {.options = check_options,
      .parser = parse_option,
      .doc =
          "Reads gateways.conf, loads its plugins, and prints all faults with file and line, or, "
          "if there is none, what came out: modules, instances in the order in which they "
          "start, and who gets what from whom. Starts nothing."},
     check},
    {"version", {.parser = parse_no_option, .doc = "Prints the version."}, version},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

int main(int count, char **arguments)
{
    const char *name = count > 1 ? arguments[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-?") == 0 || strcmp(name, "help") == 0) {
        (void)fputs(overview, stdout);
        return EXIT_CLEAN;
    }
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct command *command = find_command(name);
    if (!command) {
        if (*name)
            (void)fprintf(stderr, "toni: unknown command: %s\n\n", name);
        (void)fputs(overview, stderr);
        return EXIT_USAGE;
    }
    char program[32];
    (void)snprintf(program, sizeof program, "toni %s", command->name);
    arguments[1] = program; /* what argp calls the program in its messages */
    argp_err_exit_status = EXIT_USAGE;
    struct arguments parsed = {.config_path = default_config, .print = graph_print_text};
    argp_parse(&command->argp, count - 1, arguments + 1, 0, NULL, &parsed);
    return (int)command->call(&parsed);
}
