/* The command line of `toni bench`; see plan.h. What it can't hold together is checked in checks.c.
 */
#include "command/options.h"

#include "base/clock.h"
#include "client/mark.h"
#include "client/pending.h"
#include "command/checks.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2

enum key {
    CONNECTIONS = 'c',
    DURATION = 'd',
    EVENT = 'e',
    FORMAT = 'f',
    HEADER = 'H',
    MESSAGE = 'm',
    OUTSTANDING = 'o',
    RATE = 'r',
    SIZE = 's',
    THREADS = 't',
    ROOMS = 256,
    PUBLISHERS,
    SLOW,
    SLOW_RATE,
    CONNECT_RATE,
    HANDSHAKES,
    JOIN,
    DATA,
    OTHERS,
    BINARY_MESSAGES,
    WARM_UP,
    TIMEOUT,
    TOKEN,
    SUBPROTOCOL,
    AUTHORITIES,
    INSECURE,
    SOURCE,
};

static const struct argp_option known[] = {
    {0, 0, 0, 0, "Who connects", 1},
    {"connections", CONNECTIONS, "N", 0, "Connections (50)", 1},
    {"connect-rate", CONNECT_RATE, "N", 0,
     "How many are opened a second (as fast as they are answered, 64 at a time)", 1},
    {"rooms", ROOMS, "N", 0,
     "Deal them to so many rooms; a message is for all of its room. Without: each sends and gets "
     "its own",
     1},
    {"publishers", PUBLISHERS, "N", 0,
     "How many of them send (all; with --rooms one for each room)", 1},
    {"slow", SLOW, "SHARE", 0, "Those that do not read while the others are measured, such as 10%",
     1},
    {"slow-rate", SLOW_RATE, "BYTES", 0, "They do read, but so many bytes a second", 1},
    {"handshakes", HANDSHAKES, 0, 0,
     "Send nothing: open and close connections, as many at a time as --connections says, or "
     "--connect-rate a second",
     1},
    {0, 0, 0, 0,
     "What is sent. {message} is a text of --size bytes that can be told from all others, {room} "
     "the room, {client} and {number} count connections, and the messages of each, from 0",
     2},
    {"size", SIZE, "BYTES", 0, "Of {message}: 34 at least (64)", 2},
    {"message", MESSAGE, "TEXT", 0, "({message}; with --rooms msg:{room}:{message})", 2},
    {"join", JOIN, "TEXT", 0, "Sent once by each, before (with --rooms join:{room})", 2},
    {"event", EVENT, "NAME", 0, "Send events (toni/events.h): {\"event\":NAME,\"id\":…}", 2},
    {"data", DATA, "JSON", 0, "The event's `data`", 2},
    {"others", OTHERS, 0, 0, "With --rooms and --rate: who sends does not get it back", 2},
    {"binary", BINARY_MESSAGES, 0, 0, "Send binary messages", 2},
    {0, 0, 0, 0, "How much, and for how long", 3},
    {"rate", RATE, "N", 0,
     "Messages a second of all together, whatever has come back. Latencies count from when a "
     "message was due",
     3},
    {"outstanding", OUTSTANDING, "N", 0,
     "Or: as fast as the answers come, each with so many messages unanswered (1)", 3},
    {"duration", DURATION, "TIME", 0, "How long it is measured: 10, 500ms, 2m (10s)", 3},
    {"warm-up", WARM_UP, "TIME", 0, "How long before that it goes on unmeasured (1s)", 3},
    {"timeout", TIMEOUT, "TIME", 0, "After which an answer is not waited for any more (5s)", 3},
    {"threads", THREADS, "N", 0, "Threads that do all this (1)", 3},
    {0, 0, 0, 0, "How to connect", 4},
    {"header", HEADER, "FIELD", 0, "A field of the handshake, such as 'Origin: https://a.example'",
     4},
    {"token", TOKEN, "TOKEN", 0, "Authorization: Bearer TOKEN; @FILE: the first line of a file", 4},
    {"subprotocol", SUBPROTOCOL, "NAME", 0, "Asked for, and expected", 4},
    {"ca", AUTHORITIES, "FILE", 0, "Of wss://: whose certificates are trusted (the system's)", 4},
    {"insecure", INSECURE, 0, 0, "Of wss://: take any certificate", 4},
    {"source", SOURCE, "ADDRESS", 0,
     "Connect from this address; several are taken in turn, since each has 28,000 ports or so", 4},
    {0, 0, 0, 0, "What is printed", 5},
    {"format", FORMAT, "FORMAT", 0, "text (the default) or json", 5},
    {0},
};

