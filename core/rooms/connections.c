/* The connections; see connections.h. */
#include "rooms/connections.h"

#include "rooms/receiver.h"
#include "rooms/room.h"

#include <stdlib.h>

toni_connections *connections_create(const toni_host *host, const struct limits *limits,
                                     uint32_t lane_count)
{
    toni_connections *connections = calloc(1, sizeof *connections);
    if (!connections || shared_init(connections, host, limits, lane_count)) {
        free(connections);
        return NULL;
    }
    connections->everyone = room_create(connections, 0, (toni_str){0});
    if (!connections->everyone) {
        shared_finish(connections);
        free(connections);
        return NULL;
    }
    return connections;
}

int connections_init_lane(toni_connections *connections, uint32_t index, void (*wake)(void *data),
                          void *wake_data)
{
    return lane_init(&connections->lanes[index], index, &receiver_work, connections->budgets, wake,
                     wake_data);
}

void connections_destroy(toni_connections *connections)
{
    if (!connections)
        return;
    for (uint32_t i = 0; i < connections->lane_count; i++)
        lane_finish(&connections->lanes[i]);
    room_unref(connections->everyone);
    shared_finish(connections);
    free(connections);
}

void connections_figures(const toni_connections *connections, struct connections_figures *figures)
{
    *figures =
        (struct connections_figures){.targeted = counter_read(&connections->multicast_targeted)};
    for (uint32_t i = 0; i < connections->lane_count; i++) {
        const struct lane *lane = &connections->lanes[i];
        figures->targeted += counter_read(&lane->targeted);
        figures->queued += counter_read(&lane->figures.queued);
        figures->sent += counter_read(&lane->figures.sent);
        figures->sent_bytes += counter_read(&lane->figures.sent_bytes);
        for (unsigned reason = 0; reason < DROP_REASON_COUNT; reason++)
            figures->dropped[reason] += counter_read(&lane->figures.dropped[reason]);
        figures->outbox_messages += counter_read(&lane->figures.outbox_messages);
        figures->outbox_bytes += counter_read(&lane->figures.outbox_bytes);
    }
}
