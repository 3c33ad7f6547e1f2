/* Lists of clients: arrays of references by ascending address, none twice. In that order several
 * clients are locked at once. */
#ifndef ROOMS_CLIENT_LIST_H
#define ROOMS_CLIENT_LIST_H

#include "rooms/broadcast.h"
#include "rooms/client.h"

#include <toni/types.h>

#include <stdbool.h>
#include <stdint.h>

/** Finds the clients that there are of some, in a namespace.
 * @param ids      In any order, and the same again.
 * @param clients  Filled in, with a reference to each; has place for @p count.
 * @return How many. @thread Any. */
uint32_t client_list_find(const struct space *space, const toni_client_id *ids, uint32_t count,
                          toni_client **clients);

/** Drops the references. */
void client_list_unref(toni_client *const *clients, uint32_t count);

/** Takes the lock of each; see docs/architecture.md for what is locked before. */
void client_list_lock(toni_client *const *clients, uint32_t count);

void client_list_unlock(toni_client *const *clients, uint32_t count);

/** Finds which of some are targets of this room. Under the locks of each, and of the room.
 * @param clients  EXCEPTED_MAX at most. */
static inline void client_list_find_excepted(toni_client *const *clients, uint32_t count,
                                             const struct room *room, struct excepted *excepted)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct membership *membership = client_membership(clients[i], room);
        if (membership && membership_is_target(membership))
            excepted->members[found++] = membership;
    }
    excepted->count = found;
}

/** @return Whether @p client is in the list. */
bool client_list_has(toni_client *const *clients, uint32_t count, const toni_client *client);

#endif
