/* The cluster of a host: one thread, which owns the node's logic (cluster/node.h), calls the engine
 * that gateways.conf names (toni/engine.h), and hands what comes in to the rooms
 * (rooms/remote.h).
 *
 * Any thread puts publishes and wishes for rooms into an inbox; a turn of the thread takes them
 * all, tells the node, carries out what the node says, and has the engine send it. See
 * docs/architecture.md, "The cluster's thread".
 *
 * Main thread only, unless said otherwise. */
#ifndef CLUSTERING_CLUSTERING_H
#define CLUSTERING_CLUSTERING_H

#include "cluster/node.h"
#include "instance/slot.h"
#include "rooms/remote.h"
#include "rooms/shared.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <toni/engine.h>

struct clustering;

/** What it is made with. All is copied. */
struct clustering_settings {
    const char *engine;  /* the name of the instance that offers toni_engine */
    const char *node;    /* this node's name for people; NULL: made of machine and process */
    uint32_t receipt_ms; /* how long other hosts are waited for */
    bool only_looks; /* whether the servers are there; it takes no lease, and is nobody's node */
};

/** @param connections, slots  Borrowed, and outliving it.
 * @return It, without a thread; NULL on no memory or no randomness, which is logged. */
struct clustering *clustering_create(const struct clustering_settings *settings,
                                     toni_connections *connections, struct slots *slots);

/** Gives a namespace its door: from now on its broadcasts go by the engine. Before anything is in
 * the namespace.
 * @param is_local_only  It goes on alone while a server is away.
 * @return 0, or -1 on no memory. @thread One at a time. */
int clustering_open_door(struct clustering *clustering, struct space *space, bool is_local_only);

/** Begins to use the engine: its instance has been made and started.
 * @return 0; -1 if there is no thread, or the engine refuses, which is logged. */
int clustering_start(struct clustering *clustering);

/** Waits until no server is down, and this node has a lease. @return Whether no server is down. */
bool clustering_wait_up(struct clustering *clustering, uint64_t within_ms);

/** Lets go of the engine, whose instance is about to be exchanged: publishes wait meanwhile, and
 * are neither lost nor refused as long as that takes less than they may wait.
 * @return 0; -1 if a call of the engine did not end in time. clustering_go_on() must follow in both
 * cases. @thread Any. */
int clustering_pause(struct clustering *clustering, uint64_t within_ms);

/** Begins to use the instance that is in the engine's slot now. @thread Any. */
void clustering_go_on(struct clustering *clustering);

/* An engine has two sockets for each server, and the loop a duplicate of each that is watched
 * (attachment_work.c). Before it has them it looks up a name: an eventfd, its duplicate, and what
 * the resolver has open. */
#define CLUSTERING_SERVER_DESCRIPTORS 6

/** @return How many descriptors the engine needs for all its servers; 0: there is no cluster.
 * @param clustering  After clustering_start(), or NULL. */
uint64_t clustering_descriptors(const struct clustering *clustering);

/** @return The slot of the engine; NULL before clustering_start(). @thread Any. */
struct slot *clustering_engine_slot(const struct clustering *clustering);

/** Refuses what is new, waits for the results of what was accepted, gives the lease back, lets go
 * of the engine and ends the thread. A thread that is in a call of the engine which does not end is
 * left to itself, and the engine's slot abandoned (instance/slot.h): then the process must end
 * without freeing anything. Doors stay, and refuse. @param clustering  NULL is fine. */
void clustering_stop(struct clustering *clustering);

/** After clustering_stop(), and once nobody uses a door any more. @param clustering  NULL is fine.
 */
void clustering_destroy(struct clustering *clustering);

/* --- What there is to see. Any thread. */

enum { CLUSTERING_WHY_SIZE = 256 }; /* a refusal of Redis, with what it names at its end */

struct clustering_server {
    const char *name; /* stays until the end */
    struct node_figures node;
    uint64_t waiting_bytes;   /* of publishes without a result, as the limit counts them */
    uint64_t refused;         /* publishes that were refused with TONI_ERR_BUSY */
    uint64_t lost;            /* that had no receipt, and were rejected, or unknown */
    uint64_t resubscriptions; /* rooms that were subscribed anew after a connection had ended */
    char why[CLUSTERING_WHY_SIZE]; /* what the engine last said of the end of a connection; or empty
                                    */
};

struct clustering_report {
    const char *engine;            /* the instance's name */
    const char *node;              /* this node's */
    uint64_t node_id;              /* its incarnation */
    bool is_attached;              /* to an engine */
    const char *refusal;           /* why it last could not be; static. NULL: it always could */
    struct node_identity identity; /* slot 0: none */
    uint32_t nodes;                /* others that are seen */
    uint64_t rooms;                /* that somebody here wants */
    uint64_t nonsense;             /* calls of an engine that made no sense, and were ignored */
    uint32_t count;
    struct clustering_server servers[NODE_SERVERS_MAX];
};

/** @param report  Filled in with what was so at the last turn. */
void clustering_read(struct clustering *clustering, struct clustering_report *report);

/** What an engine has found out about a server (toni_engine_table.check). */
struct clustering_finding {
    bool is_warning; /* hosts can work with it */
    char text[CLUSTERING_WHY_SIZE];
};

struct clustering_findings {
    uint32_t count;
    struct clustering_finding list[TONI_ENGINE_FINDINGS_MOST];
};

/** Of one that only looks. @param findings  Filled in.
 * @return Whether the engine has told of this server what it found out. */
bool clustering_findings(struct clustering *clustering, uint32_t server,
                         struct clustering_findings *findings);

/** @return Whether all servers take publishes, and the engine returns from its calls. */
bool clustering_is_up(const struct clustering *clustering);

/** The engine's call that has not returned. */
struct clustering_held {
    const char *instance;
    const char *callback;
    uint64_t since_ns;
    uint64_t callback_ms; /* its limit */
    pthread_t thread;
};

/** @return Whether the thread is in a call. */
bool clustering_held(const struct clustering *clustering, struct clustering_held *held);

/** Has broadcasts refused, and no server up, while a call does not return. @param is_held  Whether
 * one is taken for such a call. @thread Any. */
void clustering_hold(struct clustering *clustering, bool is_held);

#endif
