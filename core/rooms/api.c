/* What plugins call; see api.h. */
#include "rooms/api.h"

#include "rooms/asked.h"
#include "rooms/broadcast.h"
#include "rooms/client.h"
#include "rooms/crowd.h"
#include "rooms/metadata.h"
#include "rooms/pages.h"
#include "rooms/remote_out.h"
#include "rooms/revoking.h"
#include "rooms/room_table.h"
#include "rooms/rules.h"
#include "rooms/send.h"
#include "rooms/target.h"

#include <toni/cluster.h>
#include <toni/connections.h>

#include <stdio.h>
#include <stdlib.h>

/* Who finds a client has a reference to it: gives that back. @return @p result. */
static int32_t let_go(toni_client *client, int32_t result)
{
    client_unref(client);
    return result;
}

/* The same of a room. */
static int32_t let_go_of_room(struct room *room, int32_t result)
{
    room_unref(room);
    return result;
}

/* Of a client that is not here. */
static int32_t of_room_elsewhere(toni_connections *connections, toni_cluster_kind kind,
                                 toni_client_id id, toni_str room)
{
    toni_cluster_request request = toni_cluster_request_of(kind, id);
    request.text = room;
    return asked_elsewhere(space_of(connections), &request);
}

static int32_t join_room(toni_connections *connections, toni_client_id id, toni_str room)
{
    if (!room_name_valid(room))
        return TONI_ERR_INVALID;
    toni_client *client = client_find(space_of(connections), id);
    return client ? let_go(client, client_join(client, room))
                  : of_room_elsewhere(connections, TONI_CLUSTER_JOIN, id, room);
}

static int32_t leave_room(toni_connections *connections, toni_client_id id, toni_str room)
{
    if (!room_name_valid(room))
        return TONI_ERR_INVALID;
    toni_client *client = client_find(space_of(connections), id);
    return client ? let_go(client, client_leave(client, room))
                  : of_room_elsewhere(connections, TONI_CLUSTER_LEAVE, id, room);
}

/* The name of a room that is there is valid.
 * @param room  Set, with a reference; NULL: it has no members here.
 * @return Whether both can be broadcast. */
static int32_t find_to_broadcast(struct space *space, toni_str name, const toni_message *message,
                                 struct room **room)
{
    *room = room_table_find(space, name);
    if (!*room && !room_name_valid(name))
        return TONI_ERR_INVALID;
    return broadcast_check(space->connections, message);
}

/* @param room  NULL: it has no members here. */
static int32_t broadcast(struct space *space, toni_str name, struct room *room,
                         const toni_message *message)
{
    if (space->remote)
        return remote_out_room(space, name, room, message);
    return broadcast_to(space, name, room, message);
}

static int32_t broadcast_to_room(toni_connections *connections, toni_str name,
                                 const toni_message *message)
{
    struct space *space = space_of(connections);
    struct room *room;
    int32_t result = find_to_broadcast(space, name, message, &room);
    if (result == TONI_OK)
        result = broadcast(space, name, room, message);
    return let_go_of_room(room, result);
}

static int32_t client_may(toni_client *client, toni_str name)
{
    if (!room_name_valid(name))
        return TONI_ERR_INVALID;
    struct room *room = room_table_find(client->space, name);
    const bool may = client_may_publish(client, name, room);
    room_unref(room);
    return may ? TONI_OK : TONI_ERR_MAY_NOT_PUBLISH;
}

static int32_t broadcast_as(toni_client *client, toni_str name, struct room *room,
                            const toni_message *message)
{
    if (!client_may_publish(client, name, room))
        return TONI_ERR_MAY_NOT_PUBLISH;
    return broadcast(client->space, name, room, message);
}

