/* What `toni check` asks a server: see checking.h.
 *
 * The keys are those of a cluster, each with the connection's own name behind it: they end by
 * themselves, if the connection does before they are deleted. */
#include "checking.h"

#include "answer.h"
#include "reply.h"
#include "request.h"
#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long what is kept lives, if nobody deletes it. */
#define LIFE_MS 10000

/* Redis's own limits of what waits for one who subscribes: with less a host that is slow for a
 * moment is cut off. */
#define HARD_LEAST (UINT64_C(32) << 20)
#define SOFT_LEAST (UINT64_C(8) << 20)

/* What is looked at, beside the scripts, which are numbered as enum waiting_kind. */
enum {
    OF_SERVER_KEY = WAITING_CHECK + 1,
    OF_LEASES_KEY,
    OF_LISTS_KEY,
    OF_MEMORY,
    OF_BUFFERS,
    OF_LIFE,
    OF_END,
    OF_RIGHTS /* and as many behind it as there are */
};

struct check {
    uint64_t request;
    const struct rights *rights; /* of the connection */
    bool has_ended;              /* all replies are there */
    bool expects_echo;           /* the probe was sent on */
    bool has_echo;
    uint32_t count;
    toni_engine_finding findings[TONI_ENGINE_FINDINGS_MOST];
    const char *mends[TONI_ENGINE_FINDINGS_MOST]; /* of each; or NULL */
    char texts[TONI_ENGINE_FINDINGS_MOST][320];
};

/* --- What is found */

/* @return Where its text is to be put; NULL: there are too many. */
static char *add(struct check *check, bool is_warning, const char *mend)
{
    if (check->count == TONI_ENGINE_FINDINGS_MOST)
        return NULL;
    check->findings[check->count] = (toni_engine_finding){
        .struct_size = sizeof(toni_engine_finding), .is_warning = is_warning ? 1 : 0};
    check->mends[check->count] = mend;
    return check->texts[check->count++];
}

#define TEXT_SIZE sizeof(((struct check *)NULL)->texts[0])

/* What mends one mends all that have the same cause: it is told once. */
static bool is_told(const struct check *check, const char *mend)
{
    for (uint32_t i = 0; mend && i < check->count; i++) {
        if (check->mends[i] == mend)
            return true;
    }
    return false;
}

static void find_fault(struct check *check, const char *doing, const redisReply *reply)
{
    const bool is_error = reply->type == REDIS_REPLY_ERROR;
    const struct answer_fault fault = is_error ? answer_fault(reply) : (struct answer_fault){0};
    if ((fault.cause == ANSWER_OF_RIGHTS && check->rights->has_refused) ||
        (fault.cause == ANSWER_OF_COMMAND && check->rights->has_missing) ||
        is_told(check, fault.mend))
        return;
    char *text = add(check, fault.cause == ANSWER_OF_MEMORY, fault.mend);
    if (text)
        talk_fault(text, TEXT_SIZE, doing, reply);
}

static void find_rights(struct check *check, toni_str user)
{
    const struct rights *rights = check->rights;
    char *text;
    if (rights->has_missing && (text = add(check, false, NULL)))
        (void)rights_tell_missing(rights, text, TEXT_SIZE);
    if (rights->has_refused && (text = add(check, false, NULL)))
        (void)rights_tell_refused(rights, user, text, TEXT_SIZE);
}

/* --- Settings */

/* @return The number behind @p name; 0: there is none. @param rest  Set to what is behind that. */
static uint64_t number_behind(const char *text, const char *name, const char **rest)
{
    const char *found = strstr(text, name);
    char *end = NULL;
    const uint64_t number = found ? strtoull(found + strlen(name), &end, 10) : 0;
    *rest = end ? end : "";
    return number;
}

static bool is_string(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING;
}

static void take_memory(struct check *check, const redisReply *reply)
{
    static const char policy_is[] = "\nmaxmemory_policy:";
    const char *rest;
    if (!is_string(reply) || number_behind(reply->str, "\nmaxmemory:", &rest) == 0)
        return;
    const char *policy = strstr(reply->str, policy_is);
    if (!policy)
        return;
    policy += sizeof policy_is - 1;
    const int size = (int)strcspn(policy, "\r\n");
    if (strncmp(policy, "noeviction", (size_t)size) == 0)
        return;
    char *text = add(check, true, NULL);
    if (text) {
        (void)snprintf(text, TEXT_SIZE,
                       "its `maxmemory-policy` is %.*s, which throws rooms away when memory is "
                       "full, and members are told of gaps; with `noeviction` broadcasts are "
                       "refused then",
                       size < 32 ? size : 32, policy);
    }
}

