/* Clients that come back to a room by their ids; see returning.h. */
#include "rooms/returning.h"

#include "rooms/client.h"
#include "rooms/rules.h"

static bool since_valid(const toni_since *since)
{
    return since->struct_size >= TONI_SINCE_SIZE_1_0;
}

int32_t comeback_begin(toni_connections *connections, toni_client_id id, toni_str room,
                       struct comeback *comeback)
{
    if (!room_name_valid(room) || !since_valid(&comeback->since))
        return TONI_ERR_INVALID;
    toni_client *client = client_find(space_of(connections), id);
    if (!client)
        return TONI_ERR_NOT_FOUND;
    const int32_t result = client_come_back(client, room, comeback);
    client_unref(client);
    if (result != TONI_OK)
        return result;
    if (comeback->since.position.epoch > 0)
        histories_count(&space_of(connections)->connections->histories, comeback->why);
    comeback->finished(comeback);
    return TONI_OK;
}