static int32_t broadcast_from(toni_client *client, toni_str name, const toni_message *message)
{
    struct room *room;
    int32_t result = find_to_broadcast(client->space, name, message, &room);
    if (result == TONI_OK)
        result = broadcast_as(client, name, room, message);
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
    for (uint32_t i = 0; i < count; i++) {
        const toni_client *client = client_of_receiver(room_list(room)[i]->receiver);
        if (!atomic_load_explicit(&client->is_leaving, memory_order_acquire))
            ids[found++] = client->receiver.id;
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
    struct room *room = room_table_find(space_of(connections), name);
    if (room)
        lock_take(&room->lock);
    int32_t result = members_locked(room, space_of(connections)->host, members);
    if (room)
        lock_give(&room->lock);
    room_unref(room);
    return result;
}

static int32_t get_client_rooms(toni_connections *connections, toni_client_id id,
                                toni_room_names **rooms)
{
    *rooms = NULL;
    toni_client *client = client_find(space_of(connections), id);
    return client ? let_go(client, client_rooms(client, rooms)) : TONI_ERR_NOT_FOUND;
}

static uint64_t room_count(toni_connections *connections)
{
    return atomic_load(&space_of(connections)->rooms);
}

static toni_str connections_namespace(toni_connections *connections)
{
    return toni_str_of(space_of(connections)->name);
}

static int32_t get_client(toni_connections *connections, toni_client_id id, toni_client_info **info)
{
    *info = NULL;
    toni_client *client = client_find(space_of(connections), id);
    return client ? let_go(client, client_info(client, info)) : TONI_ERR_NOT_FOUND;
}

static int32_t get_room(toni_connections *connections, toni_str name, toni_room_info **info)
{
    *info = NULL;
    if (!room_name_valid(name))
        return TONI_ERR_INVALID;
    struct room *room = room_table_find(space_of(connections), name);
    return room ? let_go_of_room(room, room_info(room, info)) : TONI_ERR_NOT_FOUND;
}

static int32_t room_position(toni_connections *connections, toni_str name, toni_position *position)
{
    *position = (toni_position){0};
    if (!room_name_valid(name))
        return TONI_ERR_INVALID;
    struct space *space = space_of(connections);
    struct room *room = room_table_find(space, name);
    const bool is_there = room != NULL;
    if (is_there)
        *position = room_history_position(room);
    room_unref(room);
    if (position->epoch == 0 && space->remote && room_table_kept(space, name).messages > 0)
        return TONI_ERR_BUSY;
    return is_there ? TONI_OK : TONI_ERR_NOT_FOUND;
}

static int32_t set_room_metadata(toni_connections *connections, toni_str name, toni_str value)
{
    if (!room_name_valid(name))
        return TONI_ERR_INVALID;
    if (value.size > TONI_ROOM_METADATA_MAX)
        return TONI_ERR_TOO_BIG;
    struct room *room = room_table_find(space_of(connections), name);
    return room ? let_go_of_room(room, metadata_set(room, value)) : TONI_ERR_NOT_FOUND;
}

static int32_t get_room_metadata(toni_connections *connections, toni_str name, void *buffer,
                                 size_t capacity, size_t *size)
{
    *size = 0;
    if (!room_name_valid(name))
        return TONI_ERR_INVALID;
    struct room *room = room_table_find(space_of(connections), name);
    return room ? let_go_of_room(room, metadata_get(room, buffer, capacity, size))
                : TONI_ERR_NOT_FOUND;
}

static int32_t send_to_client(toni_connections *connections, toni_client_id id,
                              const toni_message *message)
{
    toni_client *client = client_find(space_of(connections), id);
    if (client)
        return let_go(client, client_send(client, message));
    toni_cluster_request request = toni_cluster_request_of(TONI_CLUSTER_SEND, id);
    request.message = message;
    return asked_elsewhere(space_of(connections), &request);
}

static int32_t close_checked(toni_client *client, uint16_t code, toni_str reason)
{
    return close_valid(code, reason) ? client_close(client, code, reason) : TONI_ERR_INVALID;
}

static int32_t close_client(toni_connections *connections, toni_client_id id, uint16_t code,
                            toni_str reason)
{
    toni_client *client = client_find(space_of(connections), id);
    if (client)
        return let_go(client, close_checked(client, code, reason));
    toni_cluster_request request = toni_cluster_request_of(TONI_CLUSTER_CLOSE, id);
    request.text = reason;
    request.code = code;
    return asked_elsewhere(space_of(connections), &request);
}

static int32_t remove_client(toni_connections *connections, toni_client_id id)
{
    return close_client(connections, id, 1000, (toni_str){0});
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

static void client_id_name(toni_client_id client, char name[TONI_CLIENT_NAME_SIZE])
{
    (void)snprintf(name, TONI_CLIENT_NAME_SIZE, "%016llx", (unsigned long long)client);
}

static toni_client_id client_id(const toni_client *client)
{
    return client->receiver.id;
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

static toni_str client_subject(const toni_client *client)
{
    return client->identity ? client->identity->subject : toni_str_make("", 0);
}

static int32_t client_identity(const toni_client *client, toni_identity *identity)
{
    const struct identity *known = client->identity;
    if (!known)
        return TONI_ERR_NOT_FOUND;
    if (identity->struct_size < TONI_IDENTITY_SIZE_1_0)
        return TONI_ERR_INVALID;
    identity->reserved = 0;
    identity->subject = known->subject;
    identity->issued_s = identity_issued_s(known);
    identity->expires_s = known->expires_s;
    return TONI_OK;
}

static int32_t client_claim(const toni_client *client, toni_str name, uint32_t index,
                            toni_str *value)
{
    return identity_claim(client->identity, name, index, value);
}

void api_fill_table(toni_host *table)
{
    table->join_room = join_room;
    table->leave_room = leave_room;
    table->remove_client = remove_client;
    table->broadcast_to_room = broadcast_to_room;
    table->get_room_members = get_room_members;
    table->get_client_rooms = get_client_rooms;
    table->room_count = room_count;
    table->connections_namespace = connections_namespace;
    table->get_client = get_client;
    table->send_to_client = send_to_client;
    table->close_client = close_client;
    table->client_ids_destroy = client_ids_destroy;
    table->room_names_destroy = room_names_destroy;
    table->client_info_destroy = client_info_destroy;
    table->get_room = get_room;
    table->room_info_destroy = room_info_destroy;
    table->set_room_metadata = set_room_metadata;
    table->get_room_metadata = get_room_metadata;
    table->room_position = room_position;
    table->client_id = client_id;
    table->client_name = client_name;
    table->client_id_name = client_id_name;
    table->client_send = client_send;
    table->client_close = close_checked;
    table->client_data = client_data;
    table->client_set_data = client_set_data;
    table->client_request = client_request;
    table->client_subject = client_subject;
    table->client_may_publish = client_may;
    table->broadcast_from = broadcast_from;
    table->client_identity = client_identity;
    table->client_claim = client_claim;
    crowd_fill_table(table);
    pages_fill_table(table);
    revoking_fill_table(table);
    target_fill_table(table);
    table->target_send = target_send;
    request_fill_table(table);
}
