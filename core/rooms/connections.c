/* The connections; see connections.h. */
#include "rooms/connections.h"

#include "base/random.h"
#include "base/utf8.h"
#include "rooms/client.h"
#include "rooms/client_list.h"
#include "rooms/target.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Making and ending */

static int stripes_init(struct stripe *stripes)
{
    for (uint32_t i = 0; i < STRIPES; i++) {
        if (pthread_mutex_init(&stripes[i].mutex, NULL)) {
            while (i-- > 0)
                pthread_mutex_destroy(&stripes[i].mutex);
            return -1;
        }
        hash_table_init(&stripes[i].table);
    }
    return 0;
}

static void stripes_finish(struct stripe *stripes)
{
    for (uint32_t i = 0; i < STRIPES; i++) {
        hash_table_finish(&stripes[i].table, NULL, NULL);
        pthread_mutex_destroy(&stripes[i].mutex);
    }
}

/* The low bits of a hash choose the bucket in the stripe. */
static struct stripe *stripe_of(struct stripe *stripes, uint64_t hash)
{
    return &stripes[(hash >> 32) % STRIPES];
}

/* The budget of something is passed: each lane has to look whether one of its own has to go. */
static void wake_all(void *data)
{
    const toni_connections *connections = data;
    for (uint32_t i = 0; i < connections->lane_count; i++)
        connections->lanes[i].wake(connections->lanes[i].wake_data);
}

int connections_init_lane(toni_connections *connections, uint32_t index, void (*wake)(void *data),
                          void *wake_data)
{
    return lane_init(&connections->lanes[index], index, &client_work, connections->budgets, wake,
                     wake_data);
}

toni_connections *connections_create(const toni_host *host, const struct limits *limits,
                                     uint32_t lane_count)
{
    toni_connections *connections = calloc(1, sizeof *connections);
    if (!connections)
        return NULL;
    connections->host = host;
    connections->limits = *limits;
    connections->lane_count = lane_count;
    uint32_t key[PERMUTE_KEY_WORDS];
    if (random_bytes(&connections->hash_key, sizeof connections->hash_key) ||
        random_bytes(key, sizeof key))
        goto fail;
    permute_init(&connections->permute, key);
    if (deflaters_init(&connections->deflaters))
        goto fail;
    connections->lanes = calloc(lane_count, sizeof *connections->lanes);
    connections->everyone = room_create(connections, 0, (toni_str){0});
    budget_init(&connections->budgets[BUDGET_INBOUND], BUDGET_INBOUND, limits->inbound_bytes,
                lane_count, wake_all, connections);
    budget_init(&connections->budgets[BUDGET_OUTBOX], BUDGET_OUTBOX, limits->outbox_bytes_total,
                lane_count, wake_all, connections);
    if (!connections->lanes || !connections->everyone || stripes_init(connections->client_stripes))
        goto fail_stripes;
    if (stripes_init(connections->room_stripes)) {
        stripes_finish(connections->client_stripes);
        goto fail_stripes;
    }
    return connections;

fail_stripes:
    deflaters_finish(&connections->deflaters);
fail:
    room_unref(connections->everyone);
    free(connections->lanes);
    free(connections);
    return NULL;
}

void connections_destroy(toni_connections *connections)
{
    if (!connections)
        return;
    for (uint32_t i = 0; i < connections->lane_count; i++)
        lane_finish(&connections->lanes[i]);
    room_unref(connections->everyone);
    stripes_finish(connections->client_stripes);
    stripes_finish(connections->room_stripes);
    deflaters_finish(&connections->deflaters);
    free(connections->lanes);
    free(connections);
}

void connections_figures(const toni_connections *connections, struct connections_figures *figures)
{
    *figures =
        (struct connections_figures){.targeted = counter_read(&connections->spread_targeted)};
    for (uint32_t i = 0; i < connections->lane_count; i++) {
        const struct lane *lane = &connections->lanes[i];
        figures->targeted += counter_read(&lane->targeted);
        figures->queued += counter_read(&lane->figures.queued);
        figures->sent += counter_read(&lane->figures.sent);
        figures->sent_bytes += counter_read(&lane->figures.sent_bytes);
        for (unsigned reason = 0; reason < DROP_REASON_COUNT; reason++)
            figures->dropped[reason] += counter_read(&lane->figures.dropped[reason]);
        figures->outbox_messages += counter_read(&lane->figures.outbox_messages);
        figures->outbox_bytes += counter_read(&lane->figures.outbox_bytes);
    }
}

/* --- The table of clients */

