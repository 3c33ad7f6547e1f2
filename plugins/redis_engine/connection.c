/* The connection to one server: see connection.h. */
#include "connection.h"

#include "checking.h"
#include "hex.h"
#include "reply.h"
#include "request.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* --- Ending */

void connection_close(struct connection *connection)
{
    if (connection->number != 0 && !connection->is_connected)
        connection->find.turn++;
    connection->number = 0;
    connection->is_connected = connection->is_loading = false;
    connection->refusal[0] = '\0';
    find_stop(&connection->find);
    link_close(&connection->commands);
    link_close(&connection->pushes);
    batch_clear(&connection->batch);
    waiting_clear(&connection->waiting);
    check_end(connection);
}

void connection_fail(struct connection *connection, const char *why)
{
    char text[512];
    const uint64_t number = connection->number;
    if (number == 0)
        return;
    (void)snprintf(text, sizeof text, "%s", why);
    connection_close(connection);
    toni_engine_closed(connection->common->engine, connection->index, number, toni_str_of(text));
}

void connection_refuse(struct connection *connection, const char *why)
{
    if (connection->refusal[0] == '\0')
        (void)snprintf(connection->refusal, sizeof connection->refusal, "%s", why);
}

void connection_end_refused(struct connection *connection)
{
    if (connection->refusal[0] != '\0')
        connection_fail(connection, connection->refusal);
}

static int64_t now_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void connection_warn(struct connection *connection, const char *text)
{
    if (warnings_take(&connection->warnings, text, now_ms()))
        toni_log(connection->common->context, TONI_LOG_WARN, "%.*s: %s",
                 TONI_STR_ARG(connection->server->name), text);
}

void connection_warn_of_all(struct connection *connection, const char *text)
{
    if (warnings_take(&connection->common->warnings, text, now_ms()))
        toni_log(connection->common->context, TONI_LOG_WARN, "%s", text);
}

int connection_expect(struct connection *connection, struct waiting one)
{
    if (connection->check && one.kind != WAITING_CHECK)
        one = check_waiting(one);
    if (waiting_add(&connection->waiting, one) == 0)
        return 0;
    connection_fail(connection, "there is no memory for more replies, or there are too many");
    return -1;
}

/* --- The second socket: subscriptions */

static void pushes_opened(void *data)
{
    struct connection *connection = data;
    struct common *common = connection->common;
    const int auth = talk_auth(&common->command, &connection->pushes, &common->settings->server);
    connection->has_asked_pushes = auth == 0;
    command_begin(&common->command);
    command_add(&common->command, TONI_LIT("SUBSCRIBE"));
    command_add_key(&common->command, KEY_PROBE,
                    toni_str_make(connection->probe_name, sizeof connection->probe_name));
    if (auth < 0 || command_end(&common->command, &connection->pushes.outgoing) != 0)
        connection_fail(connection, "no memory");
}

static void pushes_replied(void *data, const redisReply *reply)
{
    struct connection *connection = data;
    char why[320];
    if (reply->type == REDIS_REPLY_ERROR) {
        if (connection->has_asked_pushes)
            talk_fault(why, sizeof why, "SUBSCRIBE", reply);
        else
            talk_auth_fault(why, sizeof why, &connection->common->settings->server, reply);
        connection_warn(connection, why);
        connection_fail(connection, why);
    } else if (connection->has_asked_pushes) {
        reply_take_pushed(connection, reply);
    } else {
        connection->has_asked_pushes = true;
    }
}

static void pushes_ended(void *data, const char *why)
{
    char text[320];
    (void)snprintf(text, sizeof text, "the socket of subscriptions: %.256s", why);
    connection_fail(data, text);
}

static struct link_settings link_settings_of(struct connection *connection,
                                             const struct link_calls *calls)
{
    const struct settings *settings = connection->common->settings;
    return (struct link_settings){
        .engine = connection->common->engine,
        .calls = calls,
        .data = connection,
        .tls = connection->server->addresses[0].is_unix ? NULL : settings->tls,
        .tls_name = settings->tls_name.size > 0 ? settings->tls_name.data : connection->host,
        .reply_most = settings->reply_most,
        .output_most = settings->output_most};
}

/* The same address as that of the commands: a name may stand for several servers. */
void connection_open_pushes(struct connection *connection)
{
    static const struct link_calls calls = {pushes_opened, pushes_replied, pushes_ended};
    const struct link_settings with = link_settings_of(connection, &calls);
    const struct place *place = &connection->places.list[connection->place - 1];
    if (link_open(&connection->pushes, &with, place) != 0)
        connection_fail(connection, connection->pushes.why);
}

/* --- The first socket: commands */

static void commands_opened(void *data)
{
    struct connection *connection = data;
    struct common *common = connection->common;
    struct credentials *who = &common->settings->server;
    const int auth = talk_auth(&common->command, &connection->commands, who);
    char text[280];
    if (talk_unread(text, sizeof text, who))
        connection_warn(connection, text);
    if (auth < 0)
        connection_fail(connection, "no memory");
    else if (auth == 0 ||
             connection_expect(connection, (struct waiting){.kind = WAITING_AUTH}) == 0)
        request_client_id(connection);
}

static void commands_replied(void *data, const redisReply *reply)
{
    reply_take(data, reply);
}

static void try_next_place(struct connection *connection, const char *why);

static void commands_ended(void *data, const char *why)
{
    struct connection *connection = data;
    if (connection->waiting.count > 0 || connection->is_connected)
        connection_fail(connection, why);
    else
        try_next_place(connection, why);
}

static void try_next_place(struct connection *connection, const char *why)
{
    static const struct link_calls calls = {commands_opened, commands_replied, commands_ended};
    const struct link_settings with = link_settings_of(connection, &calls);
    while (connection->place < connection->places.count) {
        if (link_open(&connection->commands, &with,
                      &connection->places.list[connection->place++]) == 0)
            return;
        why = connection->commands.why;
    }
    connection_fail(connection, why);
}

static void found(void *data, const struct places *places, const char *name, const char *why)
{
    struct connection *connection = data;
    if (!places) {
        connection_fail(connection, why);
        return;
    }
    connection->places = *places;
    connection->place = 0;
    (void)snprintf(connection->host, sizeof connection->host, "%s", name);
    try_next_place(connection, "it has no address");
}

/* --- Opening */

static int draw_name(char *name)
{
    uint64_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return -1;
    hex_put(name, HEX_DIGITS, number);
    return 0;
}

void connection_open(struct connection *connection, uint64_t number)
{
    connection_close(connection);
    connection->number = number;
    if (draw_name(connection->probe_name) != 0) {
        connection_fail(connection, "the system has no random numbers");
        return;
    }
    connection->find.settings = connection->common->settings;
    connection->find.server = connection->server;
    connection->find.engine = connection->common->engine;
    connection->find.command = &connection->common->command;
    connection->find.done = found;
    connection->find.data = connection;
    find_start(&connection->find);
}
