/* What an engine tells a fake node: kept until the test takes it, in three orders. */
#include "node_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *toni_told_name(toni_told_kind kind)
{
    static const char *const names[] = {
        "connected",  "closed",        "hello_reply", "published_reply", "probe_reply",
        "tops_reply", "history_reply", "lease_reply", "checked",         "request_failed",
        "subscribed", "message",       "probe_echo"};
    return names[kind];
}

/* Of the connection, of its commands, of its subscriptions. */
static size_t order_of(toni_told_kind kind)
{
    if (kind <= TONI_TOLD_CLOSED)
        return 0;
    return kind <= TONI_TOLD_FAILED ? 1 : 2;
}

static void check(const toni_fake_node *node, const toni_told *told)
{
    const char *name = toni_told_name(told->kind);
    ck_assert_msg(node->is_attached, "the engine tells toni_engine_%s after `detach`", name);
    node_check_thread(node, name);
    ck_assert_msg(told->server < node->server_count,
                  "the engine tells toni_engine_%s of server %" PRIu32 ", and has %" PRIu32, name,
                  told->server, node->server_count);
    const toni_fake_link *link = &node->links[told->server];
    ck_assert_msg(link->is_open && link->connection == told->connection,
                  "the engine tells toni_engine_%s of connection %" PRIu64 ", which is not there",
                  name, told->connection);
    ck_assert_msg(told->kind == TONI_TOLD_CLOSED ||
                      link->is_connected != (told->kind == TONI_TOLD_CONNECTED),
                  "the engine tells toni_engine_%s of a connection that it has %s connected", name,
                  link->is_connected ? "already" : "not");
}

/* @param extra  Bytes behind it, for what it points to. */
static toni_told *add(toni_engine *engine, toni_told told, size_t extra)
{
    toni_fake_node *node = (toni_fake_node *)engine;
    const size_t order = order_of(told.kind);
    toni_told *kept = malloc(sizeof *kept + extra);
    ck_assert(kept != NULL);
    check(node, &told);
    *kept = told;
    if (node->last[order])
        node->last[order]->next = kept;
    else
        node->first[order] = kept;
    node->last[order] = kept;
    return kept;
}

/* @param end  Where there is room; moved on. */
static toni_str keep(char **end, toni_str text)
{
    const toni_str kept = {*end, text.size};
    if (text.size > 0)
        memcpy(*end, text.data, text.size);
    *end += text.size;
    return kept;
}

static toni_told *add_texts(toni_engine *engine, toni_told told, toni_str room, toni_str body)
{
    toni_told *kept = add(engine, told, room.size + body.size);
    char *end = (char *)(kept + 1);
    kept->room = keep(&end, room);
    kept->body = keep(&end, body);
    return kept;
}

/* --- Of the connection */

static void connected(toni_engine *engine, uint32_t server, uint64_t connection)
{
    toni_fake_node *node = (toni_fake_node *)engine;
    (void)add(engine,
              (toni_told){.kind = TONI_TOLD_CONNECTED, .server = server, .connection = connection},
              0);
    node->links[server].is_connected = 1;
}

static void closed(toni_engine *engine, uint32_t server, uint64_t connection, toni_str why)
{
    toni_fake_node *node = (toni_fake_node *)engine;
    const toni_told told = {.kind = TONI_TOLD_CLOSED, .server = server, .connection = connection};
    (void)add_texts(engine, told, TONI_LIT(""), why);
    node->links[server].is_open = node->links[server].is_connected = 0;
}

/* --- Of commands */

static void hello_reply(toni_engine *engine, uint32_t server, uint64_t connection, uint64_t request,
                        uint64_t incarnation, uint64_t engine_id)
{
    ck_assert_msg(incarnation != 0 && engine_id != 0, "toni_engine_hello_reply tells a 0");
    (void)add(engine,
              (toni_told){.kind = TONI_TOLD_HELLO,
                          .server = server,
                          .connection = connection,
                          .request = request,
                          .incarnation = incarnation,
                          .engine_id = engine_id},
              0);
}

