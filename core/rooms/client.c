/* Clients; see client.h. */
#include "rooms/client.h"

#include "base/clock.h"
#include "base/log_limit.h"
#include "rooms/backlog.h"
#include "rooms/connections.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* --- Making and ending */

static bool enter_everyone(toni_client *client)
{
    struct room *everyone = client->connections->everyone;
    pthread_mutex_lock(&everyone->mutex);
    bool added = !room_add(everyone, client, &client->memberships.everyone);
    pthread_mutex_unlock(&everyone->mutex);
    if (added)
        client->memberships.everyone.room = room_ref(everyone);
    return added;
}

static void leave_everyone(toni_client *client)
{
    struct room *everyone = client->memberships.everyone.room;
    pthread_mutex_lock(&everyone->mutex);
    room_remove(everyone, &client->memberships.everyone, client->lane->index);
    pthread_mutex_unlock(&everyone->mutex);
    client->memberships.everyone.room = NULL;
    room_unref(everyone);
}

toni_client *client_create(toni_connections *connections, struct lane *lane, toni_request *request,
                           const struct limits *limits, const struct transport *transport,
                           void *socket)
{
    toni_client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    client->host = connections->host;
    client->connections = connections;
    client->lane = lane;
    client->transport = transport;
    client->socket = socket;
    client->limits = limits;
    client->connected_since = clock_wall_ms();
    client->refs = 1;
    client->deflates = request->deflates;
    outbox_init(&client->outbox);
    client->outbox.refs = &lane->refs;
    if (pthread_mutex_init(&client->mutex, NULL))
        goto fail_mutex;
    if (!enter_everyone(client))
        goto fail_everyone;
    client->request = request; /* before anybody can find the client */
    if (connections_add_client(connections, client))
        goto fail_table;
    return client;

fail_table:
    client->request = NULL;
    client->deaf = true; /* the socket may be gone, and a message to everyone on its way to it */
    leave_everyone(client);
    client_unref(client);
    return NULL;
fail_everyone:
    pthread_mutex_destroy(&client->mutex);
fail_mutex:
    free(client);
    return NULL;
}

toni_client *client_ref(toni_client *client)
{
    atomic_fetch_add_explicit(&client->refs, 1, memory_order_relaxed);
    return client;
}

void client_unref(toni_client *client)
{
    if (!client || atomic_fetch_sub_explicit(&client->refs, 1, memory_order_acq_rel) != 1)
        return;
    memberships_finish(&client->memberships);
    request_destroy(client->request);
    pthread_mutex_destroy(&client->mutex);
    free(client);
}

/* --- Rooms */

/* Adds the client to the room, unless that ended just now. */
static int32_t enter(toni_client *client, struct membership *membership, struct room *room,
                     bool *ended)
{
    pthread_mutex_lock(&room->mutex);
    *ended = room->ended;
    int32_t result = TONI_OK;
    if (!*ended) {
        result = room_add(room, client, membership) ? TONI_ERR_NO_MEMORY : TONI_OK;
        if (result == TONI_OK && room->members == 1)
            atomic_fetch_add(&client->connections->rooms, 1);
    }
    bool empty = room->members == 0;
    pthread_mutex_unlock(&room->mutex);
    if (empty)
        connections_collect_room(client->connections, room);
    return result;
}

/* @param room        A reference, which is the list's if that is the result.
 * @param membership  Reserved, or NULL: the client may be in no more rooms. */
static int32_t join_found(toni_client *client, struct membership *membership, struct room *room,
                          bool *ended)
{
    *ended = false;
    int32_t result = TONI_ERR_LIMIT;
    bool is_member = memberships_find(&client->memberships, room) != NULL;
    if (!is_member && membership)
        result = enter(client, membership, room, ended);
    if (is_member || result != TONI_OK || *ended) {
        room_unref(room);
        return is_member ? TONI_OK : result;
    }
    memberships_add(&client->memberships, membership, room);
    return TONI_OK;
}

/* @param is_full  The client may be in no more rooms than it is in. */
static int32_t join_open(toni_client *client, toni_str name, bool is_full)
{
    struct membership *membership = is_full ? NULL : memberships_reserve(&client->memberships);
    if (!is_full && !membership)
        return TONI_ERR_NO_MEMORY;
    bool ended;
    int32_t result;
    do { /* the room is looked up first: whether the client is in it is then a question of one step
          */
        struct room *room = is_full ? connections_find_room(client->connections, name)
                                    : connections_get_room(client->connections, name);
        if (!room)
            return is_full ? TONI_ERR_LIMIT : TONI_ERR_NO_MEMORY;
        result = join_found(client, membership, room, &ended);
    } while (ended);
    return result;
}