/* --- Values */

_Noreturn static void stop(struct argp_state *state)
{
    argp_failure(state, EXIT_FAILURE, 0, "no memory");
    exit(EXIT_FAILURE);
}

static uint64_t whole(struct argp_state *state, const char *text, uint64_t least, uint64_t most)
{
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || number < least || number > most)
        argp_error(state, "`%s` is not a number from %llu to %llu", text, (unsigned long long)least,
                   (unsigned long long)most);
    return number;
}

static uint32_t count(struct argp_state *state, const char *text, uint32_t most)
{
    return (uint32_t)whole(state, text, 1, most);
}

static double rate(struct argp_state *state, const char *text)
{
    char *end;
    const double number = strtod(text, &end);
    if (end == text || *end || !(number >= 0.001 && number <= 1e8))
        argp_error(state, "`%s` is not a number of times a second, from 0.001 to 100000000", text);
    return number;
}

/* 10%, or 0.1. */
static double share(struct argp_state *state, const char *text)
{
    char *end;
    double number = strtod(text, &end);
    if (*end == '%')
        number /= 100, end++;
    if (end == text || *end || !(number >= 0 && number <= 1))
        argp_error(state, "`%s` is not a share from 0%% to 100%%", text);
    return number;
}

static uint64_t time_ns(struct argp_state *state, const char *text)
{
    static const struct {
        const char *unit;
        double s;
    } units[] = {{"", 1}, {"s", 1}, {"ms", 1e-3}, {"m", 60}, {"h", 3600}};
    char *end;
    const double number = strtod(text, &end);
    for (size_t i = 0; end != text && i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].unit) == 0 && number >= 0 && number * units[i].s <= 86400)
            return (uint64_t)(number * units[i].s * (double)NS_PER_S);
    }
    argp_error(state, "`%s` is not a time up to a day, such as 10, 500ms or 2m", text);
    return 0;
}

/* @return Allocated. */
static char *read_token(struct argp_state *state, const char *text)
{
    char *token = NULL;
    size_t capacity = 0;
    if (*text != '@')
        return strdup(text);
    FILE *file = fopen(text + 1, "re");
    if (!file || getline(&token, &capacity, file) <= 0)
        argp_error(state, "no token can be read from %s: %s", text + 1, strerror(errno));
    else
        token[strcspn(token, "\r\n")] = '\0';
    if (file)
        (void)fclose(file);
    return token;
}

static void add_field(struct argp_state *state, struct plan *plan, const char *name,
                      const char *value)
{
    char *more;
    if (!*name || strspn(name, CHECKS_TOKEN) != strlen(name) || strpbrk(value, "\r\n"))
        argp_error(state, "`%s: %s` is not a field such as 'Name: value'", name, value);
    if (asprintf(&more, "%s%s: %s\r\n", plan->fields ? plan->fields : "", name, value) < 0)
        stop(state);
    free(plan->fields);
    plan->fields = more;
}

static void add_header(struct argp_state *state, struct plan *plan, const char *text)
{
    const char *colon = strchr(text, ':');
    char *name = strndup(text, colon ? (size_t)(colon - text) : 0);
    if (!name)
        stop(state);
    add_field(state, plan, name, colon ? colon + 1 + strspn(colon + 1, " \t") : text);
    free(name);
}

static void add_token(struct argp_state *state, struct plan *plan, const char *text)
{
    char *value, *token = read_token(state, text);
    if (!token || asprintf(&value, "Bearer %s", token) < 0)
        stop(state);
    add_field(state, plan, "Authorization", value);
    free(token);
    free(value);
}

static void set_format(struct argp_state *state, struct plan *plan, const char *name)
{
    plan->json = strcmp(name, "json") == 0;
    if (!plan->json && strcmp(name, "text") != 0)
        argp_error(state, "unknown format: %s; it is one of text, json", name);
}

/* --- Options */

