/* All of a run: time, dice, servers, machines, and what really happened. One seed makes one run. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "machine.h"
#include "member_log.h"
#include "mutation.h"
#include "queue.h"
#include "server.h"
#include "trace.h"
#include "truth.h"
#include "verdict.h"

enum {
    WORLD_SERVERS = 2,
    WORLD_MACHINES = 4,
    WORLD_ROOMS = 8,
    WORLD_LOCAL_ROOM = 7, /* goes on alone while its server is away */
    WORLD_PENDING_BYTES = 64 * 1024,
    WORLD_HELD_BYTES = 64 * 1024,
    WORLD_GHOST_S = 15,
};

/** What a client that has gone remembers of a room, to come back with. */
struct memory {
    uint32_t client, room;
    struct position at;
};

/** A node's life. */
struct life {
    uint64_t incarnation;
    uint64_t died_ns;  /* 0: it lives */
    uint64_t lease_ns; /* when a server last ran what it had sent for its lease */
    bool has_left;     /* and the last of that was that it is given back: */
    struct node_identity given_back;
    char name[8];
};

/** An identity that a life was given. */
struct held_identity {
    struct node_identity identity;
    uint64_t incarnation;
};

struct world {
    uint64_t seed;
    enum mutation mutation;
    struct dice dice;
    struct dice news; /* of news.c alone */
    struct queue queue;
    struct trace trace;
    struct verdict verdict;
    struct truth truth;
    struct server servers[WORLD_SERVERS];
    struct machine machines[WORLD_MACHINES];
    LIST(struct member_log *) logs;
    LIST(struct memory) memories;
    LIST(struct life) lives;
    LIST(struct held_identity) identities;
    uint32_t clients; /* that have been, ever */
    uint64_t
        leases_changed_ns; /* when a node was last told of leases of other data, or another clock */
    uint64_t faults_off;   /* a bit for each fault that doesn't happen in this run */
    bool is_calm;          /* no more faults */

    uint64_t last_ids[WORLD_ROOMS]; /* the last publish that was OK, in calm times */
    uint64_t first_calm_id;         /* all from this one on were asked for then */
};

void world_init(struct world *world, uint64_t seed, enum mutation mutation);
void world_finish(struct world *world);

/** @return A new log of a client in a room; its index in world->logs. */
size_t world_add_log(struct world *world, uint32_t client, uint32_t node, uint32_t room);

/** @return The life of a node with that incarnation, or NULL. */
struct life *world_life(const struct world *world, uint64_t incarnation);

/** How many messages of a room its history keeps: some rooms have none. */
struct keeping world_keeping(uint32_t room);

#define NOTE(world, what, node, a, b, c)                                                           \
    trace_note(&(world)->trace, what, node, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c))

/** Within this a publish has its result: pending_ms, and a millisecond for who asks for it. */
#define WORLD_ANSWER_NS (1002 * SIM_MS)

#define BROKEN(world, ...) verdict_break(&(world)->verdict, (world)->queue.steps, __VA_ARGS__)

#endif