/* Counts before it looks, so that joins of many threads at once never pass the limit together. */
static bool charge_membership(toni_connections *connections)
{
    if (atomic_fetch_add(&connections->memberships, 1) < connections->limits.memberships)
        return true;
    atomic_fetch_sub(&connections->memberships, 1);
    log_limited(LOG_LEVEL_WARN,
                "a join was refused: all clients together are in as many rooms as they may be; "
                "raise limits.memberships, or lower rooms_per_client where strangers join",
                log_uint("memberships", connections->limits.memberships));
    return false;
}

static int32_t join_locked(toni_client *client, toni_str name)
{
    if (client->state != CLIENT_OPEN)
        return client->state == CLIENT_GONE ? TONI_ERR_NOT_FOUND : TONI_ERR_CLOSING;
    const uint64_t before = client->memberships.count;
    const bool is_charged =
        before < client->limits->rooms_per_client && charge_membership(client->connections);
    const int32_t result = join_open(client, name, !is_charged);
    if (is_charged && client->memberships.count == before)
        atomic_fetch_sub(&client->connections->memberships, 1);
    return result;
}

int32_t client_join(toni_client *client, toni_str room)
{
    pthread_mutex_lock(&client->mutex);
    int32_t result = join_locked(client, room);
    pthread_mutex_unlock(&client->mutex);
    return result;
}

/* Takes the client out of one room, which ends with its last member. */
static void leave(toni_client *client, struct membership *membership)
{
    struct room *room = memberships_remove(&client->memberships, membership);
    pthread_mutex_lock(&room->mutex);
    room_remove(room, membership, client->lane->index);
    bool empty = room->members == 0;
    if (empty)
        atomic_fetch_sub(&client->connections->rooms, 1);
    pthread_mutex_unlock(&room->mutex);
    atomic_fetch_sub(&client->connections->memberships, 1);
    if (empty)
        connections_collect_room(client->connections, room);
    room_unref(room);
}

int32_t client_leave(toni_client *client, toni_str name)
{
    int32_t result = TONI_OK;
    pthread_mutex_lock(&client->mutex);
    /* A room that has a member is in the table. */
    struct room *room = connections_find_room(client->connections, name);
    struct membership *membership = room ? memberships_find(&client->memberships, room) : NULL;
    if (membership)
        leave(client, membership);
    else if (client->state == CLIENT_GONE)
        result = TONI_ERR_NOT_FOUND;
    room_unref(room);
    pthread_mutex_unlock(&client->mutex);
    return result;
}

int32_t client_rooms(toni_client *client, toni_room_names **rooms)
{
    *rooms = NULL;
    pthread_mutex_lock(&client->mutex);
    int32_t result = TONI_ERR_NOT_FOUND;
    if (client->state != CLIENT_GONE)
        result = memberships_names(&client->memberships, client->host, rooms);
    pthread_mutex_unlock(&client->mutex);
    return result;
}

void client_set_data(toni_client *client, void *data)
{
    struct gateway_figures *figures = client->gateway_figures;
    if (figures && !client->data != !data)
        counter_add_shared(&figures->carrying, data ? 1 : UINT64_MAX);
    client->data = data;
}

int32_t client_info(toni_client *client, toni_client_info **info)
{
    toni_str path = request_part(client->request, TONI_REQUEST_PATH);
    toni_str address = request_part(client->request, TONI_REQUEST_ADDRESS);
    toni_client_info *snapshot = malloc(sizeof *snapshot + path.size + address.size + 2);
    *info = snapshot;
    if (!snapshot)
        return TONI_ERR_NO_MEMORY;
    char *text = (char *)(snapshot + 1);
    *snapshot = (toni_client_info){
        .host = client->host,
        .struct_size = sizeof *snapshot,
        .id = client->id,
        .connected_since = client->connected_since,
        .outbox_messages =
            atomic_load(&client->posted_messages) + atomic_load(&client->left_messages),
        .outbox_bytes = atomic_load(&client->posted_bytes) + atomic_load(&client->left_bytes),
        .dropped_messages = counter_read(&client->dropped),
    };
    snapshot->path = str_copy(&text, path);
    snapshot->address = str_copy(&text, address);
    pthread_mutex_lock(&client->mutex);
    snapshot->room_count = client->memberships.count;
    pthread_mutex_unlock(&client->mutex);
    return TONI_OK;
}

