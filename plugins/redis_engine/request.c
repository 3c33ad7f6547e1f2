/* What the host asks for becomes commands: see request.h. */
#include "request.h"

#include "hex.h"
#include "script.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* How long a server knows a node's clients; each probe renews it. */
#define NODE_LIFE_MS ((uint64_t)24 * 3600 * 1000)

/* How long a server knows what servers hosts name, after the last probe. */
#define LISTS_LIFE_MS ((uint64_t)60000)

/* What a reply to HISTORY has in bodies, about: what is behind that is asked for anew. */
#define HISTORY_BYTES ((uint64_t)4 * 1024 * 1024)

/* How long the room lives that the script is tried with. */
#define TRIAL_LIFE_MS ((uint64_t)10000)

static const toni_str no_name = {NULL, 0};

static toni_str own_name(const struct connection *connection)
{
    return toni_str_make(connection->probe_name, sizeof connection->probe_name);
}

/* A check has keys of its own, beside those of the cluster. */
static toni_str shared_name(const struct connection *connection)
{
    return connection->check ? own_name(connection) : no_name;
}

static uint64_t node_life_ms(const struct connection *connection)
{
    return connection->check ? TRIAL_LIFE_MS : NODE_LIFE_MS;
}

/* --- Parts of commands */

struct command *request_begin(struct connection *connection, toni_str what)
{
    struct command *command = &connection->common->command;
    command_begin(command);
    command_add(command, what);
    return command;
}

static struct command *begin_script(struct connection *connection, const char *script,
                                    uint64_t keys)
{
    struct command *command = request_begin(connection, TONI_LIT("EVAL"));
    command_add(command, toni_str_of(script));
    command_add_number(command, keys);
    command_add_key(command, KEY_SERVER, shared_name(connection));
    return command;
}

static void add_node(struct command *command, uint64_t node)
{
    char name[HEX_DIGITS];
    hex_put(name, HEX_DIGITS, node);
    command_add_key(command, KEY_NODE, toni_str_make(name, sizeof name));
}

static void put(struct connection *connection, struct link *link)
{
    if (command_end(&connection->common->command, &link->outgoing) != 0)
        connection_fail(connection, "there is no memory for a command, or more than `output_size` "
                                    "waits: the server does not read");
}

void request_ask(struct connection *connection, struct waiting waiting)
{
    if (connection_expect(connection, waiting) == 0)
        put(connection, &connection->commands);
}

static void add_word(struct connection *connection, toni_str word)
{
    struct command *command = &connection->common->command;
    const bool is_key = word.size == 1 && word.data[0] >= 'A' && word.data[0] <= 'Z';
    const char kind = (char)(word.data[0] - 'A' + 'a');
    if (!is_key)
        command_add(command, word);
    else if (kind == KEY_NODE)
        add_node(command, connection->node);
    else
        command_add_key(command, kind, own_name(connection));
}

void request_words(struct connection *connection, const char *words, struct waiting waiting)
{
    toni_str rest = toni_str_of(words), word = rest;
    bool has_more = toni_str_split_once(rest, ' ', &word, &rest);
    (void)request_begin(connection, word);
    while (has_more) {
        word = rest;
        has_more = toni_str_split_once(rest, ' ', &word, &rest);
        add_word(connection, word);
    }
    request_ask(connection, waiting);
}

/* --- Publishes, of which several are one command */

/* A coarse clock will do: it tells sixteenths of a room's life apart. */
static uint64_t wall_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000;
}

static bool keeps(const toni_engine_publish *publish)
{
    return publish->keep_messages > 0;
}

static void add_keys(struct connection *connection, char kind)
{
    struct command *command = &connection->common->command;
    const struct batch *batch = &connection->batch;
    uint64_t keys = 1 + batch->count;
    for (size_t i = 0; i < batch->count; i++)
        keys += keeps(&batch->list[i]) ? 1 : 0;
    command_add_number(command, keys);
    command_add_key(command, KEY_SERVER, shared_name(connection));
    for (size_t i = 0; i < batch->count; i++) {
        command_add_key(command, kind, batch->list[i].room);
        if (keeps(&batch->list[i]))
            command_add_key(command, KEY_STREAM, batch->list[i].room);
    }
}

/* A number of 0 may be one that is there. */
static void add_hex_or_nothing(struct command *command, bool is_there, uint64_t number)
{
    if (is_there)
        command_add_hex(command, number, HEX_DIGITS);
    else
        command_add(command, no_name);
}

static void add_publish(struct command *command, const toni_engine_publish *publish,
                        uint64_t life_ms)
{
    const uint64_t keep_ms = (uint64_t)publish->keep_seconds * 1000;
    command_add_hex(command, publish->number, HEX_DIGITS);
    add_hex_or_nothing(command, publish->after != 0, publish->after);
    command_add_hex(command, publish->proposed, HEX_DIGITS);
    add_hex_or_nothing(command, publish->is_repeat, publish->epoch);
    command_add_hex(command, publish->kind, 8);
    command_add(command, publish->body);
    if (keeps(publish)) {
        command_add_number(command, publish->keep_messages);
        command_add_number(command, keep_ms > 0 ? keep_ms : life_ms);
    } else {
        command_add(command, no_name);
        command_add(command, no_name);
    }
}

