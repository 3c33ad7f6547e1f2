/* Clients; see client.h. */
#include "rooms/client.h"

#include "base/clock.h"
#include "base/log_limit.h"
#include "rooms/room_table.h"
#include "rooms/rules.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- References, and the table */

toni_client *client_of_receiver(const struct receiver *receiver)
{
    return (toni_client *)((char *)receiver - offsetof(toni_client, receiver));
}

static toni_client *client_of(struct hash_node *node)
{
    return (toni_client *)((char *)node - offsetof(toni_client, node));
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
    free(client);
}

static bool match(const struct hash_node *node, const void *key)
{
    (void)node, (void)key;
    return true; /* the hash is the id */
}

static void ref_node(struct hash_node *node)
{
    (void)client_ref(client_of(node));
}

toni_client *client_find(const struct space *space, toni_client_id id)
{
    struct hash_node *node =
        registry_find(&space->connections->client_table, id, match, NULL, ref_node);
    toni_client *client = node ? client_of(node) : NULL;
    if (!client || client->space == space)
        return client;
    client_unref(client); /* another namespace's: as good as none */
    return NULL;
}

static void choose_id(toni_client *client)
{
    toni_connections *connections = client->space->connections;
    toni_client_id id;
    do {
        id = permute_apply(&connections->permute, atomic_fetch_add(&connections->next_client, 1));
    } while (id == 0); /* which means nobody */
    client->receiver.id = id;
    (void)snprintf(client->name, sizeof client->name, "%016llx", (unsigned long long)id);
}

/* --- What the receiver asks of its client */

static bool begin_closing(toni_client *client, uint16_t code, bool sends, struct batch *batch);

static void closing(struct receiver *receiver, uint16_t code)
{
    toni_client *client = client_of_receiver(receiver);
    lock_take(&client->lock);
    (void)begin_closing(client, code, false, NULL);
    /* Another close may have begun: this is the one that it is told. */
    if (code > 0 && !receiver->close_queued && !receiver->write_shut)
        client->close_code = code;
    lock_give(&client->lock);
}

static void ref_owner(struct receiver *receiver)
{
    (void)client_ref(client_of_receiver(receiver));
}

static void unref_owner(struct receiver *receiver)
{
    client_unref(client_of_receiver(receiver));
}

static const struct receiver_owner owner = {closing, ref_owner, unref_owner};

/* --- Making */

static int enter_everyone(toni_client *client)
{
    struct room *everyone = client->space->everyone;
    lock_take(&everyone->lock);
    const int result = room_join(everyone, &client->receiver, &client->everyone);
    lock_give(&everyone->lock);
    return result;
}

static void leave_everyone(toni_client *client)
{
    struct room *everyone = client->space->everyone;
    lock_take(&everyone->lock);
    room_leave(everyone, &client->everyone);
    lock_give(&everyone->lock);
}

toni_client *client_create(struct space *space, struct lane *lane, toni_request *request,
                           const struct limits *limits, const struct transport *transport,
                           void *socket)
{
    toni_client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    client->host = space->host;
    client->space = space;
    client->connected_since = clock_wall_ms();
    client->refs = 1;
    client->receiver = (struct receiver){.lane = lane,
                                         .transport = transport,
                                         .socket = socket,
                                         .limits = limits,
                                         .deflates = request->deflates,
                                         .owner = &owner};
    client->receiver.outbox.refs = &lane->refs;
    choose_id(client);
    if (enter_everyone(client))
        goto fail_everyone;
    client->request = request; /* before anybody can find the client */
    if (registry_insert(&space->connections->client_table, &client->node, client->receiver.id))
        goto fail_table;
    return client;

fail_table:
    client->request = NULL;
    client->receiver.write_shut = true; /* a message to everyone may be on its way to it */
    client_untarget(client);
    leave_everyone(client);
    client_unref(client);
    return NULL;
fail_everyone:
    free(client);
    return NULL;
}

/* --- Rooms */

struct membership *client_membership(toni_client *client, const struct room *room)
{
    if (room == client->space->everyone)
        return client->state == CLIENT_GONE ? NULL : &client->everyone;
    return memberships_find(&client->memberships, room);
}

/* Adds the client to a room, unless that ended just now. */
static int32_t enter(toni_client *client, struct membership *membership, struct room *room,
                     bool *ended)
{
    lock_take(&room->lock);
    *ended = room->ended;
    int32_t result = TONI_OK;
    if (!*ended) {
        result = room_join(room, &client->receiver, membership) ? TONI_ERR_NO_MEMORY : TONI_OK;
        if (result == TONI_OK && room->members == 1)
            atomic_fetch_add(&client->space->rooms, 1);
    }
    const bool empty = room->members == 0;
    lock_give(&room->lock);
    if (empty)
        room_table_collect(room);
    return result;
}

/* @param membership  To be the client's in this room if the result is TONI_OK and nothing ended;
 * NULL: the client may be in no more rooms. */