static toni_client *client_of(struct hash_node *node)
{
    return (toni_client *)((char *)node - offsetof(toni_client, node));
}

static bool client_match(const struct hash_node *node, const void *key)
{
    (void)node;
    (void)key;
    return true; /* the hash is the id */
}

toni_client *connections_find_client(toni_connections *connections, toni_client_id id)
{
    struct stripe *stripe = stripe_of(connections->client_stripes, id);
    pthread_mutex_lock(&stripe->mutex);
    struct hash_node *node = hash_table_find(&stripe->table, id, client_match, NULL);
    toni_client *client = node ? client_ref(client_of(node)) : NULL;
    pthread_mutex_unlock(&stripe->mutex);
    return client;
}

static void client_id_name(toni_client_id client, char name[TONI_CLIENT_NAME_SIZE])
{
    (void)snprintf(name, TONI_CLIENT_NAME_SIZE, "%016llx", (unsigned long long)client);
}

int connections_add_client(toni_connections *connections, toni_client *client)
{
    do {
        client->id =
            permute_apply(&connections->permute, atomic_fetch_add(&connections->next_client, 1));
    } while (client->id == 0); /* which means nobody */
    client_id_name(client->id, client->name);
    struct stripe *stripe = stripe_of(connections->client_stripes, client->id);
    pthread_mutex_lock(&stripe->mutex);
    int result = hash_table_insert(&stripe->table, &client->node, client->id);
    pthread_mutex_unlock(&stripe->mutex);
    return result;
}

void connections_remove_client(toni_connections *connections, toni_client *client)
{
    struct stripe *stripe = stripe_of(connections->client_stripes, client->id);
    pthread_mutex_lock(&stripe->mutex);
    hash_table_remove(&stripe->table, &client->node);
    pthread_mutex_unlock(&stripe->mutex);
}

/* --- The table of rooms */

static struct room *room_of(struct hash_node *node)
{
    return (struct room *)((char *)node - offsetof(struct room, node));
}

static bool room_match(const struct hash_node *node, const void *key)
{
    const struct room *room =
        (const struct room *)((const char *)node - offsetof(struct room, node));
    return toni_str_equal(room->name, *(const toni_str *)key);
}

static struct room *find_or_make(toni_connections *connections, toni_str name, bool make)
{
    uint64_t hash = hash_bytes(&connections->hash_key, name.data, name.size);
    struct stripe *stripe = stripe_of(connections->room_stripes, hash);
    pthread_mutex_lock(&stripe->mutex);
    struct hash_node *node = hash_table_find(&stripe->table, hash, room_match, &name);
    struct room *room = node ? room_ref(room_of(node)) : NULL;
    if (!room && make) {
        room = room_create(connections, atomic_fetch_add(&connections->next_room, 1) + 1, name);
        if (room && !hash_table_insert(&stripe->table, &room->node, hash)) {
            room_ref(room); /* the table's */
        } else {
            room_unref(room);
            room = NULL;
        }
    }
    pthread_mutex_unlock(&stripe->mutex);
    return room;
}

struct room *connections_find_room(toni_connections *connections, toni_str name)
{
    return find_or_make(connections, name, false);
}

struct room *connections_get_room(toni_connections *connections, toni_str name)
{
    return find_or_make(connections, name, true);
}

void connections_collect_room(toni_connections *connections, struct room *room)
{
    struct stripe *stripe = stripe_of(connections->room_stripes, room->node.hash);
    pthread_mutex_lock(&stripe->mutex);
    pthread_mutex_lock(&room->mutex);
    bool end = room->members == 0 && !room->ended;
    if (end) {
        room->ended = true;
        hash_table_remove(&stripe->table, &room->node);
    }
    pthread_mutex_unlock(&room->mutex);
    pthread_mutex_unlock(&stripe->mutex);
    if (end)
        room_unref(room);
}

/* --- Rules */

bool room_name_valid(toni_str name)
{
    return name.size >= 1 && name.size <= ROOM_NAME_MAX && utf8_valid(name.data, name.size) &&
           !utf8_has_control(name.data, name.size);
}

/* RFC 6455, section 7.4; 1004 to 1006 and 1015 never go on the wire. */
bool close_valid(uint16_t code, toni_str reason)
{
    bool defined = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
    return (defined || (code >= 3000 && code <= 4999)) && reason.size <= FRAME_REASON_MAX &&
           utf8_valid(reason.data, reason.size);
}