/* Eight arguments for all of them; for each two keys and eight others. */
static_assert(8 + BATCH_MOST * 10 <= COMMAND_ARGUMENTS_MOST, "a batch is one command");

static void ask_batch(struct connection *connection, char kind, enum waiting_kind waiting)
{
    struct batch *batch = &connection->batch;
    const size_t count = batch->count;
    struct command *command = request_begin(connection, TONI_LIT("EVALSHA"));
    command_add(command, toni_str_make(connection->common->digest, COMMON_DIGEST));
    add_keys(connection, kind);
    command_add_hex(command, batch->list[0].incarnation, HEX_DIGITS);
    command_add_hex(command, batch->list[0].node, HEX_DIGITS);
    command_add_number(command, batch->life_ms);
    command_add_hex(command, wall_ms() / (batch->life_ms / 16), 8);
    for (size_t i = 0; i < count; i++)
        add_publish(command, &batch->list[i], batch->life_ms);
    for (size_t i = 0; i < count; i++) {
        if (connection_expect(connection, (struct waiting){.kind = waiting,
                                                           .count = (uint32_t)(count - i),
                                                           .request = batch->list[i].number}) != 0)
            return;
    }
    put(connection, &connection->commands);
    batch_empty(batch);
}

void request_publishes(struct connection *connection)
{
    if (connection->batch.count > 0)
        ask_batch(connection, KEY_ROOM, WAITING_PUBLISH);
}

void request_publish(struct connection *connection, const toni_engine_publish *publish)
{
    const uint64_t keep_ms = (uint64_t)publish->keep_seconds * 1000;
    const uint64_t least_ms = connection->common->settings->room_life_ms;
    const uint64_t life_ms = keep_ms > least_ms ? keep_ms : least_ms;
    if (!batch_fits(&connection->batch, publish, life_ms)) {
        request_publishes(connection);
        if (!connection->is_connected)
            return;
    }
    if (batch_add(&connection->batch, publish, life_ms) != 0)
        connection_fail(connection, "there is no memory for a publish");
}

/* --- The hello, and what comes before it */

void request_client_id(struct connection *connection)
{
    const uint32_t database = connection->common->settings->database;
    if (database != 0) {
        command_add_number(request_begin(connection, TONI_LIT("SELECT")), database);
        request_ask(connection, (struct waiting){.kind = WAITING_SELECT});
        if (connection->number == 0)
            return;
    }
    command_add(request_begin(connection, TONI_LIT("CLIENT")), TONI_LIT("ID"));
    request_ask(connection, (struct waiting){.kind = WAITING_CLIENT_ID});
}

void request_load(struct connection *connection)
{
    /* Nothing that was published before may be run behind what was not. */
    request_publishes(connection);
    if (connection->number == 0)
        return;
    struct command *command = request_begin(connection, TONI_LIT("SCRIPT"));
    command_add(command, TONI_LIT("LOAD"));
    command_add(command, toni_str_of(script_publish));
    connection->is_loading = true;
    request_ask(connection, (struct waiting){.kind = WAITING_LOAD});
}

void request_hello(struct connection *connection, uint64_t request, const toni_engine_hello *hello)
{
    connection->node = hello->node;
    connection->hello_request = request;
    request_load(connection);
    if (connection->number == 0)
        return;
    struct command *command = begin_script(connection, script_hello, 2);
    add_node(command, hello->node);
    command_add_hex(command, hello->proposed, HEX_DIGITS);
    command_add_number(command, connection->client);
    command_add_number(command, node_life_ms(connection));
    if (connection->told_incarnation != 0)
        command_add_hex(command, connection->told_incarnation, HEX_DIGITS);
    else
        command_add(command, no_name);
    request_ask(connection, (struct waiting){.kind = WAITING_HELLO, .request = request});
}

/* With a history: what the server refuses of these keys is known before it could be in the middle
 * of the script. */
void request_trial(struct connection *connection)
{
    const toni_engine_publish trial = {.number =
                                           connection->hello_request, /* what is answered is that */
                                       .incarnation = connection->incarnation,
                                       .node = connection->node,
                                       .proposed = 1,
                                       .keep_messages = 1,
                                       .room = own_name(connection)};
    request_publishes(connection);
    if (connection->number == 0)
        return;
    if (batch_add(&connection->batch, &trial, TRIAL_LIFE_MS) != 0)
        connection_fail(connection, "there is no memory for the trial of a publish");
    else
        ask_batch(connection, connection->check ? KEY_ROOM : KEY_TRIAL, WAITING_TRIAL);
}

