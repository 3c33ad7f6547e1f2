/* What the node says to the host: results, messages, gaps, states, other nodes. */
#include "clustering/clustering_private.h"

#include "base/log_limit.h"
#include "clustering/keys.h"
#include "rooms/room_table.h"

#include <stdlib.h>
#include <string.h>

/* Losses are told to gateways at most so often, with how many there were. */
#define TELL_LOST_MS 1000

/* --- Rooms */

/* @param room  Set; empty: the namespace's channel. @return NULL: it is nobody's here. */
static struct space *find_space(const struct clustering *clustering, const struct room_keys *keys,
                                toni_str *room)
{
    toni_str namespace;
    return key_split(keys->list[0], &namespace, room) ? door_find_space(clustering, namespace)
                                                      : NULL;
}

void room_heard(struct clustering *clustering, struct room_key key, bool is_heard)
{
    struct wanted *wanted = inbox_find(&clustering->inbox, key);
    if (!wanted)
        return;
    wanted->is_heard = is_heard;
    if (is_heard)
        turn_release(clustering, wanted);
    else
        inbox_forget(&clustering->inbox, wanted);
}

/* --- Messages */

static void deliver_to(struct clustering *clustering, struct space *space, toni_str room,
                       const struct output *output, const struct envelope *envelope, size_t head)
{
    const struct payload *payload = output->payload;
    const toni_str body = {(const char *)payload->bytes + head, payload->size - head};
    const toni_message message = {
        .struct_size = sizeof message, .kind = payload->kind & ~PAYLOAD_HAS_ENVELOPE, .body = body};
    struct receipt *receipt = NULL;
    if (envelope && envelope->receipt != 0) {
        const struct node_identity asks = {envelope->receipt_slot, envelope->receipt_boot};
        receipt = receipts_count(clustering, envelope->receipt, asks);
    }
    const toni_position at = {output->deliver.at.epoch, output->deliver.at.offset};
    const int32_t result = remote_deliver(space, room, at, &message, envelope, receipt);
    if (result < 0 && receipt)
        receipt->finished(receipt);
}

/* A host that was alone said so much to its own members, who know. */
static void take_notice(const struct clustering *clustering, struct space *space, toni_str room,
                        const struct envelope *notice)
{
    if (notice->lost_node != clustering->incarnation)
        remote_gap(space, room, notice->lost < UINT32_MAX ? notice->lost : 0, WHY_LOCAL);
}

static void deliver_here(struct clustering *clustering, struct output *output)
{
    toni_str room;
    struct space *space = find_space(clustering, output->keys, &room);
    struct envelope *envelope = NULL;
    size_t head = 0;
    if (!space)
        return;
    int read = CLUSTER_DONE;
    if ((output->payload->kind & PAYLOAD_HAS_ENVELOPE) != 0)
        read = envelope_read(output->payload->bytes, output->payload->size, &envelope, &head);
    if (envelope && envelope->lost > 0)
        take_notice(clustering, space, room, envelope);
    else if (read == CLUSTER_DONE)
        deliver_to(clustering, space, room, output, envelope, head);
    else if (read == CLUSTER_NO_MEMORY)
        remote_gap(space, room, 1, WHY_NO_MEMORY);
    else
        remote_refuse(space, room, "its envelope");
    free(envelope);
}

/* Who comes back may be ahead of the room: it gets what is new to it. */
static void deliver(struct clustering *clustering, struct output *output)
{
    const struct room_key key = output->keys->list[0];
    if (clustering->ahead)
        recoveries_before(clustering, key, output->deliver.at);
    deliver_here(clustering, output);
    if (clustering->ahead)
        recoveries_after(clustering, key, output->deliver.at);
}

static void tell_gap(struct clustering *clustering, const struct output *output)
{
    const struct room_key key = output->keys->list[0];
    const struct position end = {output->gap.epoch,
                                 output->gap.to > 0 ? output->gap.to : UINT64_MAX};
    toni_str room;
    if (control_channel_gap(clustering, key))
        return;
    if (clustering->ahead)
        recoveries_before(clustering, key, end);
    struct space *space = find_space(clustering, output->keys, &room);
    const uint64_t from = output->gap.from, to = output->gap.to;
    if (space)
        remote_gap(space, room, from > 0 && to >= from ? to - from + 1 : 0, output->gap.why);
    if (space && output->gap.why == WHY_LOCAL)
        notice_send(clustering, space, room, key, to);
    if (clustering->ahead)
        recoveries_after(clustering, key, end);
}

/* --- What became of publishes */

/* Nobody waits for what became of it: so it is logged, and gateways are told. */
static void note_loss(struct clustering *clustering, const struct sent *sent,
                      enum publish_result result, enum cluster_why why)
{
    counter_add_shared(&clustering->views[sent->server].lost, 1);
    log_limited(LOG_LEVEL_WARN,
                result == PUBLISH_REJECTED
                    ? "a broadcast is lost: the engine did not take it"
                    : "a broadcast may be lost: the engine did not say what became of it",
                log_brief("room", sent->key, sent->key_size),
                log_str("reason", cluster_why_text(why)));
    if (sent->server == SERVER_UNKNOWN)
        return;
    clustering->links[sent->server].lost_untold++;
    if (clustering->tell_at_ms == 0)
        clustering->tell_at_ms = now_ms() + TELL_LOST_MS;
}

