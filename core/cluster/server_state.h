/* The life of the connection to one server: when it is tried, how long it may take, and when it is
 * tried again: after a random wait whose bound doubles, so that nodes that lost the same server do
 * not come back at once. Counts connections: what belongs to another generation is of no interest.
 */
#ifndef CLUSTER_SERVER_STATE_H
#define CLUSTER_SERVER_STATE_H

#include "cluster/chance.h"
#include "cluster/terms.h"

enum server_phase {
    PHASE_WAITING, /* to be opened at due_ms */
    PHASE_OPENING, /* has to be open by due_ms */
    PHASE_HELLO,   /* has to be answered by due_ms */
    PHASE_READY    /* no time of its own */
};

struct server_life {
    enum server_phase phase;
    uint64_t generation; /* of the present connection, or the last */
    uint64_t due_ms;
    uint32_t attempts; /* that failed since all was well */
    uint32_t backoff_ms;
    uint32_t backoff_max_ms;
    uint32_t reply_ms;
};

/** To be opened at once. */
void server_life_init(struct server_life *life, uint32_t backoff_ms, uint32_t backoff_max_ms,
                      uint32_t reply_ms, uint64_t now_ms);

/** Opens: the generation is a new one. */
void server_life_open(struct server_life *life, uint64_t now_ms);

/** The sockets are there: hello is said. */
void server_life_hello(struct server_life *life, uint64_t now_ms);

/** Hello was answered. */
void server_life_ready(struct server_life *life);

/** All is well: the next failure is the first one. */
void server_life_well(struct server_life *life);

/** The connection has ended, or could not be made: waits. */
void server_life_fail(struct server_life *life, struct chance *chance, uint64_t now_ms);

/** @return Whether @p generation is that of a connection that is open, or being opened. */
bool server_life_is(const struct server_life *life, uint64_t generation);

/** @return The longest wait after so many attempts. */
uint32_t server_life_wait_max(const struct server_life *life);

#endif