static void published(toni_engine *engine, uint32_t server, uint64_t connection, uint64_t number,
                      const toni_engine_published *reply)
{
    ck_assert_msg(reply->answer >= TONI_ENGINE_APPLIED && reply->answer <= TONI_ENGINE_ERROR,
                  "toni_engine_published_reply tells the answer %" PRId32, reply->answer);
    (void)add(engine,
              (toni_told){.kind = TONI_TOLD_PUBLISHED,
                          .server = server,
                          .connection = connection,
                          .request = number,
                          .answer = reply->answer,
                          .at = reply->at,
                          .receivers = reply->receivers},
              0);
}

static toni_told of_request(toni_told_kind kind, uint32_t server, uint64_t connection,
                            uint64_t request)
{
    return (toni_told){
        .kind = kind, .server = server, .connection = connection, .request = request};
}

static void probe_reply(toni_engine *engine, uint32_t server, uint64_t connection, uint64_t request,
                        int32_t answer)
{
    toni_told told = of_request(TONI_TOLD_PROBE, server, connection, request);
    told.answer = answer;
    (void)add(engine, told, 0);
}

static void request_failed(toni_engine *engine, uint32_t server, uint64_t connection,
                           uint64_t request, int32_t answer)
{
    toni_told told = of_request(TONI_TOLD_FAILED, server, connection, request);
    told.answer = answer;
    (void)add(engine, told, 0);
}

static void tops_reply(toni_engine *engine, uint32_t server, uint64_t connection, uint64_t request,
                       const toni_position *tops, uint32_t count)
{
    toni_told told = of_request(TONI_TOLD_TOPS, server, connection, request);
    told.count = count;
    toni_told *kept = add(engine, told, count * sizeof *tops);
    kept->tops = (toni_position *)(kept + 1);
    if (count > 0)
        memcpy(kept->tops, tops, count * sizeof *tops);
}

static void history_reply(toni_engine *engine, uint32_t server, uint64_t connection,
                          uint64_t request, toni_position top, const toni_engine_entry *entries,
                          uint32_t count)
{
    size_t size = count * sizeof *entries;
    toni_told told = of_request(TONI_TOLD_HISTORY, server, connection, request);
    told.at = top;
    told.count = count;
    for (uint32_t i = 0; i < count; i++) {
        size += entries[i].body.size;
        ck_assert_msg(i == 0 || entries[i].offset == entries[i - 1].offset + 1,
                      "a history has a hole: %" PRIu64 " follows %" PRIu64, entries[i].offset,
                      entries[i - 1].offset);
    }
    ck_assert_msg(count == 0 || entries[count - 1].offset <= top.offset,
                  "a history goes on above its top");
    toni_told *kept = add(engine, told, size);
    kept->entries = (toni_engine_entry *)(kept + 1);
    char *end = (char *)(kept->entries + count);
    for (uint32_t i = 0; i < count; i++) {
        kept->entries[i] = entries[i];
        kept->entries[i].body = keep(&end, entries[i].body);
    }
}

/* NOLINTNEXTLINE(readability-function-size): as many parameters as toni_engine_lease_reply has */
static void lease_reply(toni_engine *engine, uint32_t server, uint64_t connection, uint64_t request,
                        uint32_t slot, uint64_t boot, uint64_t id_key,
                        const toni_engine_leased *leases, uint32_t count)
{
    size_t size = count * sizeof *leases;
    toni_told told = of_request(TONI_TOLD_LEASE, server, connection, request);
    told.slot = slot;
    told.boot = boot;
    told.id_key = id_key;
    told.count = count;
    for (uint32_t i = 0; i < count; i++)
        size += leases[i].name.size;
    toni_told *kept = add(engine, told, size);
    kept->leases = (toni_engine_leased *)(kept + 1);
    char *end = (char *)(kept->leases + count);
    for (uint32_t i = 0; i < count; i++) {
        kept->leases[i] = leases[i];
        kept->leases[i].name = keep(&end, leases[i].name);
    }
}

