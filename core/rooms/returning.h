/* Clients that come back to a room (toni_join_room_since): found by their ids, and counted. */
#ifndef ROOMS_RETURNING_H
#define ROOMS_RETURNING_H

#include "rooms/comeback.h"

/** See toni_join_room_since.
 * @param comeback  `since` and `finished` are set.
 * @return TONI_OK: `finished` has been called, or will be; an error: it won't be, and nothing has
 * changed. @thread Any. */
int32_t comeback_begin(toni_connections *connections, toni_client_id client, toni_str room,
                       struct comeback *comeback);

#endif
