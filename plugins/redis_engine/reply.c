/* What comes from a server is told to the host: see reply.h.
 *
 * The host may close the connection, or open it anew, from within whatever it is told. So what is
 * told is the last thing that is done with a reply. */
#include "reply.h"

#include "answer.h"
#include "checking.h"
#include "hex.h"
#include "remarks.h"
#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *reply_name_of(enum waiting_kind kind)
{
    static const char *const names[] = {
        [WAITING_AUTH] = "AUTH",
        [WAITING_SELECT] = "SELECT",
        [WAITING_CLIENT_ID] = "CLIENT ID",
        [WAITING_RIGHT] = "the trial of a command",
        [WAITING_LOAD] = "SCRIPT LOAD",
        [WAITING_HELLO] = "the hello",
        [WAITING_KILL] = "CLIENT KILL",
        [WAITING_TRIAL] = "the trial of a publish",
        [WAITING_PUBLISH] = "a publish",
        [WAITING_TOPS] = "asking for rooms' positions",
        [WAITING_HISTORY] = "asking for a history",
        [WAITING_HISTORY_LAST] = "asking for a history",
        [WAITING_PROBE] = "a probe",
        [WAITING_LEASE] = "a lease",
        [WAITING_CHECK] = "a check",
    };
    return names[kind];
}

static void fail_by(struct connection *connection, const char *doing, const redisReply *reply)
{
    char why[320];
    talk_fault(why, sizeof why, doing, reply);
    connection_fail(connection, why);
}

/* --- What several kinds of replies tell */

static void tell_hello(struct connection *connection, uint64_t request)
{
    connection->told_incarnation = connection->incarnation;
    toni_engine_hello_reply(connection->common->engine, connection->index, connection->number,
                            request, connection->incarnation, connection->engine_id);
}

static void tell_probe(struct connection *connection, uint64_t request, int32_t answer)
{
    toni_engine_probe_reply(connection->common->engine, connection->index, connection->number,
                            request, answer);
}

static void tell_failed(struct connection *connection, uint64_t request, int32_t answer)
{
    toni_engine_request_failed(connection->common->engine, connection->index, connection->number,
                               request, answer);
}

/* --- Errors of the server */

static void take_error(struct connection *connection, const struct waiting *one,
                       const redisReply *reply)
{
    char text[320];
    const struct answer_fault fault = answer_fault(reply);
    const bool is_read_only = fault.answer == TONI_ENGINE_READ_ONLY && one->kind > WAITING_LOAD;
    /* It is full. The host is told so of each publish; leases go on. */
    const bool is_full = fault.cause == ANSWER_OF_MEMORY && one->kind == WAITING_TRIAL;
    if (one->kind == WAITING_AUTH)
        talk_auth_fault(text, sizeof text, &connection->common->settings->server, reply);
    else
        talk_fault(text, sizeof text, reply_name_of(one->kind), reply);
    connection_warn(connection, text);
    if (is_full)
        tell_hello(connection, one->request);
    else if (is_read_only && one->kind == WAITING_PROBE)
        tell_probe(connection, one->request, TONI_ENGINE_READ_ONLY);
    else if (is_read_only)
        tell_failed(connection, one->request, TONI_ENGINE_READ_ONLY);
    else
        connection_fail(connection, text); /* with what mends it, which an answer can't say */
}

/* All that is missing is told together, and before a message could meet with it. */
static void take_right(struct connection *connection, uint32_t index, const redisReply *reply)
{
    char text[320];
    const struct rights *rights = &connection->rights;
    rights_take(&connection->rights, index, reply);
    if (index + 1 < RIGHTS_COUNT ||
        (!rights_tell_missing(rights, text, sizeof text) &&
         !rights_tell_refused(rights, connection->common->settings->server.user, text,
                              sizeof text)))
        return;
    connection_warn(connection, text);
    connection_fail(connection, text);
}

/* --- Publishes */

/* @return Whether the reply is one that a publish has. */
static bool read_published(struct connection *connection, const redisReply *reply,
                           toni_engine_published *published)
{
    char text[320];
    if (reply->type != REDIS_REPLY_ERROR)
        return answer_published(reply, published);
    const struct answer_fault fault = answer_fault(reply);
    *published = (toni_engine_published){.struct_size = sizeof *published, .answer = fault.answer};
    talk_fault(text, sizeof text, reply_name_of(WAITING_PUBLISH), reply);
    connection_warn(connection, text);
    /* Who publishes is to be refused before, and not told afterwards that it is lost. */
    if (fault.is_for_all)
        connection_refuse(connection, text);
    /* What is behind it in the pipeline has no script either, or is not run since this was not
     * (another node may have loaded it): the host sends all of that again once the last of it was
     * answered, which is behind what loads it. */
    if (published->answer == TONI_ENGINE_NOT_RUN && !connection->is_loading)
        request_load(connection);
    return true;
}