static error_t read_who(int key, char *text, struct argp_state *state, struct options *options)
{
    struct plan *plan = options->plan;
    switch (key) {
    case CONNECTIONS:
        plan->connections = count(state, text, CHECKS_CONNECTIONS_MAX);
        return 0;
    case CONNECT_RATE:
        plan->connect_rate = rate(state, text);
        return 0;
    case ROOMS:
        plan->rooms = count(state, text, CHECKS_CONNECTIONS_MAX);
        return 0;
    case PUBLISHERS:
        plan->publishers = count(state, text, CHECKS_CONNECTIONS_MAX);
        return 0;
    case SLOW:
        options->slow = share(state, text);
        return 0;
    case SLOW_RATE:
        plan->slow_rate = whole(state, text, 10, UINT32_MAX);
        return 0;
    case HANDSHAKES:
        plan->handshakes = true;
        return 0;
    case THREADS:
        plan->threads = count(state, text, 256);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t read_what(int key, char *text, struct argp_state *state, struct options *options)
{
    struct plan *plan = options->plan;
    switch (key) {
    case SIZE:
        plan->size = (uint32_t)whole(state, text, MARK_SIZE, CHECKS_SIZE_MAX);
        return 0;
    case MESSAGE:
        options->message = text;
        return 0;
    case JOIN:
        options->join = text;
        return 0;
    case EVENT:
        options->event = text;
        return 0;
    case DATA:
        options->data = text;
        return 0;
    case OTHERS:
        plan->others = true;
        return 0;
    case BINARY_MESSAGES:
        plan->binary = true;
        return 0;
    case RATE:
        plan->rate = rate(state, text);
        return 0;
    case OUTSTANDING:
        plan->outstanding = count(state, text, PENDING_MAX);
        return 0;
    case DURATION:
        plan->duration_ns = time_ns(state, text);
        return 0;
    case WARM_UP:
        plan->warm_up_ns = time_ns(state, text);
        return 0;
    case TIMEOUT:
        plan->timeout_ns = time_ns(state, text);
        return 0;
    case FORMAT:
        set_format(state, plan, text);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t read_how(int key, char *text, struct argp_state *state, struct options *options)
{
    struct plan *plan = options->plan;
    const char *wrong;
    switch (key) {
    case HEADER:
        add_header(state, plan, text);
        return 0;
    case TOKEN:
        add_token(state, plan, text);
        return 0;
    case SUBPROTOCOL:
        options->subprotocol = text;
        return 0;
    case AUTHORITIES:
        plan->authorities = text;
        return 0;
    case INSECURE:
        plan->takes_any = true;
        return 0;
    case SOURCE:
        wrong = target_add_source(&options->sources, text);
        if (wrong)
            argp_error(state, "--source=%s: %s", text, wrong);
        return 0;
    case ARGP_KEY_ARG:
        if (plan->url_text)
            argp_error(state, "unexpected argument: %s", text);
        plan->url_text = text;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t read_option(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;
    if (key == ARGP_KEY_END) {
        const char *wrong = checks_run(options);
        if (wrong)
            argp_error(state, "%s", wrong);
        return 0;
    }
    if (read_who(key, text, state, options) == 0 || read_what(key, text, state, options) == 0)
        return 0;
    return read_how(key, text, state, options);
}

void plan_read(struct plan *plan, int argc, char **argv)
{
    static const struct argp parser = {
        .options = known,
        .parser = read_option,
        .args_doc = "[URL]",
        .doc =
            "Loads a gateway with connections that send messages and wait for what comes of them, "
            "and "
            "prints how many and how fast; and whether something was lost, doubled, out of order "
            "or "
            "damaged, or refused. Says when it was the limit itself."
            "\v"
            "URL is ws://HOST:PORT/PATH, wss://… or unix:/SOCKET:/PATH; without one it is the echo "
            "gateway of a host on this machine, ws://127.0.0.1:9000/echo, or with --rooms "
            "/rooms.\n\n"
            "Exit status: 0 all is right, 1 something was wrong or could not be measured, 2 a bad "
            "command line.",
    };
    struct options options = {.plan = plan};
    *plan = (struct plan){
        .connections = 50,
        .threads = 1,
        .size = 64,
        .duration_ns = 10 * (uint64_t)NS_PER_S,
        .warm_up_ns = UINT64_MAX,
        .timeout_ns = 5 * (uint64_t)NS_PER_S,
    };
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&parser, argc, argv, 0, NULL, &options);
}
