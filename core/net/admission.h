/* Who may come in: counts the connections of the host, of each gateway and of each address against
 * the limits. Not about what a client is told that may not. */
#ifndef NET_ADMISSION_H
#define NET_ADMISSION_H

#include "base/hash.h"
#include "base/hash_table.h"
#include "rooms/limits.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct admission {
    const struct limits *limits;
    atomic_uint_fast64_t count;
    struct hash_key hash_key;
    pthread_mutex_t mutex; /* a leaf: nothing else is locked under it. Guards the table */
    struct hash_table addresses;
};

/** @param limits  Borrowed. @return 0, or -1. */
int admission_init(struct admission *admission, const struct limits *limits);

/** Nobody may be inside any more. */
void admission_finish(struct admission *admission);

/** @param gateway  The count of the client's gateway, and
 * @param limit    its limit.
 * @param address  The client's IP address, of IPv6 its /64; empty (a Unix socket) is not counted.
 * @return Whether there is room; then admission_leave must follow. @thread Any. */
bool admission_enter(struct admission *admission, atomic_uint_fast64_t *gateway, uint64_t limit,
                     const char *address);

/** Takes back what admission_enter counted, by the same arguments. @thread Any. */
void admission_leave(struct admission *admission, atomic_uint_fast64_t *gateway,
                     const char *address);

#endif
