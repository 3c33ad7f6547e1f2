/* Connections of a fake host: rooms, clients by id, and targets. */
#include "toni_testkit_private.h"

#include <inttypes.h>

static int32_t join_room(toni_connections *connections, toni_client_id client, toni_str room)
{
    toni_fake_host *host = host_of_connections(connections);
    fake_record(host, "join %" PRIu64 " %.*s\n", client, TONI_STR_ARG(room));
    return fake_answer(host, "join",
                       fake_first_error(fake_check_room(room), fake_check_open(host, client)));
}

static int32_t leave_room(toni_connections *connections, toni_client_id client, toni_str room)
{
    toni_fake_host *host = host_of_connections(connections);
    fake_record(host, "leave %" PRIu64 " %.*s\n", client, TONI_STR_ARG(room));
    return fake_answer(host, "leave",
                       fake_first_error(fake_check_room(room), fake_check_known(host, client)));
}

static int32_t remove_client(toni_connections *connections, toni_client_id client)
{
    toni_fake_host *host = host_of_connections(connections);
    fake_record(host, "remove %" PRIu64 "\n", client);
    return fake_note_closing(host, client,
                             fake_answer(host, "remove", fake_check_known(host, client)));
}

static int32_t broadcast_to_room(toni_connections *connections, toni_str room,
                                 const toni_message *message)
{
    toni_fake_host *host = host_of_connections(connections);
    fake_record(host, "broadcast %.*s", TONI_STR_ARG(room));
    fake_record_message(host, message);
    return fake_answer(host, "broadcast",
                       fake_first_error(fake_check_room(room),
                                        toni_fake_message_check(message, TONI_FAKE_BROADCAST_MAX)));
}

static int32_t get_room_members(toni_connections *connections, toni_str room,
                                toni_client_ids **members)
{
    toni_fake_host *host = host_of_connections(connections);
    int32_t result = fake_answer(host, "members", fake_check_room(room));
    fake_record(host, "members %.*s\n", TONI_STR_ARG(room));
    *members = result == TONI_OK ? &host->members : NULL;
    host->handed_out += result == TONI_OK;
    return result;
}

static int32_t get_client_rooms(toni_connections *connections, toni_client_id client,
                                toni_room_names **rooms)
{
    toni_fake_host *host = host_of_connections(connections);
    int32_t result = fake_answer(host, "rooms", fake_check_known(host, client));
    fake_record(host, "rooms %" PRIu64 "\n", client);
    *rooms = result == TONI_OK ? &host->rooms : NULL;
    host->handed_out += result == TONI_OK;
    return result;
}

static uint64_t room_count(toni_connections *connections)
{
    return host_of_connections(connections)->room_count;
}

static int32_t get_client(toni_connections *connections, toni_client_id client,
                          toni_client_info **info)
{
    toni_fake_host *host = host_of_connections(connections);
    int32_t result = fake_answer(host, "client", fake_check_known(host, client));
    fake_record(host, "client %" PRIu64 "\n", client);
    host->info.id = client;
    *info = result == TONI_OK ? &host->info : NULL;
    host->handed_out += result == TONI_OK;
    return result;
}

static int32_t get_room(toni_connections *connections, toni_str room, toni_room_info **info)
{
    toni_fake_host *host = host_of_connections(connections);
    int32_t result = fake_answer(host, "room", fake_check_room(room));
    fake_record(host, "room %.*s\n", TONI_STR_ARG(room));
    *info = result == TONI_OK ? &host->room : NULL;
    host->handed_out += result == TONI_OK;
    return result;
}

int32_t fake_check_send(toni_fake_host *host, toni_client_id client, const toni_message *message)
{
    if (fake_check_known(host, client) < 0)
        return TONI_ERR_NOT_FOUND;
    return fake_first_error(toni_fake_message_check(message, TONI_FAKE_SEND_MAX),
                            fake_check_open(host, client));
}

int32_t fake_check_close(uint16_t code, toni_str reason)
{
    return toni_fake_is_close(code, reason) ? TONI_OK : TONI_ERR_INVALID;
}

static int32_t send_to_client(toni_connections *connections, toni_client_id client,
                              const toni_message *message)
{
    toni_fake_host *host = host_of_connections(connections);
    fake_record(host, "send_to %" PRIu64, client);
    fake_record_message(host, message);
    return fake_answer(host, "send_to", fake_check_send(host, client, message));
}

static int32_t close_client(toni_connections *connections, toni_client_id client, uint16_t code,
                            toni_str reason)
{
    toni_fake_host *host = host_of_connections(connections);
    fake_record(host, "close_client %" PRIu64 " %u %.*s\n", client, code, TONI_STR_ARG(reason));
    const int32_t refusal =
        fake_first_error(fake_check_known(host, client), fake_check_close(code, reason));
    return fake_note_closing(host, client, fake_answer(host, "close_client", refusal));
}

static void take_back(toni_fake_host *host, const char *call)
{
    fake_record(host, "%s\n", call);
    ck_assert_msg(host->handed_out > 0, "%s: ended twice", call);
    host->handed_out--;
}

static void client_ids_destroy(toni_client_ids *ids)
{
    take_back(host_of(ids), "ids_destroy");
}

static void room_names_destroy(toni_room_names *names)
{
    take_back(host_of(names), "names_destroy");
}

static void client_info_destroy(toni_client_info *info)
{
    take_back(host_of(info), "info_destroy");
}

static void room_info_destroy(toni_room_info *info)
{
    take_back(host_of(info), "room_destroy");
}

/* --- Targets */

static toni_target *target_create(toni_connections *connections)
{
    toni_fake_host *host = host_of_connections(connections);
    fake_record(host, "target\n");
    host->handed_out++;
    host->target_error = TONI_OK;
    return (toni_target *)&host->target;
}

static void target_to_room(toni_target *target, toni_str room)
{
    toni_fake_host *host = host_of_target(target);
    fake_record(host, "to_room %.*s\n", TONI_STR_ARG(room));
    host->target_error = fake_first_error(host->target_error, fake_check_room(room));
}

static void target_to_client(toni_target *target, toni_client_id client)
{
    fake_record(host_of_target(target), "to_client %" PRIu64 "\n", client);
}

static void target_to_all(toni_target *target)
{
    fake_record(host_of_target(target), "to_all\n");
}

static void target_except(toni_target *target, toni_client_id client)
{
    fake_record(host_of_target(target), "except %" PRIu64 "\n", client);
}

int32_t fake_check_target(const toni_fake_host *host, const toni_message *message)
{
    return fake_first_error(host->target_error,
                            toni_fake_message_check(message, TONI_FAKE_BROADCAST_MAX));
}

static int32_t target_send(toni_target *target, const toni_message *message)
{
    toni_fake_host *host = host_of_target(target);
    fake_record(host, "target_send");
    fake_record_message(host, message);
    host->handed_out--;
    return fake_answer(host, "target_send", fake_check_target(host, message));
}

static void target_destroy(toni_target *target)
{
    take_back(host_of_target(target), "target_destroy");
}

void fake_rooms_fill(toni_host *table)
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
    table->close_client = close_client;
    table->client_ids_destroy = client_ids_destroy;
    table->room_names_destroy = room_names_destroy;
    table->client_info_destroy = client_info_destroy;
    table->target_create = target_create;
    table->target_to_room = target_to_room;
    table->target_to_client = target_to_client;
    table->target_to_all = target_to_all;
    table->target_except = target_except;
    table->target_send = target_send;
    table->target_destroy = target_destroy;
    table->get_room = get_room;
    table->room_info_destroy = room_info_destroy;
}
