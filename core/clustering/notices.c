/* What this host said while it was alone is lost to the members of all others: they are told by a
 * notice, at its place in the room. It is sent until it has that: a server that is away, or takes
 * nothing, is tried again once it is up. */
#include "clustering/clustering_private.h"

#include "base/log.h"
#include "base/log_limit.h"
#include "rooms/room_table.h"

/* One that was refused by a server that is up is sent again after that. */
#define NOTICE_AGAIN_MS 1000

static struct sent *make(const struct clustering *clustering, struct room_key key, uint32_t count)
{
    const struct envelope notice = {.lost = count, .lost_node = clustering->incarnation};
    struct sent *sent = sent_create(key, &notice, NULL, 0, TONI_TEXT);
    if (!sent) {
        log_limited(LOG_LEVEL_ERROR, "no memory to tell other hosts what this one said alone",
                    log_brief("room", key.bytes, key.size), log_uint("count", count));
        return NULL;
    }
    sent->is_notice = true;
    return sent;
}

void notice_send(struct clustering *clustering, struct space *space, toni_str room,
                 struct room_key key, uint64_t count)
{
    struct sent *sent = make(clustering, key, count < UINT32_MAX ? (uint32_t)count : UINT32_MAX);
    if (!sent)
        return;
    if (room.size > 0) {
        const struct history_rule rule = room_table_kept(space, room);
        sent->keeping = (struct keeping){rule.messages, rule.seconds};
    }
    turn_publish(clustering, sent);
}

bool notice_put_off(struct clustering *clustering, struct sent *sent, enum publish_result result)
{
    if (!sent->is_notice || result == PUBLISH_OK || clustering->is_stopping ||
        clustering->notice_count == NOTICES_MOST)
        return false;
    struct sent *next = sent;
    if (result == PUBLISH_UNKNOWN) {
        /* It may have been told: of two the sum would be wrong, so the next has no count. */
        next = make(clustering, sent_key(sent), UINT32_MAX);
        if (!next)
            return false;
        next->keeping = sent->keeping;
        next->server = sent->server;
        sent_destroy(sent);
    }
    sent_append(&clustering->notices, next);
    clustering->notice_count++;
    if (clustering->notices_at_ms == 0)
        clustering->notices_at_ms = now_ms() + NOTICE_AGAIN_MS;
    return true;
}

void notices_run(struct clustering *clustering)
{
    struct sent_list notices = clustering->notices;
    struct sent *sent;
    if (now_ms() < notices_due(clustering))
        return;
    clustering->notices = (struct sent_list){0};
    clustering->notices_at_ms = 0;
    while ((sent = sent_take(&notices))) {
        if (clustering->links[sent->server].state != SERVER_UP) {
            sent_append(&clustering->notices, sent);
            continue;
        }
        clustering->notice_count--;
        turn_publish(clustering, sent);
    }
}

uint64_t notices_due(const struct clustering *clustering)
{
    return clustering->notices_at_ms > 0 ? clustering->notices_at_ms : UINT64_MAX;
}

void notices_drop(struct clustering *clustering)
{
    struct sent *sent;
    if (clustering->notice_count > 0) {
        log_warn("the host ends before other hosts were told what it said alone",
                 log_str("node", clustering->node_name),
                 log_uint("rooms", clustering->notice_count));
    }
    clustering->notice_count = 0;
    while ((sent = sent_take(&clustering->notices))) {
        counter_add_shared(&clustering->views[sent->server].lost, 1);
        sent_destroy(sent);
    }
}
