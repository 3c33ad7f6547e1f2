/* What is asked about a client or a room of any host; see asked.h. */
#include "rooms/asked.h"

#include "cluster/client_id.h"
#include "rooms/client.h"
#include "rooms/rules.h"

#include <stdlib.h>
#include <toni/cluster.h>
#include <toni/connections.h>

int32_t asked_check(const toni_cluster_request *request)
{
    switch (request->kind) {
    case TONI_CLUSTER_SEND:
        return request->message ? message_check(request->message, UINT32_MAX) : TONI_ERR_INVALID;
    case TONI_CLUSTER_CLOSE:
        return request->code <= UINT16_MAX && close_valid((uint16_t)request->code, request->text)
                   ? TONI_OK
                   : TONI_ERR_INVALID;
    case TONI_CLUSTER_ROOM:
        if (request->limit > TONI_CLUSTER_PAGE_MOST)
            return TONI_ERR_INVALID;
        /* fall through */
    case TONI_CLUSTER_JOIN:
    case TONI_CLUSTER_LEAVE:
        return room_name_valid(request->text) ? TONI_OK : TONI_ERR_INVALID;
    case TONI_CLUSTER_NODES:
        return TONI_OK;
    default:
        return TONI_ERR_INVALID;
    }
}

static int32_t carry_out(toni_client *client, const toni_cluster_request *request)
{
    switch (request->kind) {
    case TONI_CLUSTER_SEND:
        return client_send(client, request->message);
    case TONI_CLUSTER_CLOSE:
        return client_close(client, (uint16_t)request->code, request->text);
    case TONI_CLUSTER_JOIN:
        return client_join(client, request->text);
    default:
        return client_leave(client, request->text);
    }
}

int32_t asked_here(struct space *space, const toni_cluster_request *request)
{
    toni_client *client = client_find(space, request->client);
    if (!client)
        return TONI_ERR_NOT_FOUND;
    const int32_t result = carry_out(client, request);
    client_unref(client);
    return result;
}

int32_t asked_elsewhere(struct space *space, const toni_cluster_request *request)
{
    if (!space->remote)
        return TONI_ERR_NOT_FOUND;
    const int32_t result = asked_check(request);
    return result == TONI_OK ? space->remote->ask(space->remote, request, NULL) : result;
}

/* All are copied at once, as toni_get_room_members does, and sorted without a lock. */
int32_t asked_members(struct space *space, const toni_cluster_request *request,
                      struct asked_members *members)
{
    toni_client_ids *all;
    const int32_t result = toni_get_room_members(space_handle(space), request->text, &all);
    *members = (struct asked_members){0};
    if (result != TONI_OK)
        return result;
    members->count = all->count;
    if (request->limit > 0 && all->count > 0) {
        toni_client_id *sorted = (toni_client_id *)(all + 1);
        client_ids_sort(sorted, all->count);
        members->ids = malloc(request->limit * sizeof *sorted);
        for (size_t i = 0; members->ids && i < all->count; i++) {
            if (sorted[i] > request->after && members->id_count < request->limit)
                members->ids[members->id_count++] = sorted[i];
        }
    }
    const bool is_short = request->limit > 0 && all->count > 0 && !members->ids;
    toni_client_ids_destroy(all);
    return is_short ? TONI_ERR_NO_MEMORY : TONI_OK;
}
