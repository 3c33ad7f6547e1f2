/* What nodes ask each other and answer, on their control channels; see clustering_private.h. */
#include "clustering/clustering_private.h"

#include "clustering/keys.h"
#include "rooms/asked.h"

#include <stdlib.h>
#include <toni/cluster.h>

int control_channel_init(struct control_channel *channel, uint64_t nameless)
{
    const struct control_settings settings = {.asks_max = ASKS_MOST,
                                              .receipts_max = RECEIPTS_MOST,
                                              .bytes_max = 2 * (uint64_t)ASKS_BYTES_MOST +
                                                           RECEIPTS_BYTES_MOST,
                                              .nodes_max = NODES_MOST,
                                              .nameless = nameless};
    channel->table = control_table_create(&settings);
    return channel->table ? 0 : -1;
}

void control_channel_finish(struct control_channel *channel)
{
    control_table_destroy(channel->table);
}

/* --- Who is there */

bool control_channel_reaches(struct clustering *clustering, toni_client_id client)
{
    const struct client_origin origin = naming_origin(&clustering->connections->naming, client);
    return origin.slot != 0 && atomic_load_explicit(&clustering->control.live[origin.slot],
                                                    memory_order_relaxed) == origin.boot + 1;
}

int control_channel_listen(struct clustering *clustering)
{
    char bytes[ROOM_KEY_MAX];
    const struct room_key key = key_of_control(CONTROL_ALL, bytes);
    return node_subscribe(clustering->node, key, 0, now_ms()) == CLUSTER_DONE ? 0 : -1;
}

/* Not before the channel's server is there, which may be another than that of the leases. */
static void announce(struct clustering *clustering)
{
    struct control_channel *channel = &clustering->control;
    char bytes[ROOM_KEY_MAX];
    if (!channel->must_announce)
        return;
    const uint32_t server = node_server_of(clustering->node, key_of_control(CONTROL_ALL, bytes));
    if (clustering->links[server].state == SERVER_DOWN)
        return;
    channel->must_announce = false;
    (void)control_announce(channel->table); /* else the others see it when they next renew */
}

/* Has this node's channel subscribed, and no other. What there is no memory for is tried again. */
static void follow_slot(struct clustering *clustering)
{
    struct control_channel *channel = &clustering->control;
    char bytes[ROOM_KEY_MAX];
    if (channel->heard_slot == channel->own_slot)
        return;
    if (channel->heard_slot != 0)
        (void)node_unsubscribe(clustering->node, key_of_control(channel->heard_slot, bytes),
                               now_ms());
    channel->heard_slot = 0;
    if (channel->own_slot == 0)
        return;
    if (node_subscribe(clustering->node, key_of_control(channel->own_slot, bytes), 0, now_ms()) ==
        CLUSTER_DONE)
        channel->heard_slot = channel->own_slot;
    else
        clustering->is_short = true;
}

static void note_live(struct control_channel *channel, struct node_identity identity, bool is_live)
{
    const uint32_t boot = (uint32_t)identity.boot & ((1u << CLIENT_ID_BOOT_BITS) - 1);
    if (identity.slot > CLIENT_ID_SLOT_MOST)
        return;
    _Atomic uint32_t *live = &channel->live[identity.slot];
    if (is_live)
        atomic_store_explicit(live, boot + 1, memory_order_relaxed);
    else if (atomic_load_explicit(live, memory_order_relaxed) == boot + 1)
        atomic_store_explicit(live, 0, memory_order_relaxed);
}

void control_channel_identity(struct clustering *clustering, const struct output *output)
{
    struct control_channel *channel = &clustering->control;
    const struct node_identity identity = output->node.identity;
    switch (output->kind) {
    case OUTPUT_LEASE_HELD:
        naming_identify(&clustering->connections->naming, output->node.id_key, identity);
        control_held(channel->table, identity);
        channel->own_slot = identity.slot;
        channel->must_announce = true;
        break;
    case OUTPUT_LEASE_LOST:
        control_lost(channel->table);
        channel->own_slot = 0;
        channel->must_announce = false;
        break;
    case OUTPUT_NODE_SEEN:
        control_seen(channel->table, identity, output->payload);
        note_live(channel, identity, true);
        break;
    default:
        control_gone(channel->table, identity);
        note_live(channel, identity, false);
        break;
    }
    follow_slot(clustering);
    announce(clustering);
    control_channel_settle(clustering);
}

/* --- What goes out, and what is done */

/* A publish's cookie is an address, and so even; one of a control channel is odd. */
static void publish(struct clustering *clustering, const struct control_send *send)
{
    char bytes[ROOM_KEY_MAX];
    const struct keeping none = {0};
    const int status = node_publish(clustering->node, key_of_control(send->slot, bytes),
                                    send->payload, none, 0, send->cookie << 1 | 1, now_ms());
    payload_unref(send->payload);
    if (status != CLUSTER_DONE)
        control_sent(clustering->control.table, send->cookie, PUBLISH_REJECTED, 0, now_ms());
}

