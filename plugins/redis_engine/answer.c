/* What replies mean: see answer.h. */
#include "answer.h"

#include "hex.h"
#include "script.h"

#include <stdlib.h>
#include <string.h>

/* --- Errors */

#define NO_RIGHT "its user may not run what toni needs: docs/shipped.md has the ACL rules"
#define NO_CLUSTER                                                                                 \
    "it is part of a Redis Cluster: start it without `cluster-enabled`, and name several servers " \
    "in `servers` instead"
#define FOREIGN "something else keeps it there: take another `prefix`, or delete it, which costs "
#define NO_COMMAND "it has no such command: is this Redis, and was the command renamed?"

static const struct known_fault {
    const char *text;
    int32_t answer;
    enum answer_cause cause;
    const char *mend;
} known_faults[] = {
    {"NOSCRIPT", TONI_ENGINE_NOT_RUN, ANSWER_OF_REQUEST, "it is loaded again"},
    {"READONLY", TONI_ENGINE_READ_ONLY, ANSWER_OF_REQUEST,
     "it takes no writes: name the primary in `servers`, or sentinels in `masters`"},
    {"OOM ", TONI_ENGINE_ERROR, ANSWER_OF_MEMORY,
     "its `maxmemory` is reached: raise it, let rooms keep less history, or lower `room_life`"},
    {"NOPERM", TONI_ENGINE_ERROR, ANSWER_OF_RIGHTS, NO_RIGHT},
    {"ERR The user executing the script", TONI_ENGINE_ERROR,
     ANSWER_OF_RIGHTS, /* before Redis 7.2 */
     NO_RIGHT},
    {"ERR ACL failure in script", TONI_ENGINE_ERROR, ANSWER_OF_RIGHTS, /* Redis 8 */
     NO_RIGHT},
    {"WRONGTYPE", TONI_ENGINE_ERROR, ANSWER_OF_REQUEST,
     "something else keeps a key of that name there: delete that key, or take another `prefix`"},
    {"NOAUTH", TONI_ENGINE_ERROR, ANSWER_OF_SERVER,
     "it wants a password: set `password_file`, and `user`"},
    {"WRONGPASS", TONI_ENGINE_ERROR, ANSWER_OF_REQUEST,
     "`user` and what is in `password_file` are not right for it"},
    {"ERR AUTH", TONI_ENGINE_ERROR, ANSWER_OF_REQUEST,
     "it has no password: take `password_file` out, or set `requirepass` there"},
    {"ERR invalid password", TONI_ENGINE_ERROR, ANSWER_OF_REQUEST,
     "what is in `password_file` is not right"},
    {"MISCONF", TONI_ENGINE_ERROR, ANSWER_OF_SERVER,
     "it can't write its snapshots and so takes no writes: its own log says why"},
    {"LOADING", TONI_ENGINE_ERROR, ANSWER_OF_SERVER, "it reads its data still; this passes"},
    {"BUSY ", TONI_ENGINE_ERROR, ANSWER_OF_SERVER,
     "another script runs there for too long: SCRIPT KILL ends it"},
    {"NOREPLICAS", TONI_ENGINE_ERROR, ANSWER_OF_SERVER,
     "it has fewer replicas than `min-replicas-to-write` asks for"},
    {"MASTERDOWN", TONI_ENGINE_READ_ONLY, ANSWER_OF_REQUEST, "it is a replica without its primary"},
    {"TONI_VERSION", TONI_ENGINE_ERROR, ANSWER_OF_REQUEST,
     "Redis 7.0, or Valkey, is the oldest that will do"},
    {"TONI_CLUSTER", TONI_ENGINE_ERROR, ANSWER_OF_REQUEST, NO_CLUSTER},
    {SCRIPT_SERVER_KEY, TONI_ENGINE_ERROR, ANSWER_OF_REQUEST, FOREIGN "a gap in each room"},
    {SCRIPT_LEASES_KEY, TONI_ENGINE_ERROR, ANSWER_OF_REQUEST,
     FOREIGN "toni nothing: hosts make their leases anew"},
    {SCRIPT_NODE_KEY, TONI_ENGINE_ERROR, ANSWER_OF_REQUEST, FOREIGN "toni nothing"},
    {"CLUSTERDOWN", TONI_ENGINE_ERROR, ANSWER_OF_SERVER, NO_CLUSTER},
    {"MOVED", TONI_ENGINE_ERROR, ANSWER_OF_SERVER, NO_CLUSTER},
    {"CROSSSLOT", TONI_ENGINE_ERROR, ANSWER_OF_REQUEST, NO_CLUSTER},
    {"ERR max number of clients", TONI_ENGINE_ERROR, ANSWER_OF_REQUEST, "raise its `maxclients`"},
    {"DENIED", TONI_ENGINE_ERROR, ANSWER_OF_REQUEST,
     "its protected mode lets nobody else in: set a password there, and `password_file`"},
    {"ERR unknown command", TONI_ENGINE_ERROR, ANSWER_OF_COMMAND, NO_COMMAND},
    {"ERR Unknown Redis command", TONI_ENGINE_ERROR, ANSWER_OF_COMMAND, /* within a script */
     NO_COMMAND},
    {"ERR Protocol error: invalid bulk length", TONI_ENGINE_ERROR, ANSWER_OF_REQUEST,
     "it is larger than its `proto-max-bulk-len`: raise that, or lower `message_bytes`"},
    {"ERR DB index", TONI_ENGINE_ERROR, ANSWER_OF_REQUEST,
     "it has fewer databases than `database` says"},
};

