/* Rooms of a fake host: who has joined which. */
#include "toni_testkit_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static toni_str room_of(const toni_fake_membership *membership)
{
    return toni_str_make(membership->room, membership->size);
}

static int is_in(const toni_fake_membership *membership, toni_str room)
{
    return toni_str_equal(room_of(membership), room);
}

static toni_fake_membership *find_membership(toni_fake_host *host, toni_client_id client,
                                             toni_str room)
{
    for (size_t i = 0; i < host->membership_count; i++) {
        toni_fake_membership *membership = &host->memberships[i];
        if (membership->client == client && is_in(membership, room))
            return membership;
    }
    return NULL;
}

/* The others stay in the order in which they came. */
static void end_membership(toni_fake_host *host, toni_fake_membership *membership)
{
    const size_t behind = (size_t)(host->memberships + host->membership_count - membership) - 1;
    const toni_fake_membership ended = *membership;
    memmove(membership, membership + 1, behind * sizeof *membership);
    host->membership_count--;
    fake_end_metadata(host, room_of(&ended));
}

void fake_join(toni_fake_host *host, toni_client_id client, toni_str room)
{
    if (find_membership(host, client, room))
        return;
    ck_assert_msg(host->membership_count < TONI_FAKE_MAX_MEMBERSHIPS,
                  "more members than the fake host takes: TONI_FAKE_MAX_MEMBERSHIPS");
    toni_fake_membership *membership = &host->memberships[host->membership_count++];
    *membership = (toni_fake_membership){.client = client, .size = room.size};
    memcpy(membership->room, room.data, room.size);
}

int fake_is_member(toni_fake_host *host, toni_client_id client, toni_str room)
{
    return find_membership(host, client, room) != NULL;
}

int fake_room_has_members(const toni_fake_host *host, toni_str room)
{
    for (size_t i = 0; i < host->membership_count; i++) {
        if (is_in(&host->memberships[i], room))
            return 1;
    }
    return 0;
}

void fake_leave_all_rooms(toni_fake_host *host, toni_client_id client)
{
    for (size_t i = host->membership_count; i-- > 0;) {
        if (host->memberships[i].client == client)
            end_membership(host, &host->memberships[i]);
    }
}

void fake_take_rooms_along(toni_fake_host *host, toni_fake_host *next, toni_client_id client)
{
    for (size_t i = 0; i < host->membership_count; i++) {
        if (host->memberships[i].client != client)
            continue;
        fake_take_metadata_along(host, next, room_of(&host->memberships[i]));
        fake_join(next, client, room_of(&host->memberships[i]));
    }
}

size_t fake_count_rooms(const toni_fake_host *host, toni_client_id client)
{
    size_t count = 0;
    for (size_t i = 0; i < host->membership_count; i++)
        count += host->memberships[i].client == client;
    return count;
}

void fake_for_members(toni_fake_host *host, toni_str room, fake_member_fn call, void *data)
{
    for (size_t i = 0; i < host->membership_count; i++) {
        if (is_in(&host->memberships[i], room))
            call(host, host->memberships[i].client, data);
    }
}

/* --- Joining and leaving */

static int32_t join_room(toni_connections *connections, toni_client_id client, toni_str room)
{
    toni_fake_host *host = host_of_connections(connections);
    fake_record(host, "join %" PRIu64 " %.*s\n", client, TONI_STR_ARG(room));
    int32_t refusal = fake_first_error(fake_check_room(room), fake_check_open(host, client));
    refusal = fake_first_error(refusal, fake_check_join(host, client, room));
    const int32_t result = fake_answer(host, "join", refusal);
    if (result >= 0)
        fake_join(host, client, room);
    return result;
}

static int32_t leave_room(toni_connections *connections, toni_client_id client, toni_str room)
{
    toni_fake_host *host = host_of_connections(connections);
    fake_record(host, "leave %" PRIu64 " %.*s\n", client, TONI_STR_ARG(room));
    const int32_t result = fake_answer(
        host, "leave", fake_first_error(fake_check_room(room), fake_check_known(host, client)));
    toni_fake_membership *membership = find_membership(host, client, room);
    if (result >= 0 && membership)
        end_membership(host, membership);
    return result;
}

/* --- Looking */

void *fake_hand_out(toni_fake_host *host, size_t size)
{
    void *snapshot = calloc(1, size);
    ck_assert_ptr_nonnull(snapshot);
    host->handed_out++;
    return snapshot;
}

void fake_take_back(toni_fake_host *host, const char *call, void *snapshot)
{
    fake_record(host, "%s\n", call);
    ck_assert_msg(host->handed_out > 0, "%s: ended twice", call);
    host->handed_out--;
    free(snapshot);
}