void request_end_clients(struct connection *connection, redisReply *const *ids, size_t count)
{
    for (size_t i = 0; i < count && connection->number != 0; i++) {
        struct command *command = request_begin(connection, TONI_LIT("CLIENT"));
        command_add(command, TONI_LIT("KILL"));
        command_add(command, TONI_LIT("ID"));
        command_add(command, toni_str_make(ids[i]->str, ids[i]->len));
        request_ask(connection,
                    (struct waiting){.kind = WAITING_KILL, .request = connection->hello_request});
    }
    if (connection->number != 0)
        request_trial(connection);
}

/* --- Subscriptions */

void request_subscriptions(struct connection *connection, toni_str what, const toni_str *rooms,
                           uint32_t count)
{
    if (count == 0)
        return;
    struct command *command = request_begin(connection, what);
    for (uint32_t i = 0; i < count; i++)
        command_add_key(command, KEY_ROOM, rooms[i]);
    put(connection, &connection->pushes);
}

/* --- Questions */

void request_tops(struct connection *connection, uint64_t request, const toni_str *rooms,
                  uint32_t count)
{
    struct command *command = begin_script(connection, script_tops, (uint64_t)count + 1);
    for (uint32_t i = 0; i < count; i++)
        command_add_key(command, KEY_ROOM, rooms[i]);
    command_add_number(command, connection->common->settings->room_life_ms);
    request_ask(connection,
                (struct waiting){.kind = WAITING_TOPS, .count = count, .request = request});
}

void request_history(struct connection *connection, uint64_t request,
                     const toni_engine_history *history)
{
    char id[32];
    struct command *command = begin_script(connection, script_history, 3);
    command_add_key(command, KEY_ROOM, history->room);
    command_add_key(command, KEY_STREAM, history->room);
    command_add_hex(command, history->since.epoch, HEX_DIGITS);
    const int size =
        snprintf(id, sizeof id, "%llu-%llu", (unsigned long long)(history->since.offset >> 32),
                 (unsigned long long)(history->since.offset & UINT32_MAX));
    command_add(command, toni_str_make(id, (size_t)size));
    command_add_number(command, history->limit);
    command_add(command, history->is_last ? TONI_LIT("1") : TONI_LIT("0"));
    command_add_number(command, HISTORY_BYTES);
    request_ask(connection,
                (struct waiting){.kind = history->is_last ? WAITING_HISTORY_LAST : WAITING_HISTORY,
                                 .request = request});
}

void request_probe(struct connection *connection, uint64_t request, uint64_t incarnation)
{
    const struct common *common = connection->common;
    char message[HEX_DIGITS], list[COMMON_NAME_MOST + 1 + SERVER_LIST_MOST];
    struct command *command = begin_script(connection, script_probe, 3);
    add_node(command, connection->node);
    command_add_key(command, KEY_LISTS, shared_name(connection));
    command_add_hex(command, incarnation, HEX_DIGITS);
    command_add_key(command, KEY_PROBE, own_name(connection));
    hex_put(message, HEX_DIGITS, request);
    command_add(command, toni_str_make(message, sizeof message));
    command_add_number(command, node_life_ms(connection));
    command_add(command, toni_str_make(common->list.digest, sizeof common->list.digest));
    const int size = snprintf(list, sizeof list, "%.*s\n%s", (int)common->node_name_size,
                              common->node_name, common->list.text);
    command_add(command, toni_str_make(list, (size_t)size));
    command_add_number(command, connection->check ? TRIAL_LIFE_MS : LISTS_LIFE_MS);
    request_ask(connection, (struct waiting){.kind = WAITING_PROBE, .request = request});
}

static void note_name(struct common *common, toni_str name)
{
    common->node_name_size = name.size < COMMON_NAME_MOST ? name.size : COMMON_NAME_MOST;
    if (name.size > 0)
        memcpy(common->node_name, name.data, common->node_name_size);
}

void request_lease(struct connection *connection, uint64_t request, const toni_engine_lease *lease)
{
    note_name(connection->common, lease->name);
    struct command *command = begin_script(connection, script_lease, 2);
    command_add_key(command, KEY_LEASES, shared_name(connection));
    command_add_hex(command, lease->incarnation, HEX_DIGITS);
    command_add_hex(command, lease->node, HEX_DIGITS);
    command_add_number(command, lease->slot);
    command_add_number(command, lease->ttl_ms);
    command_add(command, lease->may_restore ? TONI_LIT("1") : TONI_LIT("0"));
    command_add_hex(command, lease->boot, HEX_DIGITS);
    command_add_hex(command, lease->boot_floor, HEX_DIGITS);
    command_add_number(command, lease->boot_step);
    command_add_hex(command, lease->id_key, HEX_DIGITS);
    command_add(command, lease->name);
    request_ask(connection, (struct waiting){.kind = WAITING_LEASE, .request = request});
}
