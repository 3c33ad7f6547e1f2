/* What a Redis holds, and what toni's scripts do with it, each all at once: what
 * core/cluster/node.h asks of an engine. A process has a run_id and a master_replid; its data can
 * be saved, replicated, lost and brought back, and that is where systems of this kind lie.
 * Connections and subscriptions are not here: server.h. */
#ifndef SIM_REDIS_MODEL_H
#define SIM_REDIS_MODEL_H

#include "../unit/dice.h"
#include "cluster/node.h"
#include "mutation.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    REDIS_ROOMS_MOST = 16,
    REDIS_HISTORY_MOST = 32, /* MAXLEN of a stream, at most */
    REDIS_LASTS_MOST = 24,   /* nodes whose last number a room keeps */
    REDIS_LEASES_MOST = 64,
    REDIS_HASH_MS = 60000, /* a room's hash is kept so long after its last publish */
};

struct redis_entry {
    uint64_t offset, id;
};

/** A room's hash, and its stream; either may be missing. */
struct redis_room {
    bool has_hash;
    uint64_t incarnation; /* under which its epoch was made */
    struct position at;
    uint64_t hash_ends_ms; /* server's clock */
    struct redis_last {
        uint64_t node, number, offset;
    } lasts[REDIS_LASTS_MOST]; /* the one that published last is first */
    uint32_t last_count;
    struct redis_entry entries[REDIS_HISTORY_MOST]; /* the oldest first */
    uint32_t entry_count;
    uint64_t stream_ends_ms;
};

struct redis_lease {
    struct node_identity identity;
    uint64_t node;
    uint64_t ends_ms;
    char name[8];
};

struct redis_data {
    uint64_t incarnation; /* 0: none */
    uint64_t engine_id;
    uint64_t run_id, replid; /* of when the incarnation was made */
    uint64_t boot;           /* the highest that was given out */
    uint64_t id_key;         /* 0: none */
    struct redis_room rooms[REDIS_ROOMS_MOST];
    struct redis_lease leases[REDIS_LEASES_MOST];
    uint32_t lease_count;
};

struct redis_model {
    struct redis_data data;
    uint64_t run_id, replid;
    bool has_script; /* else NOSCRIPT */
    bool is_replica; /* READONLY */
    bool is_full;    /* OOM */
    enum mutation mutation;
};

struct redis_publish {
    uint64_t incarnation, node, number, proposed, after, epoch;
    bool is_repeat;
    struct keeping keeping;
    uint32_t room;
    uint64_t id;
};

struct redis_history {
    struct position top;
    struct redis_entry entries[REDIS_HISTORY_MOST];
    uint32_t count;
};

/** What a node runs first on each connection; see HELLO in cluster/node.h. */
struct hello_reply redis_hello(struct redis_model *redis, uint64_t proposed);

/** PUBLISH. The caller sends to who subscribes, if this was ENGINE_APPLIED. */
struct publish_reply redis_publish(struct redis_model *redis, const struct redis_publish *publish,
                                   uint64_t now_ms);

/** TOPS, of one room. */
struct position redis_top(struct redis_model *redis, uint32_t room, uint64_t now_ms);

/** HISTORY. @param is_last  The last @p limit entries. */
void redis_history(struct redis_model *redis, uint32_t room, struct position since, uint32_t limit,
                   bool is_last, uint64_t now_ms, struct redis_history *history);

/** PROBE, and what comes first in LEASE. */
enum engine_answer redis_probe(const struct redis_model *redis, uint64_t incarnation);

struct redis_lease_command {
    uint64_t incarnation;
    struct redis_lease wanted;
    bool may_restore;
    uint64_t boot_floor;
    uint32_t boot_step;
    uint32_t ttl_ms;
    uint64_t id_key;
};

/** LEASE, whose incarnation is the present one. @return The identity; slot 0: it was given back. */
struct node_identity redis_lease(struct redis_model *redis,
                                 const struct redis_lease_command *command, uint64_t now_ms);

#endif
