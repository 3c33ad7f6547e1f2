/* Questions about a server that a probe marks the end of. A probe goes through the publish path and
 * comes back on the subscription socket behind all that was published before: so it shows that both
 * sockets work, and once it is back, a room that is behind the top that was asked just before the
 * probe was sent has lost something, and is not merely waiting. */
#ifndef CLUSTER_CHECKS_H
#define CLUSTER_CHECKS_H

#include "cluster/output.h"

#define CHECKS_MAX 8

struct check {
    uint64_t probe;         /* the number of its PROBE; 0: the place is free */
    uint64_t tops;          /* of its TOPS; 0: no room was asked about */
    struct room_keys *keys; /* those rooms; a reference, or NULL */
    uint64_t sent_ms;
    bool has_tops;
    bool has_reply;
    bool has_echo;
};

struct checks {
    struct check list[CHECKS_MAX];
    uint64_t sent_ms;  /* the latest */
    uint32_t probe_ms; /* how long the last one took */
};

/** @return A free place, for the caller to fill in; NULL: there is none. */
struct check *checks_free(struct checks *checks);

/** @return By the number of the PROBE, or NULL. */
struct check *checks_by_probe(struct checks *checks, uint64_t probe);

/** @return By the number of the TOPS, or NULL. */
struct check *checks_by_tops(struct checks *checks, uint64_t tops);

/** @return One that has all answers, or NULL. */
struct check *checks_complete(struct checks *checks);

/** @return The one that was sent first, or NULL. */
const struct check *checks_oldest(const struct checks *checks);

/** Frees a place. */
void check_end(struct check *check);

/** Frees all. */
void checks_restart(struct checks *checks);

#endif