/* Not those whose `on_disconnect` has begun. */
static void list_member(toni_fake_host *host, toni_client_id client, void *data)
{
    toni_client_ids *ids = data;
    const toni_fake_known *known = fake_find_client(host, client);
    if (known && known->is_leaving)
        return;
    toni_client_id *place = (toni_client_id *)(ids + 1) + ids->count++;
    *place = client;
}

static int32_t get_room_members(toni_connections *connections, toni_str room,
                                toni_client_ids **members)
{
    toni_fake_host *host = host_of_connections(connections);
    const int32_t result = fake_answer(host, "members", fake_check_room(room));
    fake_record(host, "members %.*s\n", TONI_STR_ARG(room));
    *members = NULL;
    if (result != TONI_OK)
        return result;
    toni_client_ids *ids =
        fake_hand_out(host, sizeof *ids + host->membership_count * sizeof(toni_client_id));
    *ids = (toni_client_ids){.host = &host->table, .ids = (const toni_client_id *)(ids + 1)};
    fake_for_members(host, room, list_member, ids);
    *members = ids;
    return result;
}

static int32_t get_client_rooms(toni_connections *connections, toni_client_id client,
                                toni_room_names **rooms)
{
    toni_fake_host *host = host_of_connections(connections);
    const int32_t result = fake_answer(host, "rooms", fake_check_known(host, client));
    fake_record(host, "rooms %" PRIu64 "\n", client);
    *rooms = NULL;
    if (result != TONI_OK)
        return result;
    const size_t count = fake_count_rooms(host, client);
    toni_room_names *names =
        fake_hand_out(host, sizeof *names + count * (sizeof(toni_str) + TONI_FAKE_ROOM_SIZE));
    toni_str *list = (toni_str *)(names + 1);
    char *text = (char *)(list + count);
    *names = (toni_room_names){.host = &host->table, .names = list};
    for (size_t i = 0; i < host->membership_count; i++) {
        const toni_fake_membership *membership = &host->memberships[i];
        if (membership->client != client)
            continue;
        memcpy(text, membership->room, TONI_FAKE_ROOM_SIZE); /* with the NUL behind it */
        list[names->count++] = toni_str_make(text, membership->size);
        text += TONI_FAKE_ROOM_SIZE;
    }
    *rooms = names;
    return result;
}

static toni_str connections_namespace(toni_connections *connections)
{
    return host_of_connections(connections)->name_space;
}

static uint64_t room_count(toni_connections *connections)
{
    toni_fake_host *host = host_of_connections(connections);
    uint64_t count = 0;
    for (size_t i = 0; i < host->membership_count; i++) {
        size_t first = 0;
        while (!is_in(&host->memberships[first], room_of(&host->memberships[i])))
            first++;
        count += first == i;
    }
    return count;
}

static void count_member(toni_fake_host *host, toni_client_id client, void *data)
{
    toni_room_info *info = data;
    const toni_fake_known *known = fake_find_client(host, client);
    info->members++;
    info->targets += known && !known->is_closing;
}

static int32_t get_room(toni_connections *connections, toni_str room, toni_room_info **info)
{
    toni_fake_host *host = host_of_connections(connections);
    toni_room_info found = host->room;
    found.members = found.targets = 0;
    fake_for_members(host, room, count_member, &found);
    fake_record(host, "room %.*s\n", TONI_STR_ARG(room));
    const int32_t is_there = found.members > 0 ? TONI_OK : TONI_ERR_NOT_FOUND;
    const int32_t result =
        fake_answer(host, "room", fake_first_error(fake_check_room(room), is_there));
    *info = NULL;
    if (result != TONI_OK)
        return result;
    *info = fake_hand_out(host, sizeof **info);
    **info = found;
    return result;
}

static void client_ids_destroy(toni_client_ids *ids)
{
    fake_take_back(host_of(ids), "ids_destroy", ids);
}

static void room_names_destroy(toni_room_names *names)
{
    fake_take_back(host_of(names), "names_destroy", names);
}

static void room_info_destroy(toni_room_info *info)
{
    fake_take_back(host_of(info), "room_destroy", info);
}

void fake_rooms_fill(toni_host *table)
{
    table->join_room = join_room;
    table->leave_room = leave_room;
    table->get_room_members = get_room_members;
    table->get_client_rooms = get_client_rooms;
    table->room_count = room_count;
    table->connections_namespace = connections_namespace;
    table->client_ids_destroy = client_ids_destroy;
    table->room_names_destroy = room_names_destroy;
    table->get_room = get_room;
    table->room_info_destroy = room_info_destroy;
}