int32_t message_check(const toni_message *message, uint64_t limit)
{
    if (message->struct_size < TONI_MESSAGE_SIZE_1_0 ||
        (message->kind != TONI_TEXT && message->kind != TONI_BINARY))
        return TONI_ERR_INVALID;
    /* The size alone first: that of the frames could wrap around. */
    if (message->body.size > limit || frame_message_size(message->body.size) > limit)
        return TONI_ERR_TOO_BIG;
    if (message->kind == TONI_TEXT && !utf8_valid(message->body.data, message->body.size))
        return TONI_ERR_INVALID;
    return TONI_OK;
}

int32_t broadcast_check(toni_connections *connections, const toni_message *message)
{
    const struct limits *limits = &connections->limits;
    const uint64_t most = limits->pending_bytes_per_room < limits->pending_bytes
                              ? limits->pending_bytes_per_room
                              : limits->pending_bytes;
    const int32_t result = message_check(message, most);
    if (result == TONI_ERR_TOO_BIG)
        counter_add_shared(&connections->refused_too_big, 1);
    return result;
}

bool pending_charge(atomic_uint_fast64_t *pending, uint64_t bytes, uint64_t limit)
{
    if (atomic_fetch_add_explicit(pending, bytes, memory_order_relaxed) + bytes <= limit)
        return true;
    pending_release(pending, bytes);
    return false;
}

void pending_release(atomic_uint_fast64_t *pending, uint64_t bytes)
{
    atomic_fetch_sub_explicit(pending, bytes, memory_order_relaxed);
}

/* --- What plugins call: see toni/connections.h and toni/client.h */

static int32_t join_room(toni_connections *connections, toni_client_id id, toni_str room)
{
    if (!room_name_valid(room))
        return TONI_ERR_INVALID;
    toni_client *client = connections_find_client(connections, id);
    if (!client)
        return TONI_ERR_NOT_FOUND;
    int32_t result = client_join(client, room);
    client_unref(client);
    return result;
}

static int32_t leave_room(toni_connections *connections, toni_client_id id, toni_str room)
{
    if (!room_name_valid(room))
        return TONI_ERR_INVALID;
    toni_client *client = connections_find_client(connections, id);
    if (!client)
        return TONI_ERR_NOT_FOUND;
    int32_t result = client_leave(client, room);
    client_unref(client);
    return result;
}

/* What is compressed is so once, whoever gets it, and before the room is locked.
 * @return NULL: nobody gets it compressed. */
static inline toni_message *deflated_for(struct room *room, const toni_message *message)
{
    return room_deflates(room, message->body.size)
               ? deflaters_shrink(&room->connections->deflaters, message)
               : NULL;
}

/* The hot path. */
static inline int32_t broadcast_to_whole(struct room *room, const toni_message *message)
{
    toni_message *deflated = deflated_for(room, message);
    pthread_mutex_lock(&room->mutex);
    int32_t result = room_broadcast(room, message, deflated, NULL);
    pthread_mutex_unlock(&room->mutex);
    free(deflated);
    return result;
}

int32_t connections_broadcast(struct room *room, const toni_message *message,
                              toni_client *const *except, uint32_t except_count)
{
    if (except_count == 0)
        return broadcast_to_whole(room, message);
    toni_message *deflated = deflated_for(room, message);
    struct excepted excepted;
    client_list_lock(except, except_count); /* so that none of them joins or leaves meanwhile */
    pthread_mutex_lock(&room->mutex);
    room_find_excepted(room, except, except_count, &excepted);
    int32_t result = room_broadcast(room, message, deflated, &excepted);
    pthread_mutex_unlock(&room->mutex);
    client_list_unlock(except, except_count);
    free(deflated);
    return result;
}

static int32_t broadcast_to_room(toni_connections *connections, toni_str name,
                                 const toni_message *message)
{
    if (!room_name_valid(name))
        return TONI_ERR_INVALID;
    int32_t result = broadcast_check(connections, message);
    if (result != TONI_OK)
        return result;
    struct room *room = connections_find_room(connections, name);
    if (!room)
        return 0;
    result = broadcast_to_whole(room, message);
    room_unref(room);
    return result;
}

static int32_t members_locked(struct room *room, const toni_host *host, toni_client_ids **members)
{
    uint32_t count = room ? room->members : 0;
    toni_client_ids *snapshot = malloc(sizeof *snapshot + count * sizeof(toni_client_id));
    if (!snapshot)
        return TONI_ERR_NO_MEMORY;
    toni_client_id *ids = (toni_client_id *)(snapshot + 1);
    size_t found = 0;
    for (uint32_t s = 0; room && s < room->shard_count; s++) {
        const struct shard *shard = &room->shards[s];
        for (uint32_t i = 0; i < shard->count; i++) {
            const toni_client *client = shard->members[i].client;
            bool is_ghost = shard->members[i].membership == NULL;
            if (!is_ghost && !atomic_load_explicit(&client->is_leaving, memory_order_acquire))
                ids[found++] = client->id;
        }
    }
    *snapshot = (toni_client_ids){.host = host, .count = found, .ids = ids};
    *members = snapshot;
    return TONI_OK;
}

