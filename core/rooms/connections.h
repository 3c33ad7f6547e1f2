/* The connections: the docs' ConnectionManager as a whole: how it is made and ended. What it
 * consists of is in shared.h. */
#ifndef ROOMS_CONNECTIONS_H
#define ROOMS_CONNECTIONS_H

#include "rooms/shared.h"

/** @param host        The table that handles begin with; must outlive the result.
 * @param lane_count   At least 1; the caller then calls connections_init_lane for each.
 * @return NULL on no memory or without randomness. */
toni_connections *connections_create(const toni_host *host, const struct limits *limits,
                                     uint32_t lane_count);

/** Makes one of the lanes. @param wake, wake_data  See lane_init. @return 0, or -1 on no memory. */
int connections_init_lane(toni_connections *connections, uint32_t index, void (*wake)(void *data),
                          void *wake_data);

/** Finds a namespace, or makes it. Not by two threads at once.
 * @param name  Empty: the default one, which is there always.
 * @return NULL on no memory. */
struct space *connections_space(toni_connections *connections, const char *name);

/** No client may be left, and no thread may use them. @param connections  NULL is fine. */
void connections_destroy(toni_connections *connections);

/** What is counted for all clients and rooms together. */
struct connections_figures {
    uint64_t targeted; /* once for each client that a message is for */
    uint64_t queued;   /* see lane_figures.h */
    uint64_t sent;
    uint64_t sent_bytes;
    uint64_t gap_notices;
    uint64_t dropped[DROP_REASON_COUNT];
    uint64_t outbox_messages;
    uint64_t outbox_bytes;
    uint64_t rooms; /* that have a member, of all namespaces */
};

/** Adds up what the lanes count. @thread Any. */
void connections_figures(const toni_connections *connections, struct connections_figures *figures);

#endif
