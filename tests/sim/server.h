/* One server: a process of Redis with its connections and subscriptions, and all that may happen to
 * it. */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "network.h"
#include "redis_model.h"
#include "wire.h"

struct world;

enum {
    SERVER_OUTPUT_MOST = 256 * 1024, /* bytes for a subscriber that doesn't read; then it is cut */
};

struct server {
    struct world *world;
    uint32_t index;
    struct network network;
    struct redis_model redis;
    struct redis_data snapshot; /* on the disk */
    struct redis_data replica;  /* as far as it has come */
    struct redis_data other;    /* of a Redis that isn't ours, or of ours while that one is there */
    uint64_t other_run_id;      /* of the replica's process */
    bool is_other_there;        /* another Redis on the port */
    uint64_t other_since_ns;    /* since then */
    bool has_other_leases;      /* with other data, or another clock; nobody has asked since */
    int64_t clock_ms;           /* how far its clock is off */
    int64_t other_clock_ms;     /* the replica's */
};

void server_init(struct server *server, struct world *world, uint32_t index);
void server_finish(struct server *server);

/** By its clock. */
uint64_t server_now_ms(const struct server *server);

/** @return The subscribers of a room: a bit for each node. */
uint32_t server_subscribers(const struct server *server, uint32_t room);

/** What was sent to it has come. */
void server_arrived(struct server *server, struct link *link, struct wire *wire);

/* What may happen to it. */
void server_save(struct server *server);
void server_replicate(struct server *server);
void server_crash(struct server *server);
void server_stop(struct server *server);
void server_continue(struct server *server);

enum server_return { RETURN_ALL, RETURN_SNAPSHOT, RETURN_NOTHING, RETURN_OTHER };

/** A process is there again: with all data, with the snapshot's, with none; or another Redis takes
 * its port. */
void server_return(struct server *server, enum server_return how);

/** The replica takes over, with what had come to it, and the old one becomes its replica. */
void server_failover(struct server *server);
void server_flush_all(struct server *server);
void server_flush_scripts(struct server *server);
void server_evict(struct server *server, uint32_t room);

/** CLIENT KILL TYPE pubsub. */
void server_kill_subscribers(struct server *server);

/** Its replica is told to be its master for a while, and connections stay: READONLY. */
void server_read_only(struct server *server, bool is_replica);

/** Refuses publishes, as for `maxmemory`. */
void server_full(struct server *server, bool is_full);

#endif