static int32_t join_found(toni_client *client, struct membership **membership, struct room *room,
                          bool *ended)
{
    *ended = false;
    if (memberships_find(&client->memberships, room))
        return TONI_OK;
    if (!*membership)
        return TONI_ERR_LIMIT;
    const int32_t result = enter(client, *membership, room, ended);
    if (result == TONI_OK && !*ended) {
        memberships_add(&client->memberships, *membership);
        *membership = NULL;
    }
    return result;
}

/* @param is_full  The client may be in no more rooms than it is in. */
static int32_t join_open(toni_client *client, toni_str name, bool is_full)
{
    struct membership *membership = NULL;
    if (!is_full && !memberships_reserve(&client->memberships))
        membership = calloc(1, sizeof *membership);
    if (!is_full && !membership)
        return TONI_ERR_NO_MEMORY;
    bool ended = true;
    int32_t result = TONI_OK;
    while (ended) { /* the room is looked up first: whether the client is in it is then one step */
        struct room *room =
            is_full ? room_table_find(client->space, name) : room_table_get(client->space, name);
        if (!room) {
            result = is_full ? TONI_ERR_LIMIT : TONI_ERR_NO_MEMORY;
            break;
        }
        result = join_found(client, &membership, room, &ended);
        room_unref(room);
    }
    free(membership);
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
    const bool is_charged = before < client->receiver.limits->rooms_per_client &&
                            charge_membership(client->space->connections);
    const int32_t result = join_open(client, name, !is_charged);
    if (is_charged && client->memberships.count == before)
        atomic_fetch_sub(&client->space->connections->memberships, 1);
    return result;
}

int32_t client_join(toni_client *client, toni_str room)
{
    lock_take(&client->lock);
    int32_t result = join_locked(client, room);
    lock_give(&client->lock);
    return result;
}

/* Takes the client out of a room, which ends with its last member. The membership is in the
 * client's set no more. */
static void leave(toni_client *client, struct membership *membership)
{
    struct room *room = room_ref(membership_room(membership));
    lock_take(&room->lock);
    room_leave(room, membership);
    const bool empty = room->members == 0;
    if (empty)
        atomic_fetch_sub(&client->space->rooms, 1);
    lock_give(&room->lock);
    atomic_fetch_sub(&client->space->connections->memberships, 1);
    if (empty)
        room_table_collect(room);
    room_unref(room);
}

int32_t client_leave(toni_client *client, toni_str name)
{
    int32_t result = TONI_OK;
    lock_take(&client->lock);
    /* A room that has a member is in the table. */
    struct room *room = room_table_find(client->space, name);
    struct membership *membership = room ? memberships_find(&client->memberships, room) : NULL;
    if (membership) {
        memberships_remove(&client->memberships, membership);
        leave(client, membership);
    } else if (client->state == CLIENT_GONE) {
        result = TONI_ERR_NOT_FOUND;
    }
    room_unref(room);
    lock_give(&client->lock);
    return result;
}

int32_t client_rooms(toni_client *client, toni_room_names **rooms)
{
    *rooms = NULL;
    lock_take(&client->lock);
    int32_t result = TONI_ERR_NOT_FOUND;
    if (client->state != CLIENT_GONE)
        result = memberships_names(&client->memberships, client->host, rooms);
    lock_give(&client->lock);
    return result;
}

void client_set_data(toni_client *client, void *data)
{
    struct gateway_figures *figures = client->receiver.gateway_figures;
    if (figures && !client->data != !data)
        counter_add_shared(&figures->carrying, data ? 1 : UINT64_MAX);
    client->data = data;
}

int32_t client_info(toni_client *client, toni_client_info **info)
{
    const struct receiver *receiver = &client->receiver;
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
        .id = client->receiver.id,
        .connected_since = client->connected_since,
        .outbox_messages =
            atomic_load(&receiver->posted_messages) + atomic_load(&receiver->left_messages),
        .outbox_bytes = atomic_load(&receiver->posted_bytes) + atomic_load(&receiver->left_bytes),
        .dropped_messages = counter_read(&receiver->dropped),
    };
    snapshot->path = str_copy(&text, path);
    snapshot->address = str_copy(&text, address);
    lock_take(&client->lock);
    snapshot->room_count = client->memberships.count;
    lock_give(&client->lock);
    return TONI_OK;
}

/* --- Other limits */

static void lower_threshold(struct membership *membership, void *data)
{
    const struct limits *limits = data;
    struct room *room = membership_room(membership);
    lock_take(&room->lock);
    room_lower_threshold(room, (uint32_t)limits->deflate_above);
    lock_give(&room->lock);
}

/* A thread that joins at the same time reads the new ones, or is found here. */
void client_set_limits(toni_client *client, const struct limits *limits)
{
    struct receiver *receiver = &client->receiver;
    const bool is_lower = limits->deflate_above < receiver->limits->deflate_above;
    receiver->limits = limits;
    if (!receiver->deflates || !is_lower)
        return;
    lock_take(&client->lock);
    if (client->state == CLIENT_OPEN) {
        lower_threshold(&client->everyone, (void *)limits);
        memberships_each(&client->memberships, lower_threshold, (void *)limits);
    }
    lock_give(&client->lock);
}