/* --- Other limits */

static void lower_threshold(struct membership *membership, void *data)
{
    const toni_client *client = data;
    struct room *room = membership->room;
    pthread_mutex_lock(&room->mutex);
    room_lower_threshold(room, client->limits->deflate_above);
    pthread_mutex_unlock(&room->mutex);
}

/* Who joins at the same time reads the new ones, or is found here. */
void client_set_limits(toni_client *client, const struct limits *limits)
{
    const bool is_lower = limits->deflate_above < client->limits->deflate_above;
    client->limits = limits;
    if (!client->deflates || !is_lower)
        return;
    pthread_mutex_lock(&client->mutex);
    if (client->state == CLIENT_OPEN) {
        lower_threshold(&client->memberships.everyone, client);
        memberships_each(&client->memberships, lower_threshold, client);
    }
    pthread_mutex_unlock(&client->mutex);
}

/* --- Sending */

static bool admit(toni_client *client, uint64_t bytes)
{
    uint64_t messages = atomic_fetch_add(&client->posted_messages, 1) + 1;
    uint64_t total = atomic_fetch_add(&client->posted_bytes, bytes) + bytes;
    if (messages + atomic_load(&client->left_messages) <= client->limits->outbox_messages &&
        total + atomic_load(&client->left_bytes) <= client->limits->outbox_bytes)
        return true;
    atomic_fetch_sub(&client->posted_messages, 1);
    atomic_fetch_sub(&client->posted_bytes, bytes);
    return false;
}

static void retract(toni_client *client, uint64_t messages, uint64_t bytes)
{
    atomic_fetch_sub(&client->posted_messages, messages);
    atomic_fetch_sub(&client->posted_bytes, bytes);
}

/* Kept out of the way of who takes everything at once: inlined, it would cost each flush. */
__attribute__((noinline)) static void set_left(toni_client *client)
{
    struct lane_figures *figures = &client->lane->figures;
    counter_add(&figures->outbox_messages, client->outbox.messages - client->left_messages);
    counter_add(&figures->outbox_bytes, client->outbox.bytes - client->left_bytes);
    atomic_store(&client->left_messages, client->outbox.messages);
    atomic_store(&client->left_bytes, client->outbox.bytes);
    backlog_note(client);
}

/* What was posted is now part of what is left, or gone. In this order, lest a sender sees neither.
 * Of a broadcast to who keeps up nothing is left and nothing was posted: that costs no locked
 * instruction. */
static void settle(toni_client *client)
{
    if (client->outbox.count > 0 || client->left_bytes > 0)
        set_left(client);
    if (client->delivered_messages > 0) {
        retract(client, client->delivered_messages, client->delivered_bytes);
        client->delivered_messages = client->delivered_bytes = 0;
    }
}

static int32_t admit_if_open(toni_client *client, uint64_t bytes)
{
    enum client_state state = client->state;
    if (state != CLIENT_OPEN)
        return state == CLIENT_GONE ? TONI_ERR_NOT_FOUND : TONI_ERR_CLOSING;
    return admit(client, bytes) ? TONI_OK : TONI_ERR_FULL;
}

static void count_dropped(toni_client *client, enum drop_reason reason, uint64_t messages)
{
    counter_add(&client->lane->figures.dropped[reason], messages);
    counter_add(&client->dropped, messages);
    if (client->gateway_figures && messages > 0)
        counter_add_shared(&client->gateway_figures->dropped[reason], messages);
}

static void count_refused(toni_client *client, enum refused_reason reason)
{
    static const char *const labels[] = {
#define REFUSED_LABEL(name, label) label,
        REFUSED_REASONS(REFUSED_LABEL)
#undef REFUSED_LABEL
    };
    counter_add_shared(&client->connections->refused_sends[reason], 1);
    if (client->gateway_figures)
        counter_add_shared(&client->gateway_figures->refused[reason], 1);
    log_limited(LOG_LEVEL_WARN, "direct send refused", log_str("client", client->name),
                log_str("reason", labels[reason]));
}

