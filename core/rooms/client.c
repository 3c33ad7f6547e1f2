/* Clients; see client.h. */
#include "rooms/client.h"

#include "base/clock.h"
#include "base/log_limit.h"
#include "rooms/joining.h"
#include "rooms/room_rules.h"
#include "rooms/rules.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <toni/identity.h>

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

/* Those that there are are counted, with their size. */
static void count_identity(toni_client *client, uint64_t one)
{
    toni_connections *connections = client->space->connections;
    if (!client->identity)
        return;
    atomic_fetch_add_explicit(&connections->identities, one, memory_order_relaxed);
    atomic_fetch_add_explicit(&connections->identity_bytes, one * client->identity->size,
                              memory_order_relaxed);
}

static void free_identity(toni_client *client)
{
    count_identity(client, (uint64_t)-1);
    free(client->identity);
}

void client_unref(toni_client *client)
{
    if (!client || atomic_fetch_sub_explicit(&client->refs, 1, memory_order_acq_rel) != 1)
        return;
    memberships_finish(&client->memberships);
    request_destroy(client->request);
    free_identity(client);
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
    const toni_client_id id = naming_next(&connections->naming);
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

static const struct receiver_owner owner = {closing, client_log_fault, ref_owner, unref_owner};

/* --- Making */

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
    if (joining_enter_everyone(space, &client->receiver, &client->everyone)) {
        free(client);
        return NULL;
    }
    client->request = request; /* before anybody can find the client */
    if (!registry_insert(&space->connections->client_table, &client->node, client->receiver.id))
        return client;
    client->request = NULL;
    client->receiver.write_shut = true; /* a message to everyone may be on its way to it */
    client_untarget(client);
    joining_leave_all(&client->memberships, &client->everyone);
    client_unref(client);
    return NULL;
}

/* --- Rooms */

struct membership *client_membership(toni_client *client, const struct room *room)
{
    if (room == client->space->everyone)
        return client->state == CLIENT_GONE ? NULL : &client->everyone;
    return memberships_find(&client->memberships, room);
}

/* Under the lock. */
static bool may_join(const toni_client *client, toni_str room)
{
    const struct limits *limits = client->receiver.limits;
    return room_rules_allow_join(limits->room_rules, client->identity, room);
}

/* Under the lock. @return TONI_OK, or why it may not be in the room. */
static int32_t judge_join(const toni_client *client, toni_str room)
{
    if (client->state != CLIENT_OPEN)
        return client->state == CLIENT_GONE ? TONI_ERR_NOT_FOUND : TONI_ERR_CLOSING;
    return may_join(client, room) ? TONI_OK : TONI_ERR_FORBIDDEN;
}

/* Under the lock. */
static int32_t join_locked(toni_client *client, toni_str room, struct comeback *comeback)
{
    const int32_t result = judge_join(client, room);
    return result == TONI_OK ? joining_join(&client->memberships, client->space, &client->receiver,
                                            room, comeback)
                             : result;
}

static int32_t join(toni_client *client, toni_str room, struct comeback *comeback)
{
    lock_take(&client->lock);
    const int32_t result = join_locked(client, room, comeback);
    lock_give(&client->lock);
    return result;
}

int32_t client_join(toni_client *client, toni_str room)
{
    return join(client, room, NULL);
}

int32_t client_come_back(toni_client *client, toni_str room, struct comeback *comeback)
{
    /* What it was sent before does not count against it, if that can be written first. Mostly that
     * is nothing: then what waits for others goes with the turn, in one write for each. */
    const struct receiver *receiver = &client->receiver;
    if (lane_is_mine(receiver->lane) && receiver_waiting_bytes(receiver) > 0)
        lane_flush(receiver->lane);
    return join(client, room, comeback);
}

int32_t client_begin_coming(toni_client *client, struct coming *coming)
{
    coming->client = client;
    lock_take(&client->lock);
    int32_t result = judge_join(client, coming->room);
    if (result == TONI_OK && !coming_add(&client->space->connections->coming, coming))
        result = TONI_ERR_BUSY;
    lock_give(&client->lock);
    return result;
}