/* @return Whether @p text has @p part in it. */
static bool has(toni_str text, toni_str part)
{
    return text.size >= part.size && memmem(text.data, text.size, part.data, part.size) != NULL;
}

/* A right that is missing may be that for one key. */
static bool is_for_all(enum answer_cause cause, toni_str said)
{
    return cause == ANSWER_OF_SERVER || cause == ANSWER_OF_COMMAND ||
           (cause == ANSWER_OF_RIGHTS && has(said, TONI_LIT(" run ")));
}

struct answer_fault answer_fault(const redisReply *reply)
{
    const toni_str said = toni_str_make(reply->str, reply->len);
    for (size_t i = 0; i < sizeof known_faults / sizeof known_faults[0]; i++) {
        const struct known_fault *fault = &known_faults[i];
        toni_str rest;
        if (toni_str_strip_prefix(said, toni_str_of(fault->text), &rest)) {
            return (struct answer_fault){.answer = fault->answer,
                                         .mend = fault->mend,
                                         .cause = fault->cause,
                                         .is_for_all = is_for_all(fault->cause, said)};
        }
    }
    return (struct answer_fault){.answer = TONI_ENGINE_ERROR};
}

toni_str answer_said(const redisReply *reply)
{
    const toni_str place = TONI_LIT(" script: ");
    const toni_str said = toni_str_make(reply->str, reply->len);
    const char *found =
        said.size > place.size ? memmem(said.data, said.size, place.data, place.size) : NULL;
    return found ? toni_str_make(said.data, (size_t)(found - said.data)) : said;
}

/* --- Parts of replies */

static bool is_text(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS;
}

static toni_str text_of(const redisReply *reply)
{
    return toni_str_make(reply->str, reply->len);
}

static bool are_texts(redisReply *const *elements, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_text(elements[i]))
            return false;
    }
    return true;
}

static bool read_hex(const redisReply *reply, uint64_t *number)
{
    return is_text(reply) && reply->len == HEX_DIGITS && hex_get(reply->str, HEX_DIGITS, number);
}

static bool read_short(const char *text, size_t digits, uint32_t *number)
{
    uint64_t wide;
    if (!hex_get(text, digits, &wide))
        return false;
    *number = (uint32_t)wide;
    return true;
}

static bool read_position(const char *text, toni_position *position)
{
    return hex_get(text, HEX_DIGITS, &position->epoch) &&
           hex_get(text + HEX_DIGITS, HEX_DIGITS, &position->offset);
}

/* @param most  What it may be. */
static bool read_decimal(toni_str text, uint64_t most, uint64_t *number)
{
    uint64_t value = 0;
    if (text.size == 0 || text.size > 19)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    *number = value;
    return value <= most;
}

/* --- Publishes and probes */

#define AT_DIGITS ((size_t)2 * HEX_DIGITS)

const redisReply *answer_of(const redisReply *reply, size_t index, size_t count)
{
    if (reply->type != REDIS_REPLY_ARRAY)
        return reply;
    return reply->elements == count ? reply->element[index] : NULL;
}