/* Who may not ask for it is told nothing: the ACL rule of the docs does not allow it. */
static void take_buffers(struct check *check, const redisReply *reply)
{
    const char *rest, *end;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || !is_string(reply->element[1]))
        return;
    const uint64_t hard = number_behind(reply->element[1]->str, "pubsub ", &rest);
    const uint64_t soft = strtoull(rest, NULL, 10);
    const uint64_t seconds = number_behind(rest + strspn(rest, " "), " ", &end);
    if ((hard == 0 || hard >= HARD_LEAST) && (soft == 0 || soft >= SOFT_LEAST))
        return;
    char *text = add(check, true, NULL);
    if (text) {
        (void)snprintf(text, TEXT_SIZE,
                       "its `client-output-buffer-limit pubsub` is %llu %llu %llu: a host that is "
                       "slow for a moment is cut off; Redis's own is 32mb 8mb 60",
                       (unsigned long long)hard, (unsigned long long)soft,
                       (unsigned long long)seconds);
    }
}

/* --- Scripts */

static bool take_history(struct check *check, bool is_last, const redisReply *reply)
{
    struct answer_history history;
    if (!answer_history(reply, is_last, &history))
        return false;
    if (history.fault)
        find_fault(check, reply_name_of(WAITING_HISTORY), history.fault);
    free(history.entries);
    return true;
}

static bool is_lease(const redisReply *reply)
{
    struct answer_lease lease;
    const bool is = answer_lease(reply, &lease);
    free(lease.leases);
    return is;
}

/* @return Whether the reply is one that the script has. */
static bool take_answer(struct check *check, enum waiting_kind kind, const redisReply *reply)
{
    struct answer_hello hello;
    toni_engine_published published;
    toni_position top;
    int32_t answer;
    switch (kind) {
    case WAITING_HELLO:
        return answer_hello(reply, &hello);
    case WAITING_TRIAL:
        return answer_published(reply, &published);
    case WAITING_TOPS:
        return answer_tops(reply, &top, 1);
    case WAITING_HISTORY:
    case WAITING_HISTORY_LAST:
        return take_history(check, kind == WAITING_HISTORY_LAST, reply);
    case WAITING_PROBE:
        check->expects_echo = answer_probe(reply, &answer) && answer == TONI_ENGINE_APPLIED;
        return answer_probe(reply, &answer);
    case WAITING_LEASE:
        return is_lease(reply);
    default:
        return true;
    }
}

/* --- Asking */

static toni_str own_name(const struct connection *connection)
{
    return toni_str_make(connection->probe_name, sizeof connection->probe_name);
}

static void ask_words(struct connection *connection, const char *words, uint32_t what)
{
    if (connection->number != 0)
        request_words(connection, words, (struct waiting){.kind = WAITING_CHECK, .count = what});
}

/* Those of a cluster that may be there already. */
static void ask_shared_key(struct connection *connection, const char *what, char kind,
                           uint32_t number)
{
    if (connection->number == 0)
        return;
    struct command *command = request_begin(connection, toni_str_of(what));
    command_add_key(command, kind, toni_str_make(NULL, 0));
    if (kind == KEY_SERVER)
        command_add(command, TONI_LIT("i"));
    request_ask(connection, (struct waiting){.kind = WAITING_CHECK, .count = number});
}

static void ask_scripts(struct connection *connection, const toni_engine_hello *hello)
{
    const toni_str room = own_name(connection);
    const uint64_t incarnation = hello->proposed, request = connection->check->request;
    const toni_engine_history histories[] = {
        {.limit = 1, .since = {1, 0}, .room = room},
        {.limit = 1, .is_last = 1, .room = room},
    };
    const toni_engine_lease leases[] = {
        {.ttl_ms = LIFE_MS, .boot_step = 1, .id_key = 1, .name = TONI_LIT("check")},
        {.slot = 1, .name = TONI_LIT("check")},
    };
    request_hello(connection, request, hello);
    if (connection->number != 0)
        request_trial(connection);
    if (connection->number != 0)
        request_tops(connection, request, &room, 1);
    for (size_t i = 0; i < 2 && connection->number != 0; i++)
        request_history(connection, request, &histories[i]);
    if (connection->number != 0)
        request_probe(connection, request, incarnation);
    for (size_t i = 0; i < 2 && connection->number != 0; i++) {
        toni_engine_lease lease = leases[i];
        lease.incarnation = incarnation;
        lease.node = hello->node;
        request_lease(connection, request, &lease);
    }
}

