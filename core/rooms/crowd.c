/* See crowd.h. */
#include "rooms/crowd.h"

#include "rooms/client.h"
#include "rooms/rules.h"

#include <toni/connections.h>

/* What is done with a member. @return TONI_OK, or an error: it does not count. */
typedef int32_t member_call(toni_client *client, const void *data);

static int32_t call_each(toni_connections *connections, toni_str room, member_call *call,
                         const void *data)
{
    toni_client_ids *ids;
    const int32_t result = toni_get_room_members(connections, room, &ids);
    int32_t count = 0;
    if (result != TONI_OK)
        return result;
    for (size_t i = 0; i < ids->count; i++) {
        toni_client *client = client_find(space_of(connections), ids->ids[i]);
        if (client)
            count += call(client, data) == TONI_OK;
        client_unref(client);
    }
    toni_client_ids_destroy(ids);
    return count;
}

static int32_t join(toni_client *client, const void *room)
{
    return client_join(client, *(const toni_str *)room);
}

static int32_t leave(toni_client *client, const void *room)
{
    return client_leave(client, *(const toni_str *)room);
}

struct goodbye {
    uint16_t code;
    toni_str reason;
};

static int32_t close_one(toni_client *client, const void *data)
{
    const struct goodbye *goodbye = data;
    return client_is_open(client) ? client_close(client, goodbye->code, goodbye->reason)
                                  : TONI_ERR_CLOSING;
}

static int32_t members_join(toni_connections *connections, toni_str room, toni_str other)
{
    if (!room_name_valid(other))
        return TONI_ERR_INVALID;
    return call_each(connections, room, join, &other);
}

static int32_t members_leave(toni_connections *connections, toni_str room)
{
    return call_each(connections, room, leave, &room);
}

static int32_t members_close(toni_connections *connections, toni_str room, uint16_t code,
                             toni_str reason)
{
    const struct goodbye goodbye = {code, reason};
    if (!close_valid(code, reason))
        return TONI_ERR_INVALID;
    return call_each(connections, room, close_one, &goodbye);
}

void crowd_fill_table(toni_host *table)
{
    table->members_join = members_join;
    table->members_leave = members_leave;
    table->members_close = members_close;
}