int32_t client_end_coming(toni_client *client, struct coming *coming, struct comeback *comeback)
{
    int32_t result = TONI_ERR_CLOSING;
    lock_take(&client->lock);
    coming_remove(&client->space->connections->coming, coming);
    const bool stays_out =
        coming->has_left && !joining_is_in(&client->memberships, client->space, coming->room);
    if (comeback && !stays_out)
        result = join_locked(client, coming->room, comeback);
    lock_give(&client->lock);
    return result;
}

/* Under the lock. A client that is coming back counts as a member: what it sends behind its join
 * must not depend on how long the engine takes to answer. */
static bool counts_as_member(toni_client *client, toni_str name, const struct room *room)
{
    return (room && memberships_find(&client->memberships, room)) ||
           coming_has(&client->space->connections->coming, client, name);
}

bool client_may_publish(toni_client *client, toni_str name, const struct room *room)
{
    const struct limits *limits = client->receiver.limits;
    if (!limits->room_rules)
        return true;
    lock_take(&client->lock);
    const bool may = room_rules_allow_publish(limits->room_rules, client->identity, name,
                                              counts_as_member(client, name, room));
    lock_give(&client->lock);
    return may;
}

int32_t client_leave(toni_client *client, toni_str room)
{
    lock_take(&client->lock);
    const bool is_gone = client->state == CLIENT_GONE;
    coming_leave(&client->space->connections->coming, client, room);
    if (!is_gone)
        (void)joining_leave(&client->memberships, client->space, room);
    lock_give(&client->lock);
    return is_gone ? TONI_ERR_NOT_FOUND : TONI_OK;
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
        .outbox_messages = receiver_waiting_messages(receiver),
        .outbox_bytes = receiver_waiting_bytes(receiver),
        .dropped_messages = counter_read(&receiver->dropped),
    };
    snapshot->path = str_copy(&text, path);
    snapshot->address = str_copy(&text, address);
    lock_take(&client->lock);
    snapshot->room_count = client->memberships.count;
    lock_give(&client->lock);
    return TONI_OK;
}

/* --- Who it is */

/* Threads that revoke a subject, or ask for a room, read it under the lock. */
void client_identify(toni_client *client, struct identity *identity)
{
    lock_take(&client->lock);
    free_identity(client);
    client->identity = identity;
    count_identity(client, 1);
    lock_give(&client->lock);
    client->receiver.transport->identified(client->receiver.socket);
}

/* --- Other limits */

/* A thread that joins at the same time reads the new ones, or is found here. */
void client_set_limits(toni_client *client, const struct limits *limits)
{
    struct receiver *receiver = &client->receiver;
    const bool is_lower = limits->deflate_above < receiver->limits->deflate_above;
    receiver->limits = limits;
    if (!receiver->deflates || !is_lower)
        return;
    lock_take(&client->lock);
    if (client->state == CLIENT_OPEN)
        joining_lower_threshold(&client->memberships, &client->everyone,
                                (uint32_t)limits->deflate_above);
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
    char subject[IDENTITY_SUBJECT_MAX];
    counter_add_shared(&client->space->connections->refused_sends[reason], 1);
    if (client->receiver.gateway_figures)
        counter_add_shared(&client->receiver.gateway_figures->refused[reason], 1);
    log_limited(LOG_LEVEL_WARN, "direct send refused", LOG_CLIENT(client, subject),
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
    joining_untarget(&client->memberships, &client->everyone);
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

bool client_revoke(toni_client *client)
{
    struct batch *batch = batch_create_close(TONI_CLOSE_TOKEN, toni_str_of("revoked"));
    lock_take(&client->lock);
    const bool begun = begin_closing(client, TONI_CLOSE_TOKEN, true, batch);
    if (begun)
        client->is_revoked = true;
    lock_give(&client->lock);
    if (!begun)
        batch_unref(batch);
    return begun;
}

bool client_was_revoked(toni_client *client)
{
    lock_take(&client->lock);
    const bool was_revoked = client->is_revoked;
    lock_give(&client->lock);
    return was_revoked;
}

void client_close_now(toni_client *client, uint16_t code, toni_str reason)
{
    receiver_close_now(&client->receiver, code, reason);
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
    joining_leave_all(&client->memberships, &client->everyone);
    lock_give(&client->lock);
}

void client_finish(toni_client *client)
{
    client_retire(client);
    receiver_finish(&client->receiver);
}
