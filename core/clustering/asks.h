/* What callers of this host ask of clients and rooms of others, and what others ask of this host's:
 * the host's side of cluster/control.h. Any thread puts a request into a list, which is bounded; a
 * turn takes them (asking.c). See docs/architecture.md, "The cluster's thread". */
#ifndef CLUSTERING_ASKS_H
#define CLUSTERING_ASKS_H

#include "base/lock.h"
#include "cluster/control.h"
#include "cluster/output.h"
#include "rooms/remote.h"

#include <stdatomic.h>
#include <stdbool.h>

struct clustering;

/* Requests that wait for a turn or for an answer, and their bytes. */
#define ASKS_MOST 8192
#define ASKS_BYTES_MOST (8u << 20)

struct ask;

struct asks {
    struct lock lock; /* a leaf; guards what follows up to `bytes` */
    struct ask *first, **last;
    bool is_closed;
    uint32_t count; /* with those that wait for an answer */
    uint64_t bytes;

    /* By slot: the low bits of a live node's boot number, and 1; 0: nobody. Any thread reads. */
    _Atomic uint32_t live[CLIENT_ID_SLOT_MOST + 1];

    struct control_table *control; /* the rest is the cluster's thread's */
    uint32_t channel;              /* slot whose channel is subscribed; 0: none */
};

#endif
