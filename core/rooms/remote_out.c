/* What goes out; see remote_out.h. */
#include "rooms/remote_out.h"

#include "rooms/addressees.h"
#include "rooms/client.h"
#include "rooms/pages.h"
#include "rooms/rules.h"

#include <stdlib.h>

/* @return What a door said, as a sender hears it; refusals are counted as those of this host. */
static int32_t answer(toni_connections *connections, int32_t published, uint32_t targeted)
{
    if (published == TONI_OK)
        return (int32_t)(targeted <= INT32_MAX ? targeted : INT32_MAX);
    if (published == TONI_ERR_BUSY)
        counter_add_shared(&connections->refused_busy, 1);
    else if (published == TONI_ERR_TOO_BIG)
        counter_add_shared(&connections->refused_too_big, 1);
    return published;
}

static int32_t publish(const struct remote_publish *publish, uint32_t targeted)
{
    struct remote *remote = publish->space->remote;
    return answer(publish->space->connections, remote->publish(remote, publish), targeted);
}

/* What has been checked is smaller than 4 GiB: see `pending_bytes_per_room`. */
static uint32_t position_in(const toni_message *message)
{
    return (uint32_t)message_position_at(message);
}

int32_t remote_out_room(struct space *space, toni_str name, struct room *room,
                        const toni_message *message)
{
    const struct envelope to = {.position_at = position_in(message)};
    const struct remote_publish out = {
        .space = space, .room = name, .message = message, .to = to.position_at > 0 ? &to : NULL};
    uint32_t targeted = 0;
    if (room) {
        lock_take(&room->lock);
        targeted = room->targets;
        lock_give(&room->lock);
    }
    return publish(&out, targeted);
}

/* --- Targets */

static bool names_rooms_or_gateways(const toni_target *target)
{
    return target->everyone || target->rooms.count > 0 || target->gateways;
}

bool remote_out_takes(const toni_target *target)
{
    if (names_rooms_or_gateways(target) || target->clients.count != 1)
        return true;
    toni_client *client = client_find(target->space, target->clients.ids[0]);
    client_unref(client);
    return !client;
}

static bool is_one_room(const toni_target *target)
{
    return !target->everyone && target->rooms.count == 1 && !target->gateways &&
           target->clients.count == 0;
}

static int32_t count_here(const toni_target *target, uint32_t *targeted)
{
    struct addressees to = {0};
    int result = addressees_find(&to, target);
    if (result == 0) {
        addressees_lock(&to);
        result = addressees_count(&to, targeted);
        addressees_unlock(&to);
    }
    addressees_finish(&to);
    return result ? TONI_ERR_NO_MEMORY : TONI_OK;
}

static void count_named(const toni_target *target, struct envelope *to)
{
    to->room_count = target->rooms.count;
    to->gateway_count = target->gateways ? target->gateways->count : 0;
    to->client_count = target->clients.count;
}

static void copy_names(struct envelope_name *to, const struct target_names *from, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        to[i] = (struct envelope_name){from->names[i].data, from->names[i].size};
}

/* As many as were counted.
 * @return The names, to be freed; NULL on no memory. */
static struct envelope_name *name_all(const toni_target *target, struct envelope *to)
{
    struct envelope_name *names =
        malloc(((size_t)to->room_count + to->gateway_count + 1) * sizeof *names);
    if (!names)
        return NULL;
    copy_names(names, &target->rooms, to->room_count);
    if (target->gateways)
        copy_names(names + to->room_count, target->gateways, to->gateway_count);
    to->rooms = names;
    to->gateways = names + to->room_count;
    return names;
}

/* Counts who is here; for that the gateways' clients are named, too, behind those that were. */
static int32_t count_and_publish(toni_target *target, struct envelope *to,
                                 const struct remote_publish *out)
{
    uint32_t targeted = 0;
    for (uint32_t i = 0; i < to->gateway_count; i++)
        pages_add_gateway(target, toni_str_make(to->gateways[i].bytes, to->gateways[i].size));
    int32_t result = target->error;
    if (result == TONI_OK)
        result = count_here(target, &targeted);
    to->clients = target->clients.ids;
    to->except = target->except.ids;
    return result == TONI_OK ? publish(out, targeted) : result;
}

int32_t remote_out_target(toni_target *target, const toni_message *message, struct receipt *receipt)
{
    const bool is_room = is_one_room(target);
    struct envelope to = {.is_all = target->everyone, .except_count = target->except.count};
    struct remote_publish out = {
        .space = target->space, .message = message, .to = &to, .receipt = receipt};
    if (is_room) {
        out.room = target->rooms.names[0];
        to.position_at = position_in(message);
    } else if (!to.is_all) { /* which covers all others */
        count_named(target, &to);
    }
    if (!envelope_is_allowed(&to))
        return TONI_ERR_LIMIT;
    if (is_room && to.except_count == 0 && to.position_at == 0)
        out.to = NULL;
    struct envelope_name *names = name_all(target, &to);
    if (!names)
        return TONI_ERR_NO_MEMORY;
    const int32_t result = count_and_publish(target, &to, &out);
    free(names);
    return result;
}