static int32_t get_room_members(toni_connections *connections, toni_str name,
                                toni_client_ids **members)
{
    *members = NULL;
    if (!room_name_valid(name))
        return TONI_ERR_INVALID;
    struct room *room = connections_find_room(connections, name);
    if (room)
        pthread_mutex_lock(&room->mutex);
    int32_t result = members_locked(room, connections->host, members);
    if (room)
        pthread_mutex_unlock(&room->mutex);
    room_unref(room);
    return result;
}

static int32_t get_client_rooms(toni_connections *connections, toni_client_id id,
                                toni_room_names **rooms)
{
    *rooms = NULL;
    toni_client *client = connections_find_client(connections, id);
    if (!client)
        return TONI_ERR_NOT_FOUND;
    int32_t result = client_rooms(client, rooms);
    client_unref(client);
    return result;
}

static uint64_t room_count(toni_connections *connections)
{
    return atomic_load(&connections->rooms);
}

static int32_t get_client(toni_connections *connections, toni_client_id id, toni_client_info **info)
{
    *info = NULL;
    toni_client *client = connections_find_client(connections, id);
    if (!client)
        return TONI_ERR_NOT_FOUND;
    int32_t result = client_info(client, info);
    client_unref(client);
    return result;
}

static int32_t get_room(toni_connections *connections, toni_str name, toni_room_info **info)
{
    *info = NULL;
    if (!room_name_valid(name))
        return TONI_ERR_INVALID;
    struct room *room = connections_find_room(connections, name);
    if (!room)
        return TONI_ERR_NOT_FOUND;
    int32_t result = room_info(room, info);
    room_unref(room);
    return result;
}

static int32_t send_to_client(toni_connections *connections, toni_client_id id,
                              const toni_message *message)
{
    toni_client *client = connections_find_client(connections, id);
    if (!client)
        return TONI_ERR_NOT_FOUND;
    int32_t result = client_send(client, message);
    client_unref(client);
    return result;
}

static int32_t client_disconnect(toni_client *client, uint16_t code, toni_str reason)
{
    return close_valid(code, reason) ? client_close(client, code, reason) : TONI_ERR_INVALID;
}

static int32_t disconnect(toni_connections *connections, toni_client_id id, uint16_t code,
                          toni_str reason)
{
    toni_client *client = connections_find_client(connections, id);
    if (!client)
        return TONI_ERR_NOT_FOUND;
    int32_t result = client_disconnect(client, code, reason);
    client_unref(client);
    return result;
}

static int32_t remove_client(toni_connections *connections, toni_client_id id)
{
    return disconnect(connections, id, 1000, (toni_str){0});
}

static void client_ids_destroy(toni_client_ids *ids)
{
    free(ids);
}

static void room_names_destroy(toni_room_names *names)
{
    free(names);
}

static void client_info_destroy(toni_client_info *info)
{
    free(info);
}

static void room_info_destroy(toni_room_info *info)
{
    free(info);
}

static toni_client_id client_id(const toni_client *client)
{
    return client->id;
}

static const char *client_name(const toni_client *client)
{
    return client->name;
}

static void *client_data(const toni_client *client)
{
    return client->data;
}

static const toni_request *client_request(const toni_client *client)
{
    return client->request;
}

void connections_fill_table(toni_host *table)
{
    table->join_room = join_room;
    table->leave_room = leave_room;
    table->remove_client = remove_client;
    table->broadcast_to_room = broadcast_to_room;
    table->get_room_members = get_room_members;
    table->get_client_rooms = get_client_rooms;
    table->room_count = room_count;
    table->get_client = get_client;
    table->send_to_client = send_to_client;
    table->disconnect = disconnect;
    table->client_ids_destroy = client_ids_destroy;
    table->room_names_destroy = room_names_destroy;
    table->client_info_destroy = client_info_destroy;
    table->get_room = get_room;
    table->room_info_destroy = room_info_destroy;
    table->client_id = client_id;
    table->client_name = client_name;
    table->client_id_name = client_id_name;
    table->client_send = client_send;
    table->client_disconnect = client_disconnect;
    table->client_data = client_data;
    table->client_set_data = client_set_data;
    table->client_request = client_request;
    target_fill_table(table);
    request_fill_table(table);
}