void check_begin(struct connection *connection, uint64_t request, const toni_engine_hello *hello)
{
    connection->check = calloc(1, sizeof *connection->check);
    if (!connection->check) {
        connection_fail(connection, "there is no memory for a check");
        return;
    }
    connection->check->request = request;
    connection->check->rights = &connection->rights;
    connection->incarnation = hello->proposed;
    ask_shared_key(connection, "HGET", KEY_SERVER, OF_SERVER_KEY);
    ask_shared_key(connection, "HLEN", KEY_LEASES, OF_LEASES_KEY);
    ask_shared_key(connection, "HGETALL", KEY_LISTS, OF_LISTS_KEY);
    rights_ask(connection);
    if (connection->number != 0)
        ask_scripts(connection, hello);
    ask_words(connection, "INFO memory", OF_MEMORY);
    ask_words(connection, "CONFIG GET client-output-buffer-limit", OF_BUFFERS);
    ask_words(connection, "PEXPIRE L 10000", OF_LIFE);
    ask_words(connection, "DEL S L N R H D", OF_END);
}

struct waiting check_waiting(struct waiting one)
{
    return (struct waiting){.kind = WAITING_CHECK,
                            .count = one.kind == WAITING_RIGHT ? OF_RIGHTS + one.count
                                                               : (uint32_t)one.kind};
}

/* --- Answers */

static void end_if_done(struct connection *connection)
{
    struct check *check = connection->check;
    if (!check->has_ended || (check->expects_echo && !check->has_echo))
        return;
    find_rights(check, connection->common->settings->server.user);
    for (uint32_t i = 0; i < check->count; i++)
        check->findings[i].text = toni_str_of(check->texts[i]);
    toni_engine_checked(connection->common->engine, connection->index, connection->number,
                        check->request, check->findings, check->count);
}

/* Whoever may not run a command, or has none, is told so elsewhere. Of somebody else's key the
 * server has no name, as the scripts have. */
static void take_shared_key(struct connection *connection, char kind, const redisReply *reply)
{
    char said[160];
    const bool is_server = kind == KEY_SERVER;
    if (reply->type != REDIS_REPLY_ERROR || answer_fault(reply).is_for_all)
        return;
    (void)snprintf(said, sizeof said, "%s %.*s:%c: is no hash",
                   is_server ? SCRIPT_SERVER_KEY : SCRIPT_LEASES_KEY,
                   TONI_STR_ARG(connection->common->settings->prefix), kind);
    redisReply named = {.type = REDIS_REPLY_ERROR, .str = said, .len = strlen(said)};
    find_fault(connection->check, is_server ? "the key of the server" : "the key of leases",
               strncmp(reply->str, "WRONGTYPE", 9) == 0 ? &named : reply);
}

/* What hosts at work have as their servers: who names others is to know before he is one of them.
 */
static void take_lists(struct connection *connection, const redisReply *reply)
{
    const struct server_list *own = &connection->common->list;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements; i += 2) {
        const redisReply *digest = reply->element[i], *said = reply->element[i + 1];
        if (!is_string(digest) || !is_string(said) || digest->len != sizeof own->digest ||
            memcmp(digest->str, own->digest, sizeof own->digest) == 0)
            continue;
        toni_str name = {NULL, 0}, list = toni_str_make(said->str, said->len);
        char *text = add(connection->check, true, NULL);
        (void)toni_str_split_once(list, ' ', &name, &list);
        (void)toni_str_split_once(list, '\n', &name, &list);
        if (text) {
            (void)snprintf(text, TEXT_SIZE,
                           "the host \"%.*s\" names other servers, %.*s: what is said in rooms "
                           "reaches all if all hosts name the same",
                           TONI_STR_ARG(name), (int)(list.size < 160 ? list.size : 160), list.data);
        }
        return;
    }
}

static void take_script(struct check *check, enum waiting_kind kind, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR || !take_answer(check, kind, reply))
        find_fault(check, reply_name_of(kind), reply);
}

void check_take(struct connection *connection, uint32_t what, const redisReply *reply)
{
    struct check *check = connection->check;
    switch (what) {
    case OF_SERVER_KEY:
        take_shared_key(connection, KEY_SERVER, reply);
        break;
    case OF_LEASES_KEY:
        take_shared_key(connection, KEY_LEASES, reply);
        break;
    case OF_LISTS_KEY:
        take_lists(connection, reply);
        break;
    case OF_MEMORY:
        take_memory(check, reply);
        break;
    case OF_BUFFERS:
        take_buffers(check, reply);
        break;
    case OF_LIFE:
        break;
    case OF_END:
        check->has_ended = true;
        break;
    default:
        if (what >= OF_RIGHTS)
            rights_take(&connection->rights, what - OF_RIGHTS, reply);
        else
            take_script(check, (enum waiting_kind)what, reply);
    }
    end_if_done(connection);
}

void check_echo(struct connection *connection, uint64_t request)
{
    connection->check->has_echo = request == connection->check->request;
    end_if_done(connection);
}

void check_end(struct connection *connection)
{
    free(connection->check);
    connection->check = NULL;
}