/* The lane's list has a reference to a client that is finished; until then its connection has one.
 */
static void touch(toni_client *client)
{
    if (client->finished && !client->node_to_flush.queued)
        client_ref(client);
    lane_touch(client->lane, &client->node_to_flush);
}

/* Counts what came in the turn that runs, however often that flushes. */
static void note_fresh(toni_client *client, uint64_t messages, uint64_t bytes)
{
    if (client->fresh_turn != client->lane->turn) {
        client->fresh_turn = client->lane->turn;
        client->fresh_messages = client->fresh_bytes = 0;
    }
    client->fresh_messages += messages;
    client->fresh_bytes += bytes;
}

enum outbox_answer client_enqueue(toni_client *client, struct batch *batch, uint32_t first,
                                  uint32_t count)
{
    enum outbox_answer answer = OUTBOX_TOOK;
    if (client->close_queued || client->deaf || client->starved) {
        count_dropped(client, client->starved ? DROP_NO_MEMORY : DROP_CLOSING, count);
        return client->starved ? OUTBOX_NO_MEMORY : OUTBOX_CLOSED;
    }
    if (outbox_push(&client->outbox, batch, first, count)) {
        count_dropped(client, DROP_NO_MEMORY, count);
        client->starved = true;
        answer = OUTBOX_NO_MEMORY;
    } else {
        counter_add(&client->lane->figures.queued, count);
    }
    note_fresh(client, count, batch_offset(batch, first + count) - batch_offset(batch, first));
    touch(client);
    return answer;
}

static void deliver(toni_client *client, struct batch *batch)
{
    (void)client_enqueue(client, batch, 0, batch->count);
    client->delivered_messages += batch->count;
    client->delivered_bytes += batch->size;
    touch(client);
}

/* Direct sends to one client, or its close, on their way. */
struct direct {
    struct command command; /* first */
    toni_client *client;    /* one reference */
    struct batch *batch;    /* one reference */
};

static_assert(sizeof(struct direct) <= SPARE_COMMAND_SIZE, "a spare command has this size");

static void destroy_direct(struct direct *direct)
{
    client_unref(direct->client);
    batch_unref(direct->batch);
    spare_give(SPARE_COMMAND, direct);
}

static void drop_direct(struct command *command)
{
    destroy_direct((struct direct *)command);
}

static void deliver_direct(struct command *command, struct lane *lane)
{
    struct direct *direct = (struct direct *)command;
    (void)lane;
    deliver(direct->client, direct->batch);
    destroy_direct(direct);
}

static const struct command_type direct_type = {deliver_direct, drop_direct};

/* Several sends to one client in a row, such as an answer in parts, become one batch. */
static bool append_to_last(struct command *last, const toni_client *client,
                           const toni_message *message)
{
    const struct direct *direct = (const struct direct *)last;
    return last && last->type == &direct_type && direct->client == client &&
           batch_has_room(direct->batch, frame_message_size(message->body.size)) &&
           !batch_append(direct->batch, message->kind, message->body.data, message->body.size);
}

static struct direct *direct_create(toni_client *client, const toni_message *message)
{
    struct direct *direct = spare_take(SPARE_COMMAND, SPARE_COMMAND_SIZE);
    struct batch *batch = batch_create(frame_message_size(message->body.size));
    if (!direct || !batch ||
        batch_append(batch, message->kind, message->body.data, message->body.size)) {
        batch_unref(batch);
        free(direct);
        return NULL;
    }
    *direct =
        (struct direct){.command.type = &direct_type, .client = client_ref(client), .batch = batch};
    return direct;
}

/* @return 0, or -1 on no memory; then nothing was posted. */
static int post_message(toni_client *client, const toni_message *message)
{
    struct lane *lane = client->lane;
    struct command *last = lane_begin_post(lane);
    struct direct *direct = NULL;
    if (!append_to_last(last, client, message)) {
        lane_end_post(lane, NULL);
        direct = direct_create(client, message);
        if (!direct)
            return -1;
        (void)lane_begin_post(lane);
    }
    counter_add(&lane->targeted, 1);
    lane_end_post(lane, direct ? &direct->command : NULL);
    return 0;
}

