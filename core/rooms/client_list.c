/* Lists of clients; see client_list.h. */
#include "rooms/client_list.h"

#include <stdlib.h>

static int by_address(const void *a, const void *b)
{
    uintptr_t left = (uintptr_t) * (toni_client *const *)a;
    uintptr_t right = (uintptr_t) * (toni_client *const *)b;
    return (left > right) - (left < right);
}

uint32_t client_list_find(const struct space *space, const toni_client_id *ids, uint32_t count,
                          toni_client **clients)
{
    uint32_t found = 0, kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        toni_client *client = client_find(space, ids[i]);
        if (client)
            clients[found++] = client;
    }
    if (found <= 1)
        return found;
    qsort(clients, found, sizeof(toni_client *), by_address);
    for (uint32_t i = 0; i < found; i++) {
        if (kept > 0 && clients[kept - 1] == clients[i])
            client_unref(clients[i]);
        else
            clients[kept++] = clients[i];
    }
    return kept;
}

void client_list_unref(toni_client *const *clients, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        client_unref(clients[i]);
}

void client_list_lock(toni_client *const *clients, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        lock_take(&clients[i]->lock);
}

void client_list_unlock(toni_client *const *clients, uint32_t count)
{
    for (uint32_t i = count; i-- > 0;)
        lock_give(&clients[i]->lock);
}

bool client_list_has(toni_client *const *clients, uint32_t count, const toni_client *client)
{
    return count > 0 && bsearch(&client, clients, count, sizeof(toni_client *), by_address);
}
