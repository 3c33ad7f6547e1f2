/* What an engine tells, handed to the node. An engine may be wrong in any way: whatever makes no
 * sense is counted and ignored, so that it costs what a reply costs that was lost. */
#include "clustering/attachment.h"

#include "base/log_limit.h"
#include "base/visible.h"

#include <stdlib.h>
#include <string.h>
#include <toni/error.h>

/* More than a server may know of is nonsense. */
#define LEASES_MOST 4096
#define ENTRIES_MOST 4096

static void refuse(struct clustering *clustering, const char *function)
{
    clustering->nonsense++;
    log_limited(LOG_LEVEL_WARN, "the engine said what makes no sense, which is ignored",
                log_str("engine", clustering->engine_name), log_str("function", function));
}

/* @return The cluster; NULL: the engine may not speak of that server. */
static struct clustering *listen_to(const toni_engine *engine, uint32_t server,
                                    const char *function)
{
    if (!attachment_may(engine))
        return NULL; /* another thread: its own counter is all that it may touch */
    const struct attachment *attachment = attachment_of(engine);
    struct clustering *clustering = attachment->clustering;
    if (!clustering->node || attachment->is_attaching || server >= clustering->server_count) {
        refuse(clustering, function);
        return NULL;
    }
    return clustering;
}

static bool is_text(toni_str text)
{
    return text.data || text.size == 0;
}

static bool is_key(toni_str room)
{
    return room.data && room.size > 0 && room.size <= ROOM_KEY_MAX;
}

static struct room_key key_of(toni_str room)
{
    return (struct room_key){room.data, room.size};
}

static bool is_answer(int32_t answer)
{
    return answer >= TONI_ENGINE_APPLIED && answer <= TONI_ENGINE_ERROR;
}

/* The two enums have the same members. */
_Static_assert((int)TONI_ENGINE_APPLIED == (int)ENGINE_APPLIED &&
                   (int)TONI_ENGINE_ERROR == (int)ENGINE_ERROR,
               "answers are handed on as they are");

static enum engine_answer answer_of(int32_t answer)
{
    return (enum engine_answer)answer;
}

static struct position position_of(toni_position at)
{
    return (struct position){.epoch = at.epoch, .offset = at.offset};
}

/* --- The connection */

static void on_connected(toni_engine *engine, uint32_t server, uint64_t connection)
{
    struct clustering *clustering = listen_to(engine, server, "connected");
    if (clustering)
        node_connected(clustering->node, server, connection, now_ms());
}

static void on_closed(toni_engine *engine, uint32_t server, uint64_t connection, toni_str why)
{
    struct clustering *clustering = listen_to(engine, server, "closed");
    if (!clustering || clustering->links[server].generation != connection)
        return;
    visible_words(clustering->links[server].why, sizeof clustering->links[server].why, why.data,
                  is_text(why) ? why.size : 0);
    connection_ended(clustering, server);
    node_closed(clustering->node, server, connection, now_ms());
}

static void fail(struct clustering *clustering, uint32_t server, uint64_t connection,
                 uint64_t request, int32_t answer)
{
    node_request_failed(clustering->node, server, connection, request, answer_of(answer), now_ms());
}

/* A reply that makes no sense is taken for an error of the server. */
static void refuse_reply(struct clustering *clustering, const char *function, uint32_t server,
                         uint64_t connection, uint64_t request)
{
    refuse(clustering, function);
    fail(clustering, server, connection, request, TONI_ENGINE_ERROR);
}

static void on_hello_reply(toni_engine *engine, uint32_t server, uint64_t connection,
                           uint64_t request, uint64_t incarnation, uint64_t engine_id)
{
    struct clustering *clustering = listen_to(engine, server, "hello_reply");
    if (!clustering)
        return;
    if (incarnation == 0 || engine_id == 0) {
        refuse_reply(clustering, "hello_reply", server, connection, request);
        return;
    }
    const struct hello_reply reply = {.incarnation = incarnation, .engine_id = engine_id};
    node_hello_reply(clustering->node, server, connection, request, &reply, now_ms());
}

/* --- Publishes and messages */

static void on_published(toni_engine *engine, uint32_t server, uint64_t connection, uint64_t number,
                         const toni_engine_published *published)
{
    struct clustering *clustering = listen_to(engine, server, "published");
    if (!clustering)
        return;
    if (!published || published->struct_size < sizeof *published || !is_answer(published->answer)) {
        refuse(clustering, "published");
        return;
    }
    const struct publish_reply reply = {.answer = answer_of(published->answer),
                                        .at = position_of(published->at),
                                        .receivers = published->receivers};
    (void)node_publish_reply(clustering->node, server, connection, number, &reply, now_ms());
}

