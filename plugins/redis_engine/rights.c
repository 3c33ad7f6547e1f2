/* What the server lets this host run: see rights.h.
 *
 * All of it is tried on one key, which is a text: the server finds that out behind the question
 * whether its user may. So nothing is made but that key, which ends by itself. Where the user may
 * not make that text, it is a hash, which the stream's commands don't find either. */
#include "rights.h"

#include "answer.h"
#include "request.h"

#include <stdio.h>
#include <string.h>

/* Most commands that one line names. */
#define NAMED_MOST 6

/* T is that key, and P the channel of this connection's probes; see request_words(). */
static const struct {
    const char *rule; /* of an ACL */
    const char *words;
} commands[] = {
    {"set", "SET T 1 PX 10000"},
    {"hset", "HSET T i 1"},
    {"pexpire", "PEXPIRE T 10000"},
    {"get", "GET T"},
    {"hget", "HGET T i"},
    {"hmget", "HMGET T i"},
    {"hdel", "HDEL T -"},
    {"hlen", "HLEN T"},
    {"hgetall", "HGETALL T"},
    {"pttl", "PTTL T"},
    {"xadd", "XADD T NOMKSTREAM 0-1 1 1"},
    {"xrange", "XRANGE T - + COUNT 1"},
    {"xrevrange", "XREVRANGE T + - COUNT 1"},
    {"del", "DEL T"},
    {"publish", "PUBLISH P 1"}, /* no probe has one digit */
    {"unsubscribe", "UNSUBSCRIBE P"},
    {"eval", "EVAL return(1) 0"},
    {"evalsha", "EVALSHA 0000000000000000000000000000000000000000 0"},
    {"script|load", "SCRIPT LOAD return(1)"},
    {"client|kill", "CLIENT KILL ID 9223372036854775807"},
    {"info", "INFO server"},
    {"time", "TIME"},
};

_Static_assert(sizeof commands / sizeof commands[0] == RIGHTS_COUNT, "there are so many");

void rights_ask(struct connection *connection)
{
    connection->rights = (struct rights){0};
    for (uint32_t i = 0; i < RIGHTS_COUNT && connection->number != 0; i++)
        request_words(connection, commands[i].words,
                      (struct waiting){.kind = WAITING_RIGHT, .count = i});
}

void rights_take(struct rights *rights, uint32_t index, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ERROR || index >= RIGHTS_COUNT)
        return;
    const struct answer_fault fault = answer_fault(reply);
    if (fault.cause == ANSWER_OF_RIGHTS && fault.is_for_all)
        rights->has_refused = rights->is_refused[index] = true;
    else if (fault.cause == ANSWER_OF_COMMAND)
        rights->has_missing = rights->is_missing[index] = true;
}

/* --- For people */

static void append(char *text, size_t size, const char *before, const char *word)
{
    const size_t used = strlen(text);
    (void)snprintf(text + used, size - used, "%s%s", before, word);
}

/* @param before  Each of them; the first has none if it is a comma.
 * @return How many there are. */
static size_t append_names(char *text, size_t size, const bool *which, const char *before)
{
    size_t count = 0;
    for (size_t i = 0; i < RIGHTS_COUNT; i++) {
        if (which[i] && count++ < NAMED_MOST)
            append(text, size, count == 1 && before[0] == ',' ? "" : before, commands[i].rule);
    }
    return count;
}

bool rights_tell_missing(const struct rights *rights, char *text, size_t size)
{
    if (!rights->has_missing)
        return false;
    (void)snprintf(text, size, "it has no command ");
    const size_t count = append_names(text, size, rights->is_missing, ", ");
    append(text, size, count > NAMED_MOST ? " and others" : "",
           ": was it renamed, and is this Redis?");
    return true;
}

bool rights_tell_refused(const struct rights *rights, toni_str user, char *text, size_t size)
{
    char name[64];
    if (!rights->has_refused)
        return false;
    (void)snprintf(text, size, "its user may not run ");
    const size_t count = append_names(text, size, rights->is_refused, ", ");
    if (count > NAMED_MOST) {
        append(text, size, " and others", ": docs/shipped.md has the ACL rule");
        return true;
    }
    (void)snprintf(name, sizeof name, "%.*s", TONI_STR_ARG(user));
    append(text, size, ": ACL SETUSER ", user.size > 0 ? name : "default");
    (void)append_names(text, size, rights->is_refused, " +");
    return true;
}
