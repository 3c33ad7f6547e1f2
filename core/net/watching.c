/* Watching; see watching.h. */
#include "net/watching.h"

#include "base/clock.h"
#include "base/log_limit.h"
#include "net/ending.h"
#include "net/inbound.h"
#include "net/server_data.h"

#include <toni/identity.h>

void watching_heard(struct connection *connection)
{
    connection->last_heard_ms = connection_now_ms(connection);
    connection->is_pinged = false;
}

/* In a long turn nothing was read of what the peer had sent: that time is not the peer's. The clock
 * stands still in it, too: so what was noted in it may be much younger than it seems, and counts
 * from its end. */
static uint64_t held_up_ms(const struct worker *worker, uint64_t since_ms)
{
    const uint64_t began_ms = worker->long_turn_began_ms, ended_ms = worker->long_turn_ended_ms;
    return since_ms < ended_ms ? ended_ms - (since_ms > began_ms ? since_ms : began_ms) : 0;
}

/* How long until `limit_ms` after `since_ms`; 0: it is due. */
static uint64_t remaining(const struct connection *connection, uint64_t since_ms, uint64_t limit_ms)
{
    const uint64_t now_ms = connection_now_ms(connection);
    const uint64_t due_ms = since_ms + held_up_ms(connection->served.worker, since_ms) + limit_ms;
    return due_ms > now_ms ? due_ms - now_ms : 0;
}

uint64_t watching_left_to_open(const struct connection *connection)
{
    return remaining(connection, connection->last_heard_ms,
                     connection->served.worker->server->limits.handshake_ms);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Of one that is behind the ping waits, too: but if the socket takes more, that is as good as a
 * pong. */
static void ping(struct connection *connection)
{
    static const char payload[] = "toni";
    connection->is_pinged = connection->awaits_pong = true;
    connection->last_heard_ms = connection_now_ms(connection);
    (void)client_send_control(connection->served.client, FRAME_PING, payload, sizeof payload - 1);
}

/* Each of these looks at one thing, ends the connection if it has to, and says after how many
 * milliseconds to look again: 0 if it ended, UINT64_MAX if there is nothing to wait for. */

static uint64_t look_for_life(struct connection *connection)
{
    const struct limits *limits = connection->limits;
    if (connection->is_pinged) {
        uint64_t next = remaining(connection, connection->last_heard_ms, limits->pong_timeout_ms);
        if (next == 0)
            connection_abort(connection, END_BY_LOSS);
        return next;
    }
    if (limits->ping_ms == 0)
        return UINT64_MAX;
    uint64_t next = remaining(connection, connection->last_heard_ms, limits->ping_ms);
    if (next > 0)
        return next;
    ping(connection);
    return limits->pong_timeout_ms;
}

static uint64_t look_for_messages(struct connection *connection)
{
    if (connection->limits->idle_ms == 0)
        return UINT64_MAX;
    uint64_t next = remaining(connection, connection->last_message_ms, connection->limits->idle_ms);
    if (next == 0)
        connection_end(connection, END_BY_IDLENESS, 1001, toni_str_of("idle"));
    return next;
}

static void report_stall(toni_client *client)
{
    char subject[IDENTITY_SUBJECT_MAX];
    const struct receiver *receiver = &client->receiver;
    log_limited(LOG_LEVEL_WARN,
                "client closed: it has taken nothing of what waits for it for stalled_ms",
                LOG_CLIENT(client, subject), log_uint("outbox_messages", receiver->outbox.messages),
                log_uint("outbox_bytes", receiver->outbox.bytes),
                log_uint("stuck_ms", backlog_stuck_ms(&receiver->backlog, receiver->lane)));
}

static uint64_t look_for_movement(struct connection *connection)
{
    toni_client *client = connection->served.client;
    if (client->receiver.backlog.pin.bytes == 0)
        return UINT64_MAX;
    uint64_t next = remaining(connection, client->receiver.backlog.pin.moved_ms,
                              connection->limits->stalled_ms);
    if (next > 0)
        return next;
    report_stall(client);
    connection_end_now(connection, END_BY_STALL, 1008, "slow consumer");
    return 0;
}

static uint64_t look_for_the_end_of_a_message(struct connection *connection)
{
    const struct inbound *inbound = connection->inbound;
    if (!inbound || inbound->message_began_ms == 0)
        return UINT64_MAX;
    uint64_t next =
        remaining(connection, inbound->message_began_ms, connection->limits->message_ms);
    if (next == 0)
        connection_end_now(connection, END_BY_MESSAGE_TIME, 1008, "a message took too long");
    return next;
}

/* How often the wall clock is asked before it is due: so a step of the clock is noticed within
 * that. Most connections are looked at as often for their pings. */
#define WALL_CLOCK_MS 30000

static uint64_t until_token_ends(const struct identity *identity)
{
    const int64_t now_ms = clock_wall_ms();
    if (identity->expires_s == 0)
        return UINT64_MAX;
    if (identity->expires_s > now_ms / MS_PER_S + WALL_CLOCK_MS / MS_PER_S)
        return WALL_CLOCK_MS;
    const int64_t left_ms = identity->expires_s * MS_PER_S - now_ms;
    return left_ms > 0 ? (uint64_t)left_ms : 0;
}

/* By the wall clock, whatever the connection does: a token ends for who is paused, too. */
static uint64_t look_for_the_end_of_its_token(struct connection *connection)
{
    const struct identity *identity = connection->served.client->identity;
    const uint64_t next = identity ? until_token_ends(identity) : UINT64_MAX;
    if (next == 0)
        connection_end(connection, END_BY_TOKEN, TONI_CLOSE_TOKEN, toni_str_of("token expired"));
    return next;
}

void watching_identified(struct connection *connection)
{
    const uint64_t next = until_token_ends(connection->served.client->identity);
    if (connection->state == CONNECTION_OPEN && next != UINT64_MAX)
        connection_look_within(connection, next);
}

/* What can end a connection that is not paused. While one is, these clocks stand still. */
static uint64_t look_at_clocks(struct connection *connection)
{
    uint64_t life = look_for_life(connection);
    uint64_t messages = life > 0 ? look_for_messages(connection) : 0;
    uint64_t message = messages > 0 ? look_for_the_end_of_a_message(connection) : 0;
    return message > 0 ? earlier(life, earlier(messages, message)) : 0;
}

void watching_look(struct connection *connection)
{
    uint64_t next = look_for_movement(connection);
    if (next > 0)
        next = earlier(next, look_for_the_end_of_its_token(connection));
    if (next > 0 && !connection->is_paused)
        next = earlier(next, look_at_clocks(connection));
    if (next > 0 && next != UINT64_MAX && connection->state == CONNECTION_OPEN)
        connection_set_timeout(connection, next);
}
