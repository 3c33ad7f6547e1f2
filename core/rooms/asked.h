/* What is asked about a client by its id, or about a room, whichever host it is on
 * (toni/cluster.h): what this host does about it, and what it hands on. */
#ifndef ROOMS_ASKED_H
#define ROOMS_ASKED_H

#include "rooms/remote.h"

#include <stdbool.h>
#include <toni/types.h>

struct space;

/** @return Whether what is asked for makes sense, whoever carries it out: TONI_OK, or
 * TONI_ERR_INVALID, TONI_ERR_TOO_BIG. */
int32_t asked_check(const toni_cluster_request *request);

/** Carries out what is asked of a client that is here. @param request  Checked.
 * @return What came of it; TONI_ERR_NOT_FOUND: it is not here. @thread Any. */
int32_t asked_here(struct space *space, const toni_cluster_request *request);

/** Hands on what is asked of a client that is not here; nobody waits for an answer.
 * @return TONI_OK: it was handed on; TONI_ERR_NOT_FOUND: it is nowhere; errors of asked_check() and
 * of a door. @thread Any. */
int32_t asked_elsewhere(struct space *space, const toni_cluster_request *request);

/** Those of a room who are here. */
struct asked_members {
    uint64_t count;
    toni_client_id *ids; /* the lowest above `after`, up to `limit`; freed by free() */
    uint32_t id_count;
};

/** @param request  Of a room, checked. @return TONI_OK, TONI_ERR_NO_MEMORY. @thread Any. */
int32_t asked_members(struct space *space, const toni_cluster_request *request,
                      struct asked_members *members);

#endif