static void tell_done(struct clustering *clustering)
{
    struct control_ask *done;
    while ((done = control_take(clustering->control.table))) {
        if (done->is_receipt)
            receipts_tell(clustering, done);
        else
            asks_tell(clustering, done);
        control_ask_destroy(done);
    }
}

void control_channel_settle(struct clustering *clustering)
{
    struct control_send send;
    while (control_take_send(clustering->control.table, &send))
        publish(clustering, &send);
    tell_done(clustering);
}

void control_channel_run(struct clustering *clustering)
{
    follow_slot(clustering);
    control_tick(clustering->control.table, now_ms());
    announce(clustering);
    control_channel_settle(clustering);
}

uint64_t control_channel_due(const struct control_channel *channel)
{
    return control_due(channel->table);
}

void control_channel_close(struct clustering *clustering)
{
    clustering->control.is_closed = true;
    control_end(clustering->control.table);
    tell_done(clustering);
}

uint32_t control_channel_name_missing(const struct control_ask *done, toni_str *names)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < done->target_count; i++) {
        if (done->targets[i].outcome != CONTROL_ANSWERED)
            names[count++] = node_name_str(done->targets[i].name);
    }
    return count;
}

/* --- What comes */

bool control_channel_result(struct clustering *clustering, const struct output *output)
{
    if ((output->result.cookie & 1) == 0)
        return false;
    control_sent(clustering->control.table, output->result.cookie >> 1, output->result.result,
                 output->result.receivers, now_ms());
    control_channel_settle(clustering);
    return true;
}

static toni_str str_of(struct control_bytes bytes)
{
    return (toni_str){bytes.bytes, bytes.size};
}

static toni_cluster_request request_of(const struct control_request *asked, toni_message *message)
{
    static const toni_cluster_kind kinds[] = {
        [CONTROL_SEND] = TONI_CLUSTER_SEND, [CONTROL_CLOSE] = TONI_CLUSTER_CLOSE,
        [CONTROL_JOIN] = TONI_CLUSTER_JOIN, [CONTROL_LEAVE] = TONI_CLUSTER_LEAVE,
        [CONTROL_ROOM] = TONI_CLUSTER_ROOM,
    };
    *message = (toni_message){
        .struct_size = sizeof *message, .kind = asked->code, .body = str_of(asked->body)};
    return (toni_cluster_request){
        .struct_size = sizeof(toni_cluster_request),
        .kind = kinds[asked->form],
        .client = asked->client,
        .after = asked->after,
        .text = str_of(asked->form == CONTROL_CLOSE ? asked->body : asked->room),
        .message = asked->form == CONTROL_SEND ? message : NULL,
        .code = asked->code,
        .limit = asked->limit};
}

static void carry_out(struct clustering *clustering, const struct control_frame *frame)
{
    toni_message message;
    const toni_cluster_request request = request_of(&frame->request, &message);
    struct space *space = door_find_space(clustering, str_of(frame->request.space));
    struct asked_members members = {0};
    struct control_answer answer = {.status = space ? asked_check(&request) : TONI_ERR_NOT_FOUND};
    if (answer.status == TONI_OK && request.kind == TONI_CLUSTER_ROOM)
        answer.status = asked_members(space, &request, &members);
    else if (answer.status == TONI_OK)
        answer.status = asked_here(space, &request);
    answer.count = members.count;
    answer.ids = members.ids;
    answer.id_count = members.id_count;
    (void)control_reply(clustering->control.table, &frame->head, &answer);
    free(members.ids);
}

/* The others are not told who it is that is new, but ask the engine: so whoever forges an
 * announcement gets no more by it than a request that is made earlier. */
static void take_announcement(struct clustering *clustering, const struct payload *payload)
{
    if (control_announces(clustering->control.table, payload->bytes, payload->size))
        node_renew_early(clustering->node, now_ms());
}

bool control_channel_message(struct clustering *clustering, const struct output *output)
{
    const struct payload *payload = output->payload;
    struct control_frame frame;
    if (!key_is_control(output->keys->list[0]))
        return false;
    if (key_is_control_of_all(output->keys->list[0]))
        take_announcement(clustering, payload);
    else if (control_message(clustering->control.table, payload->bytes, payload->size, &frame))
        carry_out(clustering, &frame);
    control_channel_settle(clustering);
    return true;
}

/* What is lost of requests and answers has its time limit; an announcement may be among it. */
bool control_channel_gap(struct clustering *clustering, struct room_key key)
{
    if (key_is_control_of_all(key))
        node_renew_early(clustering->node, now_ms());
    return key_is_control(key);
}