void sent_finish(struct clustering *clustering, struct sent *sent, enum publish_result result,
                 enum cluster_why why, uint32_t receivers)
{
    atomic_fetch_sub(&clustering->views[sent->server].waiting_bytes, sent->charged);
    if (--clustering->outstanding == 0 && clustering->let_go_until_ms > 0)
        loop_wake_send(&clustering->wake); /* the engine is let go of by the next turn */
    if (notice_put_off(clustering, sent, result))
        return;
    if (sent->receipt)
        receipts_result(clustering, sent, result, why, receivers);
    else if (result != PUBLISH_OK)
        note_loss(clustering, sent, result, why);
    sent_destroy(sent);
}

/* --- States, nodes */

static void note_state(struct clustering *clustering, const struct output *output)
{
    static const char *const words[] = {
        [SERVER_DOWN] = "a server of the cluster is away",
        [SERVER_DEGRADED] = "a server of the cluster is there; rooms are caught up with",
        [SERVER_UP] = "a server of the cluster is up",
    };
    struct server_link *link = &clustering->links[output->server];
    const bool is_worse = output->state.state < link->state ||
                          output->state.why == WHY_OTHER_ENGINE ||
                          (output->state.state == SERVER_DOWN && output->state.why != WHY_START);
    /* Before the line: who reads it finds the server as it says. But while the engine is exchanged
     * nobody is refused: what is published waits. */
    if (clustering->held_until_ms == 0)
        atomic_store_explicit(&clustering->views[output->server].state,
                              (uint32_t)output->state.state, memory_order_relaxed);
    if (output->state.state != link->state || output->state.state == SERVER_DOWN) {
        log_limited_by(&link->state_lines, is_worse ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
                       words[output->state.state],
                       log_str("server", clustering->names[output->server]),
                       log_str("reason", cluster_why_text(output->state.why)),
                       log_str("engine_says", output->state.state == SERVER_DOWN ? link->why : ""));
    }
    link->state = output->state.state;
    link->state_why = output->state.why;
    if (link->state == SERVER_UP)
        link->why[0] = '\0'; /* that is over, and no reason of what comes next */
    if (link->state == SERVER_UP && clustering->notices.first)
        clustering->notices_at_ms = now_ms();
}

static void note_identity(struct clustering *clustering, const struct output *output)
{
    const bool is_held = output->kind == OUTPUT_LEASE_HELD;
    pthread_mutex_lock(&clustering->lock);
    clustering->identity = is_held ? output->node.identity : (struct node_identity){0};
    pthread_cond_broadcast(&clustering->changed); /* for clustering_wait_up() */
    pthread_mutex_unlock(&clustering->lock);
    if (is_held) {
        log_info("this node is one of the cluster", log_str("node", clustering->node_name),
                 log_uint("slot", output->node.identity.slot));
    } else {
        log_at(output->node.why == WHY_LEFT ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
               "this node is no longer one of the cluster",
               log_str("reason", cluster_why_text(output->node.why)));
    }
}

static void note_node(struct clustering *clustering, const struct output *output)
{
    const toni_str name = node_name_str(output->payload);
    const bool is_seen = output->kind == OUTPUT_NODE_SEEN;
    /* Under a limit: whoever may write the leases on the engine can forge a thousand of them. */
    log_limited(LOG_LEVEL_INFO, is_seen ? "another node is seen" : "another node is gone",
                log_strn("node", name.data, name.size),
                log_uint("slot", output->node.identity.slot),
                log_str("reason", cluster_why_text(output->node.why)));
    if (is_seen) {
        clustering->nodes_seen++;
        return;
    }
    clustering->nodes_seen--;
    tell_node_lost(clustering, name);
}

void event_carry_out(struct clustering *clustering, struct output *output)
{
    switch (output->kind) {
    case OUTPUT_RESULT:
        if (control_channel_result(clustering, output))
            break;
        /* NOLINTNEXTLINE(performance-no-int-to-ptr): the node keeps it as a number */
        sent_finish(clustering, (struct sent *)(uintptr_t)output->result.cookie,
                    output->result.result, output->result.why, output->result.receivers);
        break;
    case OUTPUT_DELIVER:
        if (!control_channel_message(clustering, output))
            deliver(clustering, output);
        break;
    case OUTPUT_GAP:
        tell_gap(clustering, output);
        break;
    case OUTPUT_STATE:
        note_state(clustering, output);
        break;
    case OUTPUT_LEASE_HELD:
    case OUTPUT_LEASE_LOST:
        control_channel_identity(clustering, output);
        note_identity(clustering, output);
        break;
    case OUTPUT_NODE_SEEN:
    case OUTPUT_NODE_LOST:
        control_channel_identity(clustering, output);
        note_node(clustering, output);
        break;
    case OUTPUT_RECOVERED:
        recoveries_answer(clustering, output);
        break;
    default: /* commands are carried out elsewhere */
        break;
    }
}
