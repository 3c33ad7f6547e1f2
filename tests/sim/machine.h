/* One machine: a node of core/cluster, its I/O, and a host of members. The host is as thin as can
 * be: it does with what the node says what core/cluster/node.h asks of a host, and writes down what
 * each client gets. */
#ifndef SIM_MACHINE_H
#define SIM_MACHINE_H

#include "cluster/node.h"
#include "list.h"
#include "member_log.h"
#include "network.h"
#include "redis_model.h"
#include "wire.h"

#include <stdbool.h>
#include <stdint.h>

struct world;
struct server;

enum { MACHINE_SERVERS = 2, MACHINE_SEEN_MOST = 64 };

/** A client in a room. */
struct member {
    size_t log; /* index of its log */
    uint32_t client;
    uint32_t room;
    uint64_t joined;       /* the step */
    uint64_t waits;        /* for the RECOVERED of this cookie; 0: for none */
    bool is_late;          /* it asked for the last messages */
    bool is_placed;        /* its log says from where on it gets everything */
    struct position floor; /* as RECOVERED said: only what is above is for it */
    struct position last;  /* that it got; what it comes back with */
};

/** A node in the view of another. */
struct seen_node {
    struct node_identity identity;
    uint64_t node;
    char name[8];
};

struct machine {
    struct world *world;
    uint32_t index;
    struct cluster_node *node; /* NULL: it is down */
    uint64_t lives;
    bool is_stopped;             /* SIGSTOP: it does nothing, and its clients neither */
    uint64_t continued_ns;       /* when it last went on */
    uint64_t incarnation;        /* of this life */
    size_t life;                 /* index of it in world->lives */
    uint64_t clock_ms;           /* its monotonic clock at the world's 0 */
    uint64_t tick_at_ns;         /* asked for; UINT64_MAX: none */
    uint64_t lease_since_ns;     /* 0: it has none */
    uint64_t id_key;             /* of the lease */
    char name[8];                /* some have one that another has, too */
    bool is_up[MACHINE_SERVERS]; /* as it says of the server */
    uint64_t
        known_ns[MACHINE_SERVERS]; /* when it first had a server's HELLO in this life; 0: never */
    uint64_t
        alarmed_ns[MACHINE_SERVERS]; /* when it last said that a server has another engine's data */
    struct {
        uint64_t generation;   /* of the present connection; 0: none */
        struct link *links[2]; /* commands, subscriptions */
        uint32_t opened;
        uint32_t heard;    /* a bit for each room whose SUBSCRIBE was answered */
        struct wire *late; /* the mutation: TOPS that wait for that */
    } io[MACHINE_SERVERS];
    LIST(struct member) members;
    struct output last_lease; /* that it asked for, without what that leads to */
    uint64_t
        lease_asked_ns[2]; /* when it asked before that, and then, on this connection; 0: not */
    struct position
        rooms[REDIS_ROOMS_MOST]; /* the last that the node delivered of what it subscribes to */
    uint64_t cookie;
    struct seen_node seen[MACHINE_SEEN_MOST];
    uint32_t seen_count;
};

void machine_init(struct machine *machine, struct world *world, uint32_t index);
void machine_finish(struct machine *machine);

/** A new life begins. */
void machine_start(struct machine *machine);

/** kill -9: its clients go, and what was asked of it isn't answered. */
void machine_crash(struct machine *machine);

/** Its host stops: it gives its lease back. machine_crash() has to follow. */
void machine_leave_cluster(struct machine *machine);

/** It does nothing until then; its connections stay. */
void machine_stop(struct machine *machine);
void machine_continue(struct machine *machine);

/** @return Whether it does something. */
static inline bool machine_is_running(const struct machine *machine)
{
    return machine->node && !machine->is_stopped;
}

/** By its clock. */
uint64_t machine_now_ms(const struct machine *machine);

/* What its clients do. Ignored while it is down or stopped. */
void machine_publish(struct machine *machine, uint32_t room);
void machine_join(struct machine *machine, uint32_t room, bool wants_last);

/** Comes back with what it remembers. @param memory  Index in world->memories; taken out of there.
 */
void machine_come_back(struct machine *machine, size_t memory);
void machine_leave(struct machine *machine, size_t member);

/** @return How many members a room has here. */
uint32_t machine_members(const struct machine *machine, uint32_t room);

/* --- Between its parts. */

/** Does what the node has to say, and asks for its next tick. After each input. */
void machine_settle(struct machine *machine);

/** Carries out a command. */
void machine_command(struct machine *machine, struct output *output);

/** Hands an event to the host. */
void machine_event(struct machine *machine, struct output *output);

/** Likewise of what is about servers, leases and nodes. */
void machine_membership(struct machine *machine, const struct output *output);

/** Nobody sees a node that has been dead for long. */
void machine_check_ghosts(const struct machine *machine);

/** Nobody calls a server up on whose port is another Redis, and has not said that it is another
 * one. */
void machine_check_alarm(const struct machine *machine, const struct server *server);

/** @return Whether it has been told that @p other is there. */
bool machine_sees(const struct machine *machine, const struct machine *other);

/** What the network tells a node. */
void machine_opened(struct machine *machine, uint32_t server, struct link *link);
void machine_ended(struct machine *machine, uint32_t server, struct link *link);
void machine_arrived(struct machine *machine, uint32_t server, struct link *link,
                     struct wire *wire);

/** All connections are over, since the machine is. */
void machine_cut_io(struct machine *machine);

/** Gives a message to all members of a room. @param kind  MEMBER_MESSAGE, or MEMBER_LOCAL. */
void machine_deliver(struct machine *machine, uint32_t room, struct position at, uint64_t id,
                     enum member_entry_kind kind);

/** The server has run something of this machine that was asked for, or written, at that step: who
 * had joined the room before then gets all that is above @p at. */
void machine_heard(struct machine *machine, uint32_t room, uint64_t step, struct position at);

/** All members are gone. */
void machine_drop_members(struct machine *machine);

enum { ROOM_KEY_SIZE = 8 };

/** @return A room's key. @param bytes  Filled in; the key points into it. */
struct room_key room_key_of(uint32_t room, char bytes[ROOM_KEY_SIZE]);

/** @return The room. */
uint32_t room_of_key(struct room_key key);

#endif
