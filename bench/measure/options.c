/* The command line; see options.h. */
#include "measure/options.h"

#include "client/mark.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>

enum key {
    PORT = 'p',
    PID = 256,
    TLS,
    WS_PATH,
    INIT,
    INIT_MS,
    JOIN,
    PUBLISH,
    IGNORED,
    BINARY_MESSAGES,
    CONNECTIONS,
    ROOMS,
    SLOW,
    IDLE,
    IDLE_JOINS,
    IDLE_SHARE,
    PUBLISHERS,
    MESSAGES,
    WARM_UP,
    SIZE,
    WINDOW,
    AHEAD,
    AHEAD_SIZE,
    HANDSHAKES,
    RATE,
    BURST,
    OTHERS,
    SETTLE,
    PATIENCE,
    GATE,
};

static const struct argp_option known[] = {
    {"port", PORT, "PORT", 0,
     "Where the server listens, on 127.0.0.1; of several, each room has members on all", 0},
    {"pid", PID, "PID", 0,
     "The server's process, whose time and memory are read; of several, their sums", 0},
    {"tls", TLS, 0, 0, "Speak TLS 1.3 to it, whatever its certificate", 0},
    {0, 0, 0, 0, "How to speak to it ({room}, {message}, {size} of the message; \\r and \\n)", 1},
    {"path", WS_PATH, "TEMPLATE", 0, "Path of the handshake (/rooms)", 1},
    {"init", INIT, "TEMPLATE", 0, "Sent first by each connection", 1},
    {"init-ms", INIT_MS, "MS", 0, "How long to wait after that", 1},
    {"join", JOIN, "TEMPLATE", 0, "Joins a room (join:{room}); empty: nothing is sent", 1},
    {"publish", PUBLISH, "TEMPLATE", 0, "Publishes a message (msg:{room}:{message})", 1},
    {"ignored", IGNORED, "TEMPLATE", 0,
     "What the server takes and nobody gets ({message}); see --ahead", 1},
    {"binary", BINARY_MESSAGES, 0, 0, "Send binary messages", 1},
    {0, 0, 0, 0, "Who is there", 2},
    {"connections", CONNECTIONS, "N", 0, "Connections (100), dealt to the rooms in turn", 2},
    {"rooms", ROOMS, "N", 0, "Rooms (1)", 2},
    {"slow", SLOW, "N", 0, "How many of them read nothing while messages are published", 2},
    {"idle", IDLE, "N", 0, "Connections that stand by", 2},
    {"idle-joins", IDLE_JOINS, "N", 0, "How many rooms each of those joins", 2},
    {"idle-share", IDLE_SHARE, "N", 0, "How many members such a room has (1)", 2},
    {0, 0, 0, 0, "What is published", 3},
    {"publishers", PUBLISHERS, "N", 0, "How many of the connections publish, in turn (1)", 3},
    {"messages", MESSAGES, "N", 0, "Messages in all (1000)", 3},
    {"warm-up", WARM_UP, "N", 0, "Messages before those, not measured (a tenth)", 3},
    {"size", SIZE, "BYTES", 0, "Of a message (64)", 3},
    {"window", WINDOW, "N", 0, "Deliveries outstanding at most (2000)", 3},
    {"ahead", AHEAD, "N", 0,
     "Ignored messages before each message, whose delivery so tells that the server took them (0)",
     3},
    {"ahead-size", AHEAD_SIZE, "BYTES", 0, "Of an ignored message (20)", 3},
    {"handshakes", HANDSHAKES, 0, 0,
     "Publish nothing: open and close as many connections as there are messages, a window of them "
     "at a time",
     3},
    {"burst", BURST, 0, 0,
     "Stop the server, fill the window, let it go on: so it always has as much to do in one turn",
     3},
    {"others", OTHERS, 0, 0, "A message is for the others: its publisher does not get it back", 3},
    {"rate", RATE, "N", 0,
     "Messages a second, instead of a window; latency then counts from when a message was due. Of "
     "handshakes: so many a second, still a window of them at most",
     3},
    {0, 0, 0, 0, "How to measure", 4},
    {"settle-ms", SETTLE, "MS", 0, "Silence after which all have joined (300)", 4},
    {"patience-ms", PATIENCE, "MS", 0, "Silence after which nothing more will come (5000)", 4},
    {"gate", GATE, 0, 0,
     "Print a line before the measured window, behind it and before disconnecting, and wait for a "
     "line on stdin each "
     "time",
     4},
    {0},
};

static uint64_t number_of(struct argp_state *state, const char *text, uint64_t most)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || number > most)
        argp_error(state, "`%s` is not a number from 0 to %llu", text, (unsigned long long)most);
    return number;
}

static uint32_t count_of(struct argp_state *state, const char *text)
{
    return (uint32_t)number_of(state, text, 1000000000);
}

static double rate_of(struct argp_state *state, const char *text)
{
    char *end;
    double rate = strtod(text, &end);
    if (end == text || *end || !(rate > 0 && rate < 1e9))
        argp_error(state, "`%s` is not a rate", text);
    return rate;
}