/* --- Sending */

static void count_refused(toni_client *client, enum refused_reason reason)
{
    static const char *const labels[] = {
#define REFUSED_LABEL(name, label) label,
        REFUSED_REASONS(REFUSED_LABEL)
#undef REFUSED_LABEL
    };
    counter_add_shared(&client->space->connections->refused_sends[reason], 1);
    if (client->receiver.gateway_figures)
        counter_add_shared(&client->receiver.gateway_figures->refused[reason], 1);
    log_limited(LOG_LEVEL_WARN, "direct send refused", log_str("client", client->name),
                log_str("reason", labels[reason]));
}

static int32_t send_if_open(toni_client *client, const toni_message *message)
{
    const enum client_state state = client->state;
    if (state != CLIENT_OPEN)
        return state == CLIENT_GONE ? TONI_ERR_NOT_FOUND : TONI_ERR_CLOSING;
    return direct_send(&client->receiver, message);
}

static int32_t send_checked(toni_client *client, const toni_message *message)
{
    struct lane *lane = client->receiver.lane;
    int32_t result = send_if_open(client, message);
    if (result == TONI_ERR_FULL && lane_is_mine(lane)) {
        /* The limit judges what is left after a write was tried; the worker itself can try. */
        lane_flush(lane);
        result = send_if_open(client, message);
    }
    if (result == TONI_ERR_FULL)
        count_refused(client, REFUSED_FULL);
    return result;
}

int32_t client_send(toni_client *client, const toni_message *message)
{
    const struct receiver *receiver = &client->receiver;
    int32_t result = message_check(message, receiver->limits->outbox_bytes);
    if (result == TONI_ERR_TOO_BIG)
        count_refused(client, REFUSED_TOO_BIG);
    if (result != TONI_OK)
        return result;
    if (!receiver->deflates || message->body.size <= receiver->limits->deflate_above)
        return send_checked(client, message);
    toni_message *deflated = deflaters_shrink(&client->space->connections->deflaters, message);
    result = send_checked(client, deflated ? deflated : message);
    free(deflated);
    return result;
}

/* --- Closing */

static toni_client *client_of_close(struct command *command)
{
    return (toni_client *)((char *)command - offsetof(toni_client, close));
}

static void drop_close(struct command *command)
{
    toni_client *client = client_of_close(command);
    batch_unref(client->close_batch);
    client_unref(client);
}

static void deliver_close(struct command *command, struct lane *lane)
{
    toni_client *client = client_of_close(command);
    (void)lane;
    if (client->sends_close)
        receiver_deliver_close(&client->receiver, client->close_code, client->close_batch);
    drop_close(command);
}

static const struct command_type close_type = {deliver_close, drop_close};

static void untarget(struct membership *membership, void *data)
{
    struct room *room = membership_room(membership);
    (void)data;
    lock_take(&room->lock);
    room_untarget(room, membership);
    lock_give(&room->lock);
}

/* Under the client's lock. Each of its rooms posts that it goes, and the close comes behind all.
 * @param code   Of the server's close; 0 if it isn't one.
 * @param sends  The close frame is to be sent from here.
 * @param batch  The close frame, whose reference is taken; NULL: no memory, or it isn't sent.
 * @return Whether it was open until now. */
static bool begin_closing(toni_client *client, uint16_t code, bool sends, struct batch *batch)
{
    if (client->state != CLIENT_OPEN)
        return false;
    client->state = CLIENT_CLOSING;
    client->close_code = code;
    client->sends_close = sends;
    client->close_batch = batch;
    client->close.type = &close_type;
    untarget(&client->everyone, NULL);
    memberships_each(&client->memberships, untarget, NULL);
    lane_post(client->receiver.lane, &client_ref(client)->close);
    return true;
}

void client_untarget(toni_client *client)
{
    closing(&client->receiver, 0);
}

int32_t client_close(toni_client *client, uint16_t code, toni_str reason)
{
    struct batch *batch = batch_create_close(code, reason);
    lock_take(&client->lock);
    const bool is_gone = client->state == CLIENT_GONE;
    const bool begun = begin_closing(client, code, true, batch);
    lock_give(&client->lock);
    if (!begun)
        batch_unref(batch);
    return is_gone ? TONI_ERR_NOT_FOUND : TONI_OK;
}

void client_close_now(toni_client *client, uint16_t code, toni_str reason)
{
    receiver_close_now(&client->receiver, code, reason);
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
    registry_remove(&client->space->connections->client_table, &client->node);
    lock_take(&client->lock);
    (void)begin_closing(client, 0, false, NULL);
    client->state = CLIENT_GONE;
    memberships_each(&client->memberships, leave_visited, client);
    memberships_finish(&client->memberships);
    leave_everyone(client);
    lock_give(&client->lock);
}

void client_finish(toni_client *client)
{
    client_retire(client);
    receiver_finish(&client->receiver);
}
