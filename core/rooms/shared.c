/* What all share; see shared.h. */
#include "rooms/shared.h"

#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>

toni_str room_title(const struct space *space, toni_str name, char title[ROOM_TITLE_SIZE])
{
    const char *slash = space->name[0] == '\0' ? "" : "/";
    const int size =
        snprintf(title, ROOM_TITLE_SIZE, "%s%s%.*s", space->name, slash, TONI_STR_ARG(name));
    const size_t most = ROOM_TITLE_SIZE - 1;
    return toni_str_make(title, size < 0 ? 0 : (size_t)size < most ? (size_t)size : most);
}

/* The budget of something is passed: each lane has to look whether one of its own has to go. */
static void wake_all(void *data)
{
    const toni_connections *connections = data;
    for (uint32_t i = 0; i < connections->lane_count; i++)
        connections->lanes[i].wake(connections->lanes[i].wake_data);
}

int shared_init(toni_connections *connections, const toni_host *host, const struct limits *limits,
                uint32_t lane_count)
{
    connections->common.host = host;
    connections->common.connections = connections;
    connections->limits = *limits;
    connections->lane_count = lane_count;
    budget_init(&connections->budgets[BUDGET_INBOUND], BUDGET_INBOUND, limits->inbound_bytes,
                lane_count, wake_all, connections);
    budget_init(&connections->budgets[BUDGET_OUTBOX], BUDGET_OUTBOX, limits->outbox_bytes_total,
                lane_count, wake_all, connections);
    if (random_bytes(&connections->hash_key, sizeof connections->hash_key) ||
        naming_init(&connections->naming))
        return -1;
    connections->lanes = calloc(lane_count, sizeof *connections->lanes);
    if (!connections->lanes || revocations_init(&connections->revocations, &connections->hash_key,
                                                limits->revocations, limits->revocation_s)) {
        free(connections->lanes);
        return -1;
    }
    deflaters_init(&connections->deflaters);
    histories_init(&connections->histories, limits->history_bytes);
    registry_init(&connections->client_table);
    registry_init(&connections->room_table);
    registry_init(&connections->metadata_table);
    return 0;
}

void shared_finish(toni_connections *connections)
{
    registry_finish(&connections->client_table);
    registry_finish(&connections->room_table);
    registry_finish(&connections->metadata_table);
    deflaters_finish(&connections->deflaters);
    histories_finish(&connections->histories);
    revocations_finish(&connections->revocations);
    free(connections->lanes);
}

bool pending_charge(atomic_uint_fast64_t *pending, uint64_t bytes, uint64_t limit)
{
    if (atomic_fetch_add_explicit(pending, bytes, memory_order_relaxed) + bytes <= limit)
        return true;
    pending_release(pending, bytes);
    return false;
}

void pending_release(atomic_uint_fast64_t *pending, uint64_t bytes)
{
    atomic_fetch_sub_explicit(pending, bytes, memory_order_relaxed);
}
