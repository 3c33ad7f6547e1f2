/* The network between nodes and the server: connections that carry packets in order, each way for
 * itself. What is sent on two connections may overtake. A connection ends in order (what was sent
 * before still arrives, and is run by the server although nobody waits for it), by a reset (a
 * random part of what was on its way is lost), or with its server. Knows nothing of what packets
 * mean. */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "../unit/dice.h"
#include "list.h"
#include "queue.h"

#include <stdbool.h>
#include <stdint.h>

enum { NETWORK_NODES_MOST = 8 };

enum side { NODE_SIDE, SERVER_SIDE };

/** Embedded as the first in what is sent; owned by the network until it arrives. */
struct packet {
    struct packet *next;
    uint64_t arrives_ns;
    enum packet_kind { PACKET_DATA, PACKET_OPENED, PACKET_END } kind;
    uint64_t bytes; /* what it would weigh */
};

struct pipe {
    struct packet *first, *last;
    uint64_t last_arrival_ns;
    uint64_t bytes; /* on its way */
};

struct link {
    struct network *network;
    uint64_t id; /* from 1 on; never used again */
    uint32_t node;
    uint64_t tag;      /* the caller's */
    bool is_open[2];   /* by side */
    struct pipe to[2]; /* by the side that it leads to */
    uint32_t rooms;    /* the server's: a bit for each that is subscribed */
};

struct network_hooks {
    /** The server has a new connection. */
    void (*accepted)(void *world, struct link *link);
    /** The node's connection has been made. */
    void (*opened)(void *world, struct link *link);
    /** A packet has come; it is the callee's, to be freed. */
    void (*arrived)(void *world, struct link *link, enum side at, struct packet *packet);
    /** The connection has ended at this side, and not by its own link_close(). */
    void (*ended)(void *world, struct link *link, enum side at);
};

struct network {
    struct queue *queue;
    struct dice *dice;
    const struct network_hooks *hooks;
    void *world;
    LIST(struct link *) links;               /* all that have been */
    LIST(struct link *) open;                /* those of them that may still carry something */
    bool is_listening;                       /* a server's process is there */
    bool is_stopped;                         /* but it runs nothing (SIGSTOP) */
    bool is_cut[NETWORK_NODES_MOST];         /* nothing passes between the node and the server */
    bool is_not_reading[NETWORK_NODES_MOST]; /* the node takes nothing from its sockets */
    uint32_t slow_percent;                   /* of packets that take up to 1.5 s */
};

void network_init(struct network *network, struct queue *queue, struct dice *dice,
                  const struct network_hooks *hooks, void *world);
void network_finish(struct network *network);

/** Begins a connection of a node's. @param tag  As link->tag. `opened` or `ended` follows, or
 * neither while the node is cut off. */
struct link *network_connect(struct network *network, uint32_t node, uint64_t tag);

/** Sends. @param packet  From malloc; the network's from now on. */
void link_send(struct link *link, enum side to, struct packet *packet);

/** Ends a connection from one side: the other one notices after all that was sent before. */
void link_close(struct link *link, enum side by);

/** Resets a connection: both sides notice, and a random part of what was on its way is lost. */
void link_reset(struct link *link);

/** The server ends a connection, and reads no more of it. */
void link_kill(struct link *link);

/** All connections end, since the server's process has: nothing that was on its way to it arrives.
 */
void network_server_died(struct network *network);

/** All connections of a node end, since its process has: what it had sent still arrives, or a part
 * of it. */
void network_node_died(struct network *network, uint32_t node);

/** To be called after a barrier has gone: what has waited behind it passes. */
void network_resume(struct network *network);

#endif