static int32_t send_checked(toni_client *client, const toni_message *message)
{
    uint64_t bytes = frame_message_size(message->body.size);
    int32_t result = admit_if_open(client, bytes);
    if (result == TONI_ERR_FULL && lane_is_mine(client->lane)) {
        /* The limit judges what is left after a write was tried; the worker itself can try. */
        lane_flush(client->lane);
        result = admit_if_open(client, bytes);
    }
    if (result == TONI_ERR_FULL)
        count_refused(client, REFUSED_FULL);
    if (result != TONI_OK)
        return result;
    if (post_message(client, message)) {
        retract(client, 1, bytes);
        return TONI_ERR_NO_MEMORY;
    }
    return TONI_OK;
}

int32_t client_send(toni_client *client, const toni_message *message)
{
    int32_t result = message_check(message, client->limits->outbox_bytes);
    if (result == TONI_ERR_TOO_BIG)
        count_refused(client, REFUSED_TOO_BIG);
    if (result != TONI_OK)
        return result;
    if (!client->deflates || message->body.size <= client->limits->deflate_above)
        return send_checked(client, message);
    toni_message *deflated = deflaters_shrink(&client->connections->deflaters, message);
    result = send_checked(client, deflated ? deflated : message);
    free(deflated);
    return result;
}

int client_send_control(toni_client *client, enum frame_opcode opcode, const void *payload,
                        size_t size)
{
    lane_deliver(client->lane);
    if (client->close_queued || client->deaf || client->starved)
        return -1;
    if (client->outbox.controls >= CLIENT_CONTROLS_MAX)
        outbox_drop_newest_control(&client->outbox);
    struct batch *batch = batch_create(2 + size);
    int result = batch ? batch_append_control(batch, opcode, payload, size) : -1;
    if (result == 0)
        result = outbox_push(&client->outbox, batch, 0, 1);
    batch_unref(batch);
    if (result == 0)
        touch(client);
    return result;
}

/* The close frame waits behind all else; it is no message. */
static void drop_outbox(toni_client *client, enum drop_reason reason)
{
    bool close_waits = client->close_queued && client->outbox.count > 0;
    count_dropped(client, reason, outbox_clear(&client->outbox) - close_waits);
}

/* Takes out of the outbox what was written, and counts it. */
static void consume(toni_client *client, size_t size)
{
    struct lane_figures *figures = &client->lane->figures;
    uint64_t before = client->outbox.messages;
    outbox_consume(&client->outbox, size);
    bool close_went = client->close_queued && client->outbox.count == 0;
    counter_add(&figures->sent, before - client->outbox.messages - close_went);
    counter_add(&figures->sent_bytes, size);
}

static void write_outbox(toni_client *client)
{
    const struct transport *transport = client->transport;
    while (client->outbox.count > 0) {
        size_t size;
        if (transport->busy(client->socket)) {
            transport->want_flush(client->socket);
            return;
        }
        const uint8_t *bytes = outbox_peek(&client->outbox, client->lane->scratch, &size);
        ssize_t taken = transport->write(client->socket, bytes, size);
        if (taken < 0) {
            client_mute(client);
            client_discard(client);
            return;
        }
        consume(client, (size_t)taken);
    }
    if (client->close_queued && !client->close_written) {
        client->close_written = true;
        transport->close_written(client->socket);
    }
}

/* --- Outboxes that are full */

static void close_now(toni_client *client, uint16_t code, toni_str reason, enum drop_reason drop);

/* What came this turn is not held against a client: a burst harms nobody who keeps up. What earlier
 * turns left is, once something is added to it.
 * @param messages, bytes  Set to what earlier turns left. @return Whether something was added. */
static bool see_what_is_old(const toni_client *client, uint64_t *messages, uint64_t *bytes)
{
    const struct outbox *outbox = &client->outbox;
    if (client->fresh_turn != client->lane->turn || client->fresh_messages == 0 ||
        client->close_queued)
        return false;
    *messages =
        outbox->messages > client->fresh_messages ? outbox->messages - client->fresh_messages : 0;
    *bytes = outbox->bytes > client->fresh_bytes ? outbox->bytes - client->fresh_bytes : 0;
    return true;
}

struct shedding {
    toni_client *client;
    enum drop_reason reason;
};

/* Lane, client and gateway are told by count_dropped. */
static void tell_room(void *data, const struct batch *batch, uint32_t messages)
{
    const struct shedding *shedding = data;
    if (batch->topic)
        topic_count_dropped(batch->topic, shedding->reason, messages);
}