static void on_subscribed(toni_engine *engine, uint32_t server, uint64_t connection, toni_str room,
                          uint32_t is_subscribed)
{
    struct clustering *clustering = listen_to(engine, server, "subscribed");
    if (!clustering)
        return;
    if (!is_key(room) || is_subscribed > 1) {
        refuse(clustering, "subscribed");
        return;
    }
    node_subscribed(clustering->node, server, connection, key_of(room), is_subscribed == 1,
                    now_ms());
    if (clustering->links[server].generation == connection &&
        node_server_of(clustering->node, key_of(room)) == server)
        room_heard(clustering, key_of(room), is_subscribed == 1);
}

static void on_message(toni_engine *engine, uint32_t server, uint64_t connection, toni_str room,
                       toni_position at, uint32_t kind, toni_str body)
{
    struct clustering *clustering = listen_to(engine, server, "message");
    if (!clustering)
        return;
    if (!is_key(room) || !is_text(body) || body.size > MESSAGE_BYTES_MOST) {
        refuse(clustering, "message");
        return;
    }
    (void)node_message(clustering->node, server, connection, key_of(room), position_of(at),
                       body.data, body.size, kind, now_ms());
}

/* --- Requests */

static void on_probe_reply(toni_engine *engine, uint32_t server, uint64_t connection,
                           uint64_t request, int32_t answer)
{
    struct clustering *clustering = listen_to(engine, server, "probe_reply");
    if (!clustering)
        return;
    if (!is_answer(answer)) {
        refuse(clustering, "probe_reply");
        answer = TONI_ENGINE_ERROR;
    }
    node_probe_reply(clustering->node, server, connection, request, answer_of(answer), now_ms());
}

static void on_probe_echo(toni_engine *engine, uint32_t server, uint64_t connection,
                          uint64_t request)
{
    struct clustering *clustering = listen_to(engine, server, "probe_echo");
    if (clustering)
        node_probe_echo(clustering->node, server, connection, request, now_ms());
}

static void on_tops_reply(toni_engine *engine, uint32_t server, uint64_t connection,
                          uint64_t request, const toni_position *tops, uint32_t count)
{
    struct position copies[TONI_ENGINE_KEYS_MOST];
    struct clustering *clustering = listen_to(engine, server, "tops_reply");
    if (!clustering)
        return;
    if (!tops || count == 0 || count > TONI_ENGINE_KEYS_MOST) {
        refuse_reply(clustering, "tops_reply", server, connection, request);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        copies[i] = position_of(tops[i]);
    node_tops_reply(clustering->node, server, connection, request, copies, count, now_ms());
}

/* @return Room for so many copies of what an answer has; NULL: no memory, which is said. */
static void *make_copies(const struct clustering *clustering, const char *function, uint32_t count,
                         size_t size)
{
    void *copies = calloc((size_t)count + 1, size);
    if (!copies) {
        log_limited(LOG_LEVEL_ERROR,
                    "no memory for what the engine answered: the connection is made anew",
                    log_str("engine", clustering->engine_name), log_str("function", function));
    }
    return copies;
}

static bool are_entries(const toni_engine_entry *entries, uint32_t count)
{
    if (count > ENTRIES_MOST || (!entries && count > 0))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_text(entries[i].body) || entries[i].body.size > MESSAGE_BYTES_MOST)
            return false;
    }
    return true;
}

/* The copy borrows the body. */
static void copy_entry(const toni_engine_entry *entry, struct history_entry *copy)
{
    *copy = (struct history_entry){.offset = entry->offset,
                                   .bytes = entry->body.data,
                                   .size = entry->body.size,
                                   .kind = entry->kind};
}

static void on_history_reply(toni_engine *engine, uint32_t server, uint64_t connection,
                             uint64_t request, toni_position top, const toni_engine_entry *entries,
                             uint32_t count)
{
    struct clustering *clustering = listen_to(engine, server, "history_reply");
    if (!clustering)
        return;
    if (!are_entries(entries, count)) {
        refuse_reply(clustering, "history_reply", server, connection, request);
        return;
    }
    struct history_entry *copies = make_copies(clustering, "history_reply", count, sizeof *copies);
    if (!copies) {
        fail(clustering, server, connection, request, TONI_ENGINE_ERROR);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        copy_entry(&entries[i], &copies[i]);
    (void)node_history_reply(clustering->node, server, connection, request, position_of(top),
                             copies, count, now_ms());
    free(copies);
}

static void copy_lease(const toni_engine_leased *leased, struct lease_entry *copy)
{
    const toni_str name = is_text(leased->name) ? leased->name : (toni_str){0};
    *copy = (struct lease_entry){.identity = {leased->slot, leased->boot},
                                 .node = leased->node,
                                 .left_ms = leased->left_ms,
                                 .name = name.data,
                                 .name_size = name.size};
}

/* @return How many there are without those that nobody can have. */
static uint32_t copy_leases(const toni_engine_leased *leases, uint32_t count,
                            struct lease_entry *copies)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        copy_lease(&leases[i], &copies[kept]);
        kept += lease_entry_is_good(&copies[kept]) ? 1 : 0;
    }
    return kept;
}