/* One reply to all the publishes of a command: each is told its own answer. */
static void take_published(struct connection *connection, struct waiting one,
                           const redisReply *reply)
{
    const uint64_t number = connection->number;
    const uint32_t count = one.count;
    for (uint32_t i = 0; i < count; i++) {
        const redisReply *answer = answer_of(reply, i, count);
        toni_engine_published published;
        if (i > 0)
            (void)waiting_take(&connection->waiting, &one);
        if (!answer || !read_published(connection, answer, &published)) {
            fail_by(connection, reply_name_of(WAITING_PUBLISH), reply);
            return;
        }
        if (connection->number == number)
            toni_engine_published_reply(connection->common->engine, connection->index, number,
                                        one.request, &published);
        if (connection->number != number)
            return;
    }
}

/* --- Answers: each @return Whether the reply is one that its command has */

static bool take_client_id(struct connection *connection, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_INTEGER || reply->integer < 0)
        return false;
    connection->client = (uint64_t)reply->integer;
    connection_open_pushes(connection);
    return true;
}

static bool take_hello(struct connection *connection, const redisReply *reply)
{
    struct answer_hello hello;
    if (!answer_hello(reply, &hello))
        return false;
    connection->incarnation = hello.incarnation;
    connection->engine_id = hello.engine_id;
    toni_log(connection->common->context, TONI_LOG_DEBUG, "%.*s: it is of version %.*s",
             TONI_STR_ARG(connection->server->name), TONI_STR_ARG(hello.version));
    remark_mended(connection, hello.mended);
    request_end_clients(connection, hello.clients, hello.client_count);
    return true;
}

static bool take_trial(struct connection *connection, uint64_t request, const redisReply *reply)
{
    toni_engine_published published;
    if (!answer_published(reply, &published))
        return false;
    if (published.answer == TONI_ENGINE_OTHER_INCARNATION)
        tell_failed(connection, request, published.answer);
    else
        tell_hello(connection, request);
    return true;
}

static bool take_probe(struct connection *connection, uint64_t request, const redisReply *reply)
{
    int32_t answer;
    if (!answer_probe(reply, &answer))
        return false;
    remark_other_lists(connection, reply);
    tell_probe(connection, request, answer);
    return true;
}

static bool take_tops(struct connection *connection, const struct waiting *one,
                      const redisReply *reply)
{
    toni_position tops[TONI_ENGINE_KEYS_MOST];
    if (!answer_tops(reply, tops, one->count))
        return false;
    toni_engine_tops_reply(connection->common->engine, connection->index, connection->number,
                           one->request, tops, one->count);
    return true;
}

static bool take_history(struct connection *connection, const struct waiting *one,
                         const redisReply *reply)
{
    struct answer_history history;
    char text[320];
    if (!answer_history(reply, one->kind == WAITING_HISTORY_LAST, &history))
        return false;
    /* Of that room nothing is to be had; what it has lost is told as a gap. */
    if (history.fault) {
        talk_fault(text, sizeof text, reply_name_of(one->kind), history.fault);
        connection_warn(connection, text);
    } else if (history.is_foreign) {
        connection_warn(connection,
                        "an entry of a room's history is none of toni's: something else "
                        "uses the same `prefix`");
    }
    toni_engine_history_reply(connection->common->engine, connection->index, connection->number,
                              one->request, history.top, history.entries, history.count);
    free(history.entries);
    return true;
}

static bool take_lease(struct connection *connection, uint64_t request, const redisReply *reply)
{
    struct answer_lease lease;
    if (!answer_lease(reply, &lease))
        return false;
    remark_mended(connection, lease.mended);
    if (lease.strange_count > 0)
        remark_strange(connection, &lease);
    if (lease.is_other_incarnation) {
        tell_failed(connection, request, TONI_ENGINE_OTHER_INCARNATION);
    } else { /* slot 0, if all 1,023 are taken, or it was given back: the host says so */
        toni_engine_lease_reply(connection->common->engine, connection->index, connection->number,
                                request, lease.slot, lease.boot, lease.id_key, lease.leases,
                                lease.count);
    }
    free(lease.leases);
    return true;
}