static void close_slow_consumer(toni_client *client)
{
    struct shedding shedding = {client, DROP_SLOW_CONSUMER};
    log_limited(LOG_LEVEL_WARN, "client closed: slow consumer", log_str("client", client->name),
                log_uint("outbox_messages", client->outbox.messages),
                log_uint("outbox_bytes", client->outbox.bytes));
    client->slow = true;
    outbox_each(&client->outbox, tell_room, &shedding);
    close_now(client, 1008, toni_str_of("slow consumer"), DROP_SLOW_CONSUMER);
}

void client_evict(toni_client *client)
{
    log_limited(LOG_LEVEL_WARN,
                "client closed: what waits for clients together is above outbox_bytes_total",
                log_str("client", client->name), log_uint("outbox_bytes", client->outbox.bytes),
                log_uint("stuck_ms", backlog_stuck_ms(client)));
    if (client->close_queued) {
        client_discard(client);
        return;
    }
    struct shedding shedding = {client, DROP_SLOW_CONSUMER};
    client->evicted = true;
    outbox_each(&client->outbox, tell_room, &shedding);
    close_now(client, 1008, toni_str_of("slow consumer"), DROP_SLOW_CONSUMER);
    settle(client);
}

static void told_of_dropped(void *data, const struct batch *batch, uint32_t messages)
{
    const struct shedding *shedding = data;
    count_dropped(shedding->client, shedding->reason, messages);
    tell_room(data, batch, messages);
}

/* The old have to be within the limits; the fresh come on top of that. */
static void drop_oldest(toni_client *client, uint64_t old_messages, uint64_t old_bytes)
{
    struct shedding shedding = {client, DROP_OLDEST};
    struct outbox *outbox = &client->outbox;
    outbox_drop_oldest(outbox, outbox->messages - old_messages, outbox->bytes - old_bytes,
                       client->limits->outbox_messages, client->limits->outbox_bytes,
                       told_of_dropped, &shedding);
}

/* None of the fresh ones is taken; they are not to be looked at again in this turn. */
static void drop_fresh(toni_client *client)
{
    struct shedding shedding = {client, DROP_NEWEST};
    outbox_drop_newest(&client->outbox, client->fresh_messages, told_of_dropped, &shedding);
    client->fresh_messages = client->fresh_bytes = 0;
}

static void keep_latest(toni_client *client)
{
    struct shedding shedding = {client, DROP_NOT_LATEST};
    if (!client->close_queued)
        outbox_keep_latest(&client->outbox, client->lane->scratch, &client->fresh_messages,
                           &client->fresh_bytes, told_of_dropped, &shedding);
}

/* After a write was tried: what waits now has to be within the limits. */
static void apply_policy(toni_client *client)
{
    const struct limits *limits = client->limits;
    const enum outbox_policy policy = limits->outbox_policy;
    uint64_t messages, bytes;
    if (client->outbox.count == 0)
        return;
    if (policy == OUTBOX_LATEST)
        keep_latest(client);
    if (!see_what_is_old(client, &messages, &bytes))
        return;
    if (policy == OUTBOX_DROP_NEWEST &&
        (messages >= limits->outbox_messages || bytes >= limits->outbox_bytes)) {
        drop_fresh(client);
        return;
    }
    if (messages <= limits->outbox_messages && bytes <= limits->outbox_bytes)
        return;
    if (policy == OUTBOX_CLOSE)
        close_slow_consumer(client);
    else
        drop_oldest(client, messages, bytes);
}

void client_flush(toni_client *client)
{
    if (!client->deaf)
        write_outbox(client);
    if (client->starved && !client->close_queued && !client->deaf) {
        log_limited(LOG_LEVEL_ERROR, "client closed: no memory for its outbox",
                    log_str("client", client->name));
        close_now(client, 1011, toni_str_of("out of memory"), DROP_NO_MEMORY);
    } else {
        apply_policy(client);
    }
    settle(client);
}

static toni_client *client_of_node(struct lane_node *node)
{
    return (toni_client *)((char *)node - offsetof(toni_client, node_to_flush));
}

static void forget(struct lane_node *node)
{
    toni_client *client = client_of_node(node);
    if (client->finished)
        client_unref(client);
}

static void flush(struct lane_node *node)
{
    client_flush(client_of_node(node));
    forget(node);
}

const struct lane_work client_work = {flush, forget, backlog_relieve};

/* --- Closing */