/* @return The place for one more. */
static uint32_t next_server(struct argp_state *state, uint32_t *count)
{
    if (*count == SERVERS_MAX)
        argp_error(state, "there can be %u servers at most", SERVERS_MAX);
    return (*count)++;
}

static error_t read_server(int key, char *text, struct argp_state *state, struct options *options)
{
    switch (key) {
    case PORT:
        options->ports[next_server(state, &options->port_count)] =
            (uint16_t)number_of(state, text, UINT16_MAX);
        return 0;
    case PID:
        options->pids[next_server(state, &options->pid_count)] =
            (pid_t)number_of(state, text, INT32_MAX);
        return 0;
    case TLS:
        options->tls = true;
        return 0;
    case WS_PATH:
        options->path = text;
        return 0;
    case INIT:
        options->init = text;
        return 0;
    case INIT_MS:
        options->init_ms = number_of(state, text, 60000);
        return 0;
    case JOIN:
        options->join = text;
        return 0;
    case PUBLISH:
        options->publish = text;
        return 0;
    case IGNORED:
        options->ignored = text;
        return 0;
    case BINARY_MESSAGES:
        options->binary = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static uint32_t *count_option(int key, struct options *options)
{
    switch (key) {
    case CONNECTIONS:
        return &options->connections;
    case ROOMS:
        return &options->rooms;
    case SLOW:
        return &options->slow;
    case IDLE:
        return &options->idle;
    case IDLE_JOINS:
        return &options->idle_joins;
    case IDLE_SHARE:
        return &options->idle_share;
    case PUBLISHERS:
        return &options->publishers;
    case MESSAGES:
        return &options->messages;
    case WARM_UP:
        return &options->warm_up;
    case SIZE:
        return &options->size;
    case WINDOW:
        return &options->window;
    case AHEAD:
        return &options->ahead;
    case AHEAD_SIZE:
        return &options->ahead_size;
    default:
        return NULL;
    }
}

static error_t read_measure(int key, const char *text, struct argp_state *state,
                            struct options *options)
{
    switch (key) {
    case BURST:
        options->burst = true;
        return 0;
    case OTHERS:
        options->others = true;
        return 0;
    case HANDSHAKES:
        options->handshakes = true;
        return 0;
    case RATE:
        options->rate = rate_of(state, text);
        return 0;
    case SETTLE:
        options->settle_ms = number_of(state, text, 60000);
        return 0;
    case PATIENCE:
        options->patience_ms = number_of(state, text, 600000);
        return 0;
    case GATE:
        options->gate = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void check(const struct options *options, struct argp_state *state)
{
    const char *wrong = NULL;
    if (options->port_count == 0)
        wrong = "--port is missing";
    else if (options->rooms == 0 || options->rooms >= MARK_ROOMS_MAX ||
             options->connections < options->rooms)
        wrong = "there must be a room, and a connection for each";
    else if (options->publishers == 0 || options->publishers > options->connections ||
             options->publishers / options->rooms >= MARK_PUBLISHERS_MAX)
        wrong = "there must be a publisher, and not more of them than connections";
    else if (options->slow > options->connections - options->publishers)
        wrong = "a publisher can't be slow";
    else if (options->size < MARK_SIZE)
        wrong = "a message must have room for its mark";
    else if (options->burst && options->pid_count == 0)
        wrong = "--burst needs --pid";
    else if (options->idle_share == 0 || options->window == 0)
        wrong = "--idle-share and --window can't be 0";
    if (wrong)
        argp_error(state, "%s", wrong);
}

static error_t read_option(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;
    uint32_t *count = count_option(key, options);
    if (count) {
        *count = count_of(state, text);
        return 0;
    }
    if (key == ARGP_KEY_END) {
        if (options->warm_up == UINT32_MAX)
            options->warm_up = options->messages / 10;
        check(options, state);
        return 0;
    }
    if (read_server(key, text, state, options) == 0)
        return 0;
    return read_measure(key, text, state, options);
}

void options_read(struct options *options, int argc, char **argv)
{
    static const struct argp parser = {
        .options = known,
        .parser = read_option,
        .doc = "Loads a WebSocket server that has rooms, checks all that comes back, and prints "
               "what it cost, as JSON. "
               "The exit code is 3 if something was lost, doubled, out of order or damaged.",
    };
    *options = (struct options){
        .path = "/rooms",
        .join = "join:{room}",
        .publish = "msg:{room}:{message}",
        .ignored = "{message}",
        .connections = 100,
        .rooms = 1,
        .idle_share = 1,
        .publishers = 1,
        .messages = 1000,
        .warm_up = UINT32_MAX,
        .size = 64,
        .window = 2000,
        .ahead_size = 20,
        .settle_ms = 300,
        .patience_ms = 5000,
    };
    argp_parse(&parser, argc, argv, 0, NULL, options);
}