static bool take_answer(struct connection *connection, const struct waiting *one,
                        const redisReply *reply)
{
    switch (one->kind) {
    case WAITING_AUTH:
    case WAITING_SELECT:
    case WAITING_KILL: /* how many these were: none, if the client is gone already */
        return true;
    case WAITING_LOAD:
        connection->is_loading = false;
        return true;
    case WAITING_CLIENT_ID:
        return take_client_id(connection, reply);
    case WAITING_HELLO:
        return take_hello(connection, reply);
    case WAITING_TRIAL:
        return take_trial(connection, one->request, reply);
    case WAITING_RIGHT:   /* take_right() */
    case WAITING_PUBLISH: /* take_published() */
    case WAITING_CHECK:   /* check_take() */
        return false;
    case WAITING_TOPS:
        return take_tops(connection, one, reply);
    case WAITING_HISTORY:
    case WAITING_HISTORY_LAST:
        return take_history(connection, one, reply);
    case WAITING_PROBE:
        return take_probe(connection, one->request, reply);
    case WAITING_LEASE:
        return take_lease(connection, one->request, reply);
    }
    return false;
}

void reply_take(struct connection *connection, const redisReply *reply)
{
    struct waiting one;
    if (!waiting_take(&connection->waiting, &one))
        fail_by(connection, "something that was not asked for", reply);
    else if (one.kind == WAITING_CHECK)
        check_take(connection, one.count, reply);
    else if (one.kind == WAITING_RIGHT)
        take_right(connection, one.count, reply);
    else if (one.kind == WAITING_PUBLISH)
        take_published(connection, one, reply);
    else if (reply->type == REDIS_REPLY_ERROR)
        take_error(connection, &one, reply);
    else if (!take_answer(connection, &one, reply))
        fail_by(connection, reply_name_of(one.kind), reply);
}

/* --- Subscriptions */

/* @return Whether it is a channel of that kind. @param name  Set to what is behind that. */
static bool is_channel(const struct connection *connection, toni_str channel, char kind,
                       toni_str *name)
{
    toni_str rest;
    if (!toni_str_strip_prefix(channel, connection->common->settings->prefix, &rest) ||
        rest.size <= 3 || rest.data[0] != ':' || rest.data[1] != kind || rest.data[2] != ':')
        return false;
    *name = toni_str_make(rest.data + 3, rest.size - 3);
    return true;
}

static void take_probe_channel(struct connection *connection, enum answer_pushed what,
                               toni_str payload)
{
    uint64_t request;
    if (what == ANSWER_SUBSCRIBED && !connection->is_connected) {
        connection->is_connected = true;
        toni_engine_connected(connection->common->engine, connection->index, connection->number);
    } else if (what == ANSWER_MESSAGE && payload.size == HEX_DIGITS &&
               hex_get(payload.data, HEX_DIGITS, &request)) {
        if (connection->check)
            check_echo(connection, request);
        else
            toni_engine_probe_echo(connection->common->engine, connection->index,
                                   connection->number, request);
    }
}

/* What is not one of ours on our channel is somebody's else who has the same prefix. */
static void take_message(struct connection *connection, toni_str room, toni_str payload)
{
    toni_position at;
    uint32_t kind;
    toni_str body;
    if (answer_message(payload, &at, &kind, &body)) {
        toni_engine_message(connection->common->engine, connection->index, connection->number, room,
                            at, kind, body);
    } else {
        connection_warn(connection, "a message on a channel of a room is none of toni's: something "
                                    "else uses the same `prefix`");
    }
}

void reply_take_pushed(struct connection *connection, const redisReply *reply)
{
    toni_str channel, payload, name;
    const enum answer_pushed what = answer_pushed(reply, &channel, &payload);
    if (what == ANSWER_OTHER)
        fail_by(connection, "subscriptions", reply);
    else if (is_channel(connection, channel, KEY_PROBE, &name))
        take_probe_channel(connection, what, payload);
    else if (!is_channel(connection, channel, KEY_ROOM, &name))
        connection_fail(connection, "the server tells of a channel that was not asked for");
    else if (what == ANSWER_MESSAGE)
        take_message(connection, name, payload);
    else
        toni_engine_subscribed(connection->common->engine, connection->index, connection->number,
                               name, what == ANSWER_SUBSCRIBED);
}