static void mute(struct membership *membership, void *data)
{
    const toni_client *client = data;
    struct room *room = membership->room;
    pthread_mutex_lock(&room->mutex);
    room_mute(room, membership, client->lane->index);
    pthread_mutex_unlock(&room->mutex);
}

/* @param code  Of the server's close; 0 if it isn't one. @return Whether it was open until now. */
static bool begin_closing(toni_client *client, uint16_t code)
{
    if (client->state != CLIENT_OPEN)
        return false;
    client->state = CLIENT_CLOSING;
    client->close_code = code;
    mute(&client->memberships.everyone, client);
    memberships_each(&client->memberships, mute, client);
    return true;
}

static void mute_all(toni_client *client, uint16_t code)
{
    pthread_mutex_lock(&client->mutex);
    begin_closing(client, code);
    pthread_mutex_unlock(&client->mutex);
}

void client_mute(toni_client *client)
{
    mute_all(client, 0);
}

static struct batch *close_batch(uint16_t code, toni_str reason)
{
    struct batch *batch = batch_create(2 + FRAME_CONTROL_MAX);
    if (batch && batch_append_close(batch, code, reason)) {
        batch_unref(batch);
        return NULL;
    }
    return batch;
}

static void queue_close(toni_client *client, struct batch *batch);

static void deliver_close(struct command *command, struct lane *lane)
{
    struct direct *close = (struct direct *)command;
    toni_client *client = close->client;
    (void)lane;
    if (!client->close_queued && !client->deaf && !client->starved)
        queue_close(client, close->batch);
    destroy_direct(close);
}

int32_t client_close(toni_client *client, uint16_t code, toni_str reason)
{
    static const struct command_type close_type = {deliver_close, drop_direct};
    struct direct *close = malloc(SPARE_COMMAND_SIZE);
    struct batch *batch = close_batch(code, reason);
    int32_t result = close && batch ? TONI_OK : TONI_ERR_NO_MEMORY;
    if (result == TONI_OK) {
        pthread_mutex_lock(&client->mutex);
        if (client->state == CLIENT_GONE)
            result = TONI_ERR_NOT_FOUND;
        if (begin_closing(client, code)) {
            *close = (struct direct){
                .command.type = &close_type, .client = client_ref(client), .batch = batch};
            lane_post(client->lane, &close->command);
            close = NULL;
            batch = NULL;
        }
        pthread_mutex_unlock(&client->mutex);
    }
    batch_unref(batch);
    free(close);
    return result;
}

/* Without memory for the close frame the client can't even be told: then it gets nothing more. */
static void queue_close(toni_client *client, struct batch *batch)
{
    if (!batch || outbox_push(&client->outbox, batch, 0, 1))
        client_discard(client);
    else
        touch(client);
    client->close_queued = true;
    client->transport->close_begun(client->socket);
}

static void close_now(toni_client *client, uint16_t code, toni_str reason, enum drop_reason drop)
{
    mute_all(client, code);
    if (client->close_queued || client->deaf)
        return;
    pthread_mutex_lock(&client->mutex);
    client->close_code = code; /* another close may have begun: this is the one that it is told */
    pthread_mutex_unlock(&client->mutex);
    count_dropped(client, drop, outbox_drop_waiting(&client->outbox));
    struct batch *batch = close_batch(code, reason);
    queue_close(client, batch);
    batch_unref(batch);
}

void client_close_now(toni_client *client, uint16_t code, toni_str reason)
{
    close_now(client, code, reason, DROP_CLOSED);
}

void client_discard(toni_client *client)
{
    drop_outbox(client, DROP_CLOSED);
    client->deaf = true;
    settle(client);
}

static void leave_visited(struct membership *membership, void *data)
{
    leave(data, membership);
}

void client_retire(toni_client *client)
{
    if (client->retired)
        return;
    client->retired = true;
    connections_remove_client(client->connections, client);
    pthread_mutex_lock(&client->mutex);
    begin_closing(client, 0);
    client->state = CLIENT_GONE;
    memberships_each(&client->memberships, leave_visited, client);
    leave_everyone(client);
    pthread_mutex_unlock(&client->mutex);
}

void client_finish(toni_client *client)
{
    client_retire(client);
    client_discard(client);
    if (client->node_to_flush.queued && !client->finished)
        client_ref(client); /* the lane's list has it */
    client->finished = true;
}