/* The texts stand one behind the other, each with a line's end. */
static void checked(toni_engine *engine, uint32_t server, uint64_t connection, uint64_t request,
                    const toni_engine_finding *findings, uint32_t count)
{
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++)
        size += findings[i].text.size + 1;
    toni_told *kept = add(engine, of_request(TONI_TOLD_CHECKED, server, connection, request), size);
    char *end = (char *)(kept + 1);
    kept->body = toni_str_make(end, size);
    for (uint32_t i = 0; i < count; i++) {
        (void)keep(&end, findings[i].text);
        *end++ = '\n';
    }
}

/* --- Of subscriptions */

static void subscribed(toni_engine *engine, uint32_t server, uint64_t connection, toni_str room,
                       uint32_t is_subscribed)
{
    const toni_told told = {.kind = TONI_TOLD_SUBSCRIBED,
                            .server = server,
                            .connection = connection,
                            .is_subscribed = is_subscribed};
    (void)add_texts(engine, told, room, TONI_LIT(""));
}

static void message(toni_engine *engine, uint32_t server, uint64_t connection, toni_str room,
                    toni_position at, uint32_t kind, toni_str body)
{
    const toni_told told = {.kind = TONI_TOLD_MESSAGE,
                            .server = server,
                            .connection = connection,
                            .at = at,
                            .message_kind = kind};
    (void)add_texts(engine, told, room, body);
}

static void probe_echo(toni_engine *engine, uint32_t server, uint64_t connection, uint64_t request)
{
    (void)add(engine, of_request(TONI_TOLD_ECHO, server, connection, request), 0);
}

/* --- What the test takes */

static toni_told *take(toni_fake_node *node, size_t order)
{
    toni_told *told = node->first[order];
    node->first[order] = told->next;
    if (!told->next)
        node->last[order] = NULL;
    free(node->taken[order]);
    node->taken[order] = told;
    return told;
}

const toni_told *toni_fake_node_peek(const toni_fake_node *node, toni_told_kind kind)
{
    return node->first[order_of(kind)];
}

/* What came before the end of the connection is still there to be taken. */
static void check_open(const toni_fake_node *node, toni_told_kind kind)
{
    const toni_told *end = node->first[0];
    ck_assert_msg(kind <= TONI_TOLD_CLOSED || !end || end->kind != TONI_TOLD_CLOSED,
                  "%s was waited for, and the engine has closed the connection: %.*s",
                  toni_told_name(kind), TONI_STR_ARG(end->body));
}

const toni_told *toni_fake_node_await(toni_fake_node *node, toni_told_kind kind)
{
    const size_t order = order_of(kind);
    const int64_t until_ms = node_now_ms() + node->patience_ms;
    toni_fake_node_flush(node);
    while (!node->first[order] && node_now_ms() < until_ms) {
        check_open(node, kind);
        node_turn(node, until_ms - node_now_ms());
    }
    ck_assert_msg(node->first[order] != NULL,
                  "%s was waited for, and nothing came in %" PRId64 " ms", toni_told_name(kind),
                  node->patience_ms);
    return node->first[order];
}

const toni_told *toni_fake_node_next(toni_fake_node *node, toni_told_kind kind)
{
    (void)toni_fake_node_await(node, kind);
    const toni_told *told = take(node, order_of(kind));
    ck_assert_msg(told->kind == kind,
                  "%s was waited for, and the engine told %s (request %" PRIu64 ", answer %" PRId32
                  ")",
                  toni_told_name(kind), toni_told_name(told->kind), told->request, told->answer);
    return told;
}

void node_forget_all(toni_fake_node *node)
{
    for (size_t order = 0; order < 3; order++) {
        while (node->first[order])
            (void)take(node, order);
        free(node->taken[order]);
        node->taken[order] = NULL;
    }
}

void node_told_fill(struct toni_engine_host *host)
{
    host->connected = connected;
    host->closed = closed;
    host->hello_reply = hello_reply;
    host->published = published;
    host->subscribed = subscribed;
    host->message = message;
    host->probe_reply = probe_reply;
    host->probe_echo = probe_echo;
    host->tops_reply = tops_reply;
    host->history_reply = history_reply;
    host->lease_reply = lease_reply;
    host->request_failed = request_failed;
    host->checked = checked;
}