bool answer_published(const redisReply *reply, toni_engine_published *published)
{
    *published = (toni_engine_published){.struct_size = sizeof *published};
    if (!is_text(reply) || reply->len == 0)
        return false;
    const toni_str rest = toni_str_make(reply->str + 1, reply->len - 1);
    switch (reply->str[0]) {
    case 'A':
        published->answer = TONI_ENGINE_APPLIED;
        return rest.size == AT_DIGITS + 8 && read_position(rest.data, &published->at) &&
               read_short(rest.data + AT_DIGITS, 8, &published->receivers);
    case 'R':
        published->answer = TONI_ENGINE_REPEAT;
        return rest.size == AT_DIGITS && read_position(rest.data, &published->at);
    case 'L':
        published->answer = TONI_ENGINE_LOST;
        return rest.size == 0;
    case 'N':
        published->answer = TONI_ENGINE_NOT_RUN;
        return rest.size == 0;
    case 'I':
        published->answer = TONI_ENGINE_OTHER_INCARNATION;
        return rest.size == 0;
    default:
        return false;
    }
}

bool answer_other_list(const redisReply *reply, size_t index, toni_str *list)
{
    if (reply->type != REDIS_REPLY_ARRAY || index + 1 >= reply->elements)
        return false;
    *list = text_of(reply->element[index + 1]);
    return true;
}

bool answer_probe(const redisReply *reply, int32_t *answer)
{
    if (reply->type == REDIS_REPLY_ARRAY) {
        *answer = TONI_ENGINE_APPLIED;
        return reply->elements > 0 && are_texts(reply->element, reply->elements) &&
               toni_str_equal(text_of(reply->element[0]), TONI_LIT("A"));
    }
    if (!is_text(reply) || reply->len != 1)
        return false;
    *answer = reply->str[0] == 'A' ? TONI_ENGINE_APPLIED : TONI_ENGINE_OTHER_INCARNATION;
    return reply->str[0] == 'A' || reply->str[0] == 'I';
}

/* --- Requests */

bool answer_hello(const redisReply *reply, struct answer_hello *hello)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 4)
        return false;
    for (size_t i = 2; i < reply->elements; i++) {
        if (!is_text(reply->element[i]))
            return false;
    }
    *hello = (struct answer_hello){.version = text_of(reply->element[2]),
                                   .mended = text_of(reply->element[3]),
                                   .client_count = reply->elements - 4,
                                   .clients = reply->element + 4};
    return read_hex(reply->element[0], &hello->incarnation) &&
           read_hex(reply->element[1], &hello->engine_id) && hello->incarnation != 0 &&
           hello->engine_id != 0;
}

bool answer_tops(const redisReply *reply, toni_position *tops, uint32_t count)
{
    if (!is_text(reply) || reply->len != count * AT_DIGITS)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!read_position(reply->str + i * AT_DIGITS, &tops[i]))
            return false;
    }
    return true;
}

/* The id of an entry has the halves of its offset. */
static bool read_entry(redisReply *const *element, toni_engine_entry *entry)
{
    toni_str high, low;
    uint64_t upper, lower;
    if (element[1]->len != 8 || !read_short(element[1]->str, 8, &entry->kind) ||
        !toni_str_split_once(text_of(element[0]), '-', &high, &low) ||
        !read_decimal(high, UINT32_MAX, &upper) || !read_decimal(low, UINT32_MAX, &lower))
        return false;
    entry->offset = upper << 32 | lower;
    entry->body = text_of(element[2]);
    return true;
}

static void turn_round(toni_engine_entry *entries, uint32_t count)
{
    for (uint32_t i = 0; i < count / 2; i++) {
        const toni_engine_entry entry = entries[i];
        entries[i] = entries[count - 1 - i];
        entries[count - 1 - i] = entry;
    }
}

/* What stands behind the last hole: while a room was published into by a node that keeps no history
 * of it, there are holes. */
static void drop_before_holes(struct answer_history *history)
{
    uint32_t first = 0;
    for (uint32_t i = 1; i < history->count; i++) {
        if (history->entries[i].offset != history->entries[i - 1].offset + 1)
            first = i;
    }
    history->count -= first;
    if (first > 0)
        memmove(history->entries, history->entries + first,
                history->count * sizeof history->entries[0]);
}

static bool read_top(const redisReply *reply, toni_position *top)
{
    return is_text(reply) && reply->len == AT_DIGITS && read_position(reply->str, top);
}

bool answer_history(const redisReply *reply, bool is_last, struct answer_history *history)
{
    *history = (struct answer_history){0};
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0 ||
        !read_top(reply->element[0], &history->top))
        return false;
    if (reply->elements == 2 && reply->element[1]->type == REDIS_REPLY_ERROR) {
        history->fault = reply->element[1];
        return true;
    }
    if (reply->elements % 3 != 1 || !are_texts(reply->element, reply->elements))
        return false;
    const size_t count = reply->elements / 3;
    history->entries = calloc(count + 1, sizeof history->entries[0]);
    if (!history->entries)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!read_entry(reply->element + 1 + i * 3, &history->entries[i])) {
            history->is_foreign = true;
            return true;
        }
    }
    history->count = (uint32_t)count;
    if (is_last)
        turn_round(history->entries, history->count);
    drop_before_holes(history);
    if (is_last && history->count > 0 &&
        history->entries[history->count - 1].offset != history->top.offset)
        history->count = 0;
    return true;
}

