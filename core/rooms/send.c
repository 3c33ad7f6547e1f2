/* Sending to a target; see send.h. */
#include "rooms/send.h"

#include "rooms/broadcast.h"
#include "rooms/client_list.h"
#include "rooms/multicast.h"
#include "rooms/remote_out.h"
#include "rooms/room_table.h"
#include "rooms/rules.h"
#include "rooms/target.h"

#include <stdlib.h>

/* @return Whether the message is one room's, or everyone's, less a few. */
static bool is_broadcast(const toni_target *target)
{
    const uint32_t rooms = target->everyone ? 1 : target->rooms.count;
    return rooms == 1 && target->clients.count == 0 && target->except.count <= EXCEPTED_MAX;
}

static int32_t broadcast_except(struct room *room, const toni_message *message,
                                toni_client *const *except, uint32_t count, const toni_position *at)
{
    toni_message *deflated = broadcast_deflate(room, message);
    struct excepted excepted;
    client_list_lock(except, count); /* so that none of them joins or leaves meanwhile */
    lock_take(&room->lock);
    client_list_find_excepted(except, count, room, &excepted);
    const int32_t result = broadcast_locked(room, message, deflated, &excepted, at);
    lock_give(&room->lock);
    client_list_unlock(except, count);
    free(deflated);
    return result;
}

static int32_t send_to_found(const toni_target *target, const toni_message *message,
                             const toni_position *at)
{
    struct space *space = target->space;
    struct room *room = target->everyone ? room_ref(space->everyone)
                                         : room_table_to_send(space, target->rooms.names[0]);
    if (!room)
        return 0;
    toni_client *except[EXCEPTED_MAX];
    const uint32_t count =
        client_list_find(space, target->except.ids, target->except.count, except);
    const int32_t result = count > 0 ? broadcast_except(room, message, except, count, at)
                                     : broadcast_send(room, message, at);
    client_list_unref(except, count);
    room_table_release(room);
    return result;
}

static int32_t send_broadcast(const toni_target *target, const toni_message *message,
                              const toni_position *at)
{
    int32_t result;
    do {
        result = send_to_found(target, message, at);
    } while (result == BROADCAST_ENDED);
    return result;
}

int32_t target_send_here(const toni_target *target, const toni_message *message,
                         struct receipt *receipt, const toni_position *at)
{
    return !receipt && is_broadcast(target) ? send_broadcast(target, message, at)
                                            : multicast_send(target, message, receipt, at);
}

static bool goes_out(const toni_target *target)
{
    return target->space->remote && remote_out_takes(target);
}

int32_t target_send_receipt(toni_target *target, const toni_message *message,
                            struct receipt *receipt)
{
    int32_t result = target->error;
    if (result == TONI_OK)
        result = broadcast_check(target->space->connections, message);
    if (result == TONI_OK)
        result = goes_out(target) ? remote_out_target(target, message, receipt)
                                  : target_send_here(target, message, receipt, NULL);
    target_destroy(target);
    return result;
}

int32_t target_send(toni_target *target, const toni_message *message)
{
    return target_send_receipt(target, message, NULL);
}
