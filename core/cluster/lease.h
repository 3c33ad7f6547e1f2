/* This node's lease, and the other nodes that have one. The lease is counted from when it was asked
 * for, by this machine's clock, and a hundredth less: so it is over here before it is over for the
 * engine, and the node knows before the others do.
 *
 * A lease that is over is asked for again: ids of clients name it, and stay good everywhere if it
 * is given. The engine gives it, unless another node has the slot by now.
 *
 * A node that has just got a lease is listed by the reply to the next request, and so seen at the
 * next renewal. It announces itself (control.h), and then that renewal is made earlier.
 *
 * A host that stops gives its lease back, so that the others know at their next renewal. */
#ifndef CLUSTER_LEASE_H
#define CLUSTER_LEASE_H

#include "cluster/output.h"

/** Another node. */
struct lease_other {
    struct node_identity identity;
    uint64_t node;        /* its incarnation */
    uint64_t incarnation; /* of the server, when it was last listed */
    uint64_t until_ms;    /* it is over then by what was last listed; this node's clock */
    bool is_listed;       /* by the reply that is being read */
    struct payload *name; /* a reference */
};

/** One lease that is not over, as the engine lists it. */
struct lease_entry {
    struct node_identity identity;
    uint64_t node;    /* the node's incarnation */
    uint32_t left_ms; /* it still has, by the engine's clock */
    const char *name; /* any bytes: what is no name is taken for none */
    size_t name_size;
};

/** What the engine answers. */
struct lease_reply {
    struct node_identity identity;    /* that this node has now; slot 0: all are taken */
    uint64_t id_key;                  /* that it keeps for the cluster */
    const struct lease_entry *leases; /* all, this node's own included */
    uint32_t count;
};

struct lease {
    struct node_identity identity; /* slot 0: none */
    struct node_identity former;   /* that it had last, and wants again; slot 0: none */
    uint64_t node;                 /* this node's incarnation */
    struct payload *name;          /* its name; a reference */
    uint64_t id_key;               /* the cluster's, as far as is known; else a proposal */
    uint64_t until_ms;
    uint64_t incarnation;  /* of the server that gave it */
    uint64_t boot_highest; /* ever seen, of any node, but for what was forged */
    uint64_t request;      /* on its way; 0: none */
    uint64_t sent_ms;      /* of the request, or the one before */
    uint64_t due_ms;       /* when the next is to be sent */
    uint64_t early_ms;     /* when the last was that was made earlier; 0: none was */
    uint32_t lease_ms, renew_ms;
    uint32_t other_count, other_max;
    struct lease_other *others;
};

/** What a lease is made with; see struct node_settings. */
struct lease_settings {
    uint64_t node;
    uint64_t id_key;
    const char *name;
    uint32_t lease_ms, renew_ms;
    uint32_t nodes_max;
};

/** @return 0, or -1 on no memory. */
int lease_init(struct lease *lease, const struct lease_settings *settings);

void lease_finish(struct lease *lease);

/** @return Whether these bytes may be a node's name; none are one. */
bool lease_is_name(const char *bytes, size_t size);

/** @return Whether a node can have it. Others pass over a lease with one that none can have. */
bool lease_identity_is_good(struct node_identity identity);

/** @return Whether this may be a node's lease. What an engine lists is not only what nodes have put
 * there; whoever hands a reply on leaves the others out. */
bool lease_entry_is_good(const struct lease_entry *entry);

/** It is asked for. @param output  Filled in but for server and generation.
 * @param incarnation  Of the server. */
void lease_ask(struct lease *lease, uint64_t request, uint64_t incarnation, uint64_t now_ms,
               struct output *output);

/** It is asked for in @p wait_ms, if it is not before that anyhow. However often this is called,
 * one request a second comes of it. */
void lease_renew_early(struct lease *lease, uint32_t wait_ms, uint64_t now_ms);

/** It is given back: from here on this node has none, which is said. Room for one output is there.
 * @param output  As for lease_ask(). */
void lease_give_back(struct lease *lease, uint64_t request, uint64_t incarnation, uint64_t now_ms,
                     struct outputs *outputs, struct output *output);

/** The reply came to what was last asked. @return 0, or -1 on no memory: nothing has changed. */
int lease_take(struct lease *lease, uint64_t incarnation, const struct lease_reply *reply,
               struct outputs *outputs, uint64_t now_ms);

/** The connection has ended: what was asked has no reply. */
void lease_restart(struct lease *lease);

/** Says that the lease is over if it is, and so of others' that were not listed any more since: the
 * server may be away, and its word isn't waited for. @return 0, or -1 on no memory. */
int lease_expire(struct lease *lease, struct outputs *outputs, uint64_t now_ms);

/** @return When lease_expire() has something to say; UINT64_MAX: never. */
uint64_t lease_due(const struct lease *lease);

#endif
