/* Ids of clients that tell a cluster's nodes, and nobody else, where a client is: the node's slot,
 * the low bits of its boot number, and a counter, under a permutation that all nodes have the key
 * of. So any node can ask the right one for a client, without a table of all.
 *
 * A node goes on with the identity that it had last, also while it has no lease: nobody else ever
 * gets that identity. Boot numbers are cut to 22 bits: an id of a node that is gone may, once in
 * four million, look like one of the node that has its slot now, which then doesn't know it. */
#ifndef CLUSTER_CLIENT_ID_H
#define CLUSTER_CLIENT_ID_H

#include "base/permute.h"
#include "cluster/terms.h"

#include <stddef.h>

#define CLIENT_ID_SLOT_BITS 10
#define CLIENT_ID_BOOT_BITS 22
#define CLIENT_ID_COUNTER_BITS 32

/* The highest slot that fits into an id. */
#define CLIENT_ID_SLOT_MOST ((1u << CLIENT_ID_SLOT_BITS) - 1)

/** What an id says of where its client is. */
struct client_origin {
    uint32_t slot; /* 0: of no node */
    uint32_t boot; /* its low bits */
};

/** Makes ids, and reads them. All zero: it has no key yet, and makes none. */
struct client_ids {
    struct permute permute;
    uint64_t key; /* that the permutation was made from */
    bool has_key;
    struct node_identity identity; /* slot 0: none yet */
    uint64_t next;                 /* counter; goes on for an identity that is gotten again */
};

/** The node has got an identity, or the cluster another key. @param key  The cluster's: the same on
 * all nodes; all 64 bits count. */
void client_ids_identify(struct client_ids *ids, uint64_t key, struct node_identity identity);

/** @return An id that this node has not made before; 0: it can't make one, as it has had no
 * identity yet, one with a slot that doesn't fit, or has made 2^32 under this one. */
uint64_t client_ids_next(struct client_ids *ids);

/** @return Where the client with this id is; slot 0 if there is no key. Any number is an id: what
 * comes out may be no node's. */
struct client_origin client_ids_origin(const struct client_ids *ids, uint64_t id);

/** Sorts ids in ascending order. @param ids  May be NULL if there are none. */
void client_ids_sort(uint64_t *ids, size_t count);

/** @return Whether the id may be of a node's client. */
static inline bool client_origin_is(struct client_origin origin, struct node_identity identity)
{
    return origin.slot != 0 && origin.slot == identity.slot &&
           origin.boot == (identity.boot & ((1u << CLIENT_ID_BOOT_BITS) - 1));
}

#endif