/* A lease that is given back has the same answer. */
static void take_no_lease(struct clustering *clustering, uint32_t server, uint64_t connection,
                          uint64_t request)
{
    if (!clustering->is_stopping) {
        log_limited(
            LOG_LEVEL_WARN,
            "other nodes have all slots of the cluster: this one asks again when it would renew",
            log_str("node", clustering->node_name), log_str("engine", clustering->engine_name));
    }
    node_lease_reply(clustering->node, server, connection, request, &(struct lease_reply){0},
                     now_ms());
}

/* NOLINTNEXTLINE(readability-function-size): as many parameters as the engine's table has */
static void on_lease_reply(toni_engine *engine, uint32_t server, uint64_t connection,
                           uint64_t request, uint32_t slot, uint64_t boot, uint64_t id_key,
                           const toni_engine_leased *leases, uint32_t count)
{
    struct clustering *clustering = listen_to(engine, server, "lease_reply");
    if (!clustering)
        return;
    if (slot == 0) {
        take_no_lease(clustering, server, connection, request);
        return;
    }
    if (!lease_identity_is_good((struct node_identity){slot, boot}) || id_key == 0 ||
        count > LEASES_MOST || (!leases && count > 0)) {
        refuse_reply(clustering, "lease_reply", server, connection, request);
        return;
    }
    struct lease_entry *copies = make_copies(clustering, "lease_reply", count, sizeof *copies);
    if (!copies) {
        fail(clustering, server, connection, request, TONI_ENGINE_ERROR);
        return;
    }
    const uint32_t kept = copy_leases(leases, count, copies);
    if (kept < count)
        refuse(clustering, "lease_reply");
    const struct lease_reply reply = {
        .identity = {slot, boot}, .id_key = id_key, .leases = copies, .count = kept};
    node_lease_reply(clustering->node, server, connection, request, &reply, now_ms());
    free(copies);
}

static void on_request_failed(toni_engine *engine, uint32_t server, uint64_t connection,
                              uint64_t request, int32_t answer)
{
    struct clustering *clustering = listen_to(engine, server, "request_failed");
    if (!clustering)
        return;
    if (answer != TONI_ENGINE_OTHER_INCARNATION && answer != TONI_ENGINE_READ_ONLY)
        answer = TONI_ENGINE_ERROR;
    fail(clustering, server, connection, request, answer);
}

static bool are_findings(const toni_engine_finding *findings, uint32_t count)
{
    if (count > TONI_ENGINE_FINDINGS_MOST || (count > 0 && !findings))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (findings[i].struct_size < sizeof findings[i] || !is_text(findings[i].text))
            return false;
    }
    return true;
}

static void on_checked(toni_engine *engine, uint32_t server, uint64_t connection, uint64_t request,
                       const toni_engine_finding *findings, uint32_t count)
{
    struct clustering *clustering = listen_to(engine, server, "checked");
    if (!clustering || clustering->links[server].generation != connection)
        return;
    if (!clustering->only_looks || !are_findings(findings, count))
        refuse(clustering, "checked");
    else if (check_take(clustering, server, findings, count) != 0)
        fail(clustering, server, connection, request, TONI_ENGINE_ERROR); /* it is asked again */
}

const struct toni_engine_host engine_host = {
    .struct_size = sizeof engine_host,
    .connected = on_connected,
    .closed = on_closed,
    .hello_reply = on_hello_reply,
    .published = on_published,
    .subscribed = on_subscribed,
    .message = on_message,
    .probe_reply = on_probe_reply,
    .probe_echo = on_probe_echo,
    .tops_reply = on_tops_reply,
    .history_reply = on_history_reply,
    .lease_reply = on_lease_reply,
    .request_failed = on_request_failed,
    .watch = attachment_watch,
    .rewatch = attachment_rewatch,
    .unwatch = attachment_unwatch,
    .post = attachment_post,
    .checked = on_checked,
};
