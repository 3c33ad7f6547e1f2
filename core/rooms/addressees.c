/* Addressees; see addressees.h. */
#include "rooms/addressees.h"

#include "rooms/client.h"
#include "rooms/client_list.h"
#include "rooms/client_set.h"
#include "rooms/room_table.h"

#include <stdlib.h>

/* --- Finding them */

static int by_room_id(const void *a, const void *b)
{
    const uint64_t left = (*(struct room *const *)a)->id;
    const uint64_t right = (*(struct room *const *)b)->id;
    return (left > right) - (left < right);
}

/* @return 0, or -1 on no memory. */
static int find_clients(const struct addressees *to, const struct target_ids *list,
                        toni_client ***clients, uint32_t *count)
{
    if (list->count == 0)
        return 0;
    *clients = malloc(list->count * sizeof **clients);
    if (!*clients)
        return -1;
    *count = client_list_find(to->space, list->ids, list->count, *clients);
    return 0;
}

/* Of the clients that are named those stay that are targets. (Who is left out is so while it is
 * being closed, too: its rooms may not know of that yet.) */
static void keep_targets(struct addressees *to)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < to->client_count; i++) {
        toni_client *client = to->clients[i];
        if (client_is_open(client) && !client_list_has(to->except, to->except_count, client))
            to->clients[kept++] = client;
        else
            client_unref(client);
    }
    to->client_count = kept;
}

static int find_rooms(struct addressees *to, const toni_target *target)
{
    uint32_t count = target->everyone ? 1 : target->rooms.count;
    if (count == 0)
        return 0;
    to->rooms = malloc(count * sizeof *to->rooms);
    if (!to->rooms)
        return -1;
    if (target->everyone) { /* which covers all rooms */
        to->rooms[to->room_count++] = room_ref(to->space->everyone);
        return 0;
    }
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        const toni_str name = target->rooms.names[i];
        struct room *room =
            to->is_of_room ? room_table_to_send(to->space, name) : room_table_find(to->space, name);
        if (room)
            to->rooms[found++] = room;
    }
    qsort(to->rooms, found, sizeof *to->rooms, by_room_id);
    for (uint32_t i = 0; i < found; i++) {
        struct room *room = to->rooms[i];
        if (to->room_count > 0 && to->rooms[to->room_count - 1] == room)
            room_unref(room);
        else
            to->rooms[to->room_count++] = room;
    }
    return 0;
}

int addressees_find(struct addressees *to, const toni_target *target)
{
    to->space = target->space;
    to->is_everyone = target->everyone;
    to->is_of_room = !target->everyone && target->rooms.count == 1 && target->clients.count == 0;
    if (find_clients(to, &target->except, &to->except, &to->except_count) ||
        find_clients(to, &target->clients, &to->clients, &to->client_count))
        return -1;
    keep_targets(to);
    return find_rooms(to, target);
}

void addressees_finish(struct addressees *to)
{
    for (uint32_t i = 0; i < to->room_count; i++)
        room_table_release(to->rooms[i]);
    client_list_unref(to->clients, to->client_count);
    client_list_unref(to->except, to->except_count);
    free(to->rooms);
    free(to->clients);
    free(to->except);
}

/* --- What the message is to be like */

/* A message for one room, or for everyone, less some clients, is that room's all the same. */
struct topic *addressees_topic(const struct addressees *to)
{
    bool is_one = to->is_everyone || (to->room_count == 1 && to->client_count == 0);
    return is_one ? &to->rooms[0]->topic : NULL;
}

bool addressees_deflate(const struct addressees *to, size_t size)
{
    for (uint32_t i = 0; i < to->room_count; i++) {
        if (room_deflates(to->rooms[i], size))
            return true;
    }
    for (uint32_t i = 0; i < to->client_count; i++) {
        const toni_client *client = to->clients[i];
        if (client->receiver.deflates && size > client->receiver.limits->deflate_above)
            return true;
    }
    return false;
}

/* --- Counting them */

/* The larger a room, the more is spared by not putting its members into a set. */
static uint32_t largest_room(const struct addressees *to)
{
    uint32_t largest = 0;
    for (uint32_t i = 1; i < to->room_count; i++) {
        if (to->rooms[i]->targets > to->rooms[largest]->targets)
            largest = i;
    }
    return largest;
}

/* @return How many of a room's targets were not in the set; they are then, if @p adds. */
static uint32_t count_new(struct client_set *set, const struct room *room, bool adds)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < room->members; i++) {
        const struct membership *membership = room_list(room)[i];
        const toni_client *client = client_of_receiver(membership->receiver);
        if (membership_is_target(membership))
            found += adds ? client_set_add(set, client) : !client_set_has(set, client);
    }
    return found;
}

/* Each client once: all go into a set but those of the largest room, which are looked for in it. */
static int count_different(const struct addressees *to, uint32_t *targeted)
{
    const uint32_t largest = largest_room(to);
    size_t most = (size_t)to->except_count + to->client_count;
    for (uint32_t i = 0; i < to->room_count; i++)
        most += i == largest ? 0 : to->rooms[i]->targets;
    struct client_set set;
    if (client_set_init(&set, most))
        return -1;
    for (uint32_t i = 0; i < to->except_count; i++)
        (void)client_set_add(&set, to->except[i]);
    *targeted = 0;
    for (uint32_t i = 0; i < to->client_count; i++)
        *targeted += client_set_add(&set, to->clients[i]);
    for (uint32_t i = 0; i < to->room_count; i++) {
        if (i != largest)
            *targeted += count_new(&set, to->rooms[i], true);
    }
    *targeted += count_new(&set, to->rooms[largest], false);
    client_set_finish(&set);
    return 0;
}

/* Of one whole room a few are left out: nobody else has to be looked at. */
static bool leaves_out_few(const struct addressees *to)
{
    return to->room_count == 1 && to->client_count == 0 && to->except_count <= EXCEPTED_MAX;
}

int addressees_count(const struct addressees *to, uint32_t *targeted)
{
    *targeted = to->client_count;
    if (to->room_count == 0)
        return 0;
    if (!leaves_out_few(to))
        return count_different(to, targeted);
    struct excepted excepted;
    const struct room *room = to->rooms[0];
    client_list_find_excepted(to->except, to->except_count, room, &excepted);
    *targeted = room->targets - excepted.count;
    return 0;
}

/* --- Locking */

/* The clients of `except` only if that is asked of the room: see client_list_find_excepted. */
void addressees_lock(const struct addressees *to)
{
    if (leaves_out_few(to))
        client_list_lock(to->except, to->except_count);
    for (uint32_t i = 0; i < to->room_count; i++)
        lock_take(&to->rooms[i]->lock);
}

void addressees_unlock(const struct addressees *to)
{
    for (uint32_t i = to->room_count; i-- > 0;)
        lock_give(&to->rooms[i]->lock);
    if (leaves_out_few(to))
        client_list_unlock(to->except, to->except_count);
}