/* Slot, node, boot number, how long it still is, name. */
#define LEASE_DIGITS ((size_t)4 + HEX_DIGITS + HEX_DIGITS + 8)

/* Before the leases stand slot, boot number, key and what was mended. */
#define LEASE_FIRST ((size_t)4)

static bool read_leased(const redisReply *reply, toni_engine_leased *leased)
{
    if (!is_text(reply) || reply->len < LEASE_DIGITS)
        return false;
    const char *text = reply->str;
    leased->name = toni_str_make(text + LEASE_DIGITS, reply->len - LEASE_DIGITS);
    return read_short(text, 4, &leased->slot) && hex_get(text + 4, HEX_DIGITS, &leased->node) &&
           hex_get(text + 4 + HEX_DIGITS, HEX_DIGITS, &leased->boot) &&
           read_short(text + 4 + 2 * (size_t)HEX_DIGITS, 8, &leased->left_ms);
}

/* Slot 0, how many fields are no lease, whether they were taken out, the name of one. @return
 * Whether it is that. */
static bool read_strange(const redisReply *reply, struct answer_lease *lease)
{
    uint32_t slot;
    if (!is_text(reply) || reply->len < 13 || !read_short(reply->str, 4, &slot) || slot != 0)
        return false;
    lease->is_cleared = reply->str[12] == '1';
    lease->strange = toni_str_make(reply->str + 13, reply->len - 13);
    return read_short(reply->str + 4, 8, &lease->strange_count);
}

bool answer_lease(const redisReply *reply, struct answer_lease *lease)
{
    uint64_t slot;
    *lease = (struct answer_lease){0};
    if (is_text(reply) && reply->len == 1) {
        lease->is_other_incarnation = reply->str[0] == 'I';
        return lease->is_other_incarnation || reply->str[0] == 'F';
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < LEASE_FIRST ||
        !is_text(reply->element[0]) ||
        !read_decimal(text_of(reply->element[0]), UINT32_MAX, &slot) ||
        !read_hex(reply->element[1], &lease->boot) ||
        !read_hex(reply->element[2], &lease->id_key) || !is_text(reply->element[3]))
        return false;
    size_t count = reply->elements - LEASE_FIRST;
    if (count > 0 && read_strange(reply->element[reply->elements - 1], lease))
        count--;
    lease->slot = (uint32_t)slot;
    lease->mended = text_of(reply->element[3]);
    lease->leases = calloc(count + 1, sizeof lease->leases[0]);
    if (!lease->leases)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!read_leased(reply->element[LEASE_FIRST + i], &lease->leases[i])) {
            free(lease->leases);
            lease->leases = NULL;
            return false;
        }
    }
    lease->count = (uint32_t)count;
    return true;
}

/* --- Subscriptions */

enum answer_pushed answer_pushed(const redisReply *reply, toni_str *channel, toni_str *payload)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 || !is_text(reply->element[0]) ||
        !is_text(reply->element[1]))
        return ANSWER_OTHER;
    const toni_str what = text_of(reply->element[0]);
    *channel = text_of(reply->element[1]);
    *payload = toni_str_make(NULL, 0);
    if (is_text(reply->element[2])) {
        *payload = text_of(reply->element[2]);
        return toni_str_equal(what, TONI_LIT("message")) ? ANSWER_MESSAGE : ANSWER_OTHER;
    }
    if (reply->element[2]->type != REDIS_REPLY_INTEGER)
        return ANSWER_OTHER;
    if (toni_str_equal(what, TONI_LIT("subscribe")))
        return ANSWER_SUBSCRIBED;
    return toni_str_equal(what, TONI_LIT("unsubscribe")) ? ANSWER_UNSUBSCRIBED : ANSWER_OTHER;
}

bool answer_message(toni_str payload, toni_position *at, uint32_t *kind, toni_str *body)
{
    const size_t head = AT_DIGITS + 8;
    if (payload.size < head || !read_position(payload.data, at) ||
        !read_short(payload.data + AT_DIGITS, 8, kind))
        return false;
    *body = toni_str_make(payload.data + head, payload.size - head);
    return true;
}
