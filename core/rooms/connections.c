/* The connections; see connections.h. */
#include "rooms/connections.h"

#include "rooms/receiver.h"
#include "rooms/room_history.h"

#include <stdlib.h>
#include <string.h>

/* --- Namespaces */

/* @return 0, or -1 on no memory; to be ended by space_finish() in both cases. */
static int space_init(struct space *space, toni_connections *connections, const char *name)
{
    space->host = connections->common.host;
    space->connections = connections;
    space->name = strdup(name);
    space->everyone = room_create(space, 0, (toni_str){0});
    return space->name && space->everyone ? 0 : -1;
}

static void space_finish(struct space *space)
{
    room_unref(space->everyone);
    history_rules_unref(space->history);
    free(space->name);
}

static void space_destroy(struct space *space)
{
    if (space)
        space_finish(space);
    free(space);
}

struct space *connections_space(toni_connections *connections, const char *name)
{
    struct space *_Atomic *place = &connections->common.next;
    if (name[0] == '\0')
        return &connections->common;
    for (; *place; place = &(*place)->next) {
        if (strcmp((*place)->name, name) == 0)
            return *place;
    }
    struct space *space = calloc(1, sizeof *space);
    if (!space || space_init(space, connections, name)) {
        space_destroy(space);
        return NULL;
    }
    space->salt = hash_bytes(&connections->hash_key, name, strlen(name));
    atomic_store_explicit(place, space, memory_order_release);
    return space;
}

/* --- All of it */

toni_connections *connections_create(const toni_host *host, const struct limits *limits,
                                     uint32_t lane_count)
{
    toni_connections *connections = calloc(1, sizeof *connections);
    if (!connections || shared_init(connections, host, limits, lane_count)) {
        free(connections);
        return NULL;
    }
    if (space_init(&connections->common, connections, "")) {
        space_finish(&connections->common);
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
    room_history_end(connections);
    for (uint32_t i = 0; i < connections->lane_count; i++)
        lane_finish(&connections->lanes[i]);
    for (struct space *space = connections->common.next, *next; space; space = next) {
        next = space->next;
        space_destroy(space);
    }
    space_finish(&connections->common);
    shared_finish(connections);
    free(connections);
}

void connections_figures(const toni_connections *connections, struct connections_figures *figures)
{
    *figures = (struct connections_figures){
        .targeted = counter_read(&connections->multicast_targeted),
        .rooms = atomic_load(&connections->common.rooms),
    };
    for (const struct space *space = connections->common.next; space; space = space->next)
        figures->rooms += atomic_load(&space->rooms);
    for (uint32_t i = 0; i < connections->lane_count; i++) {
        const struct lane *lane = &connections->lanes[i];
        figures->targeted += counter_read(&lane->targeted);
        figures->queued += counter_read(&lane->figures.queued);
        figures->sent += counter_read(&lane->figures.sent);
        figures->sent_bytes += counter_read(&lane->figures.sent_bytes);
        figures->gap_notices += counter_read(&lane->figures.gap_notices);
        for (unsigned reason = 0; reason < DROP_REASON_COUNT; reason++)
            figures->dropped[reason] += counter_read(&lane->figures.dropped[reason]);
        figures->outbox_messages += counter_read(&lane->figures.outbox_messages);
        figures->outbox_bytes += counter_read(&lane->figures.outbox_bytes);
    }
}
