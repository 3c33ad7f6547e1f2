/* Names become addresses on a thread of its own: the resolver may take half a minute, and the
 * cluster's thread must not wait. */
#ifndef REDIS_ENGINE_LOOKUP_H
#define REDIS_ENGINE_LOOKUP_H

#include "address.h"

#include <sys/socket.h>
#include <toni/engine.h>

/** Addresses that are tried of one name. */
#define LOOKUP_PLACES_MOST 8

/** Lookups under way at a time, abandoned ones included. */
#define LOOKUP_THREADS_MOST 16

/** An address to connect to. */
struct place {
    struct sockaddr_storage address;
    socklen_t size;
};

struct places {
    size_t count;
    struct place list[LOOKUP_PLACES_MOST];
};

struct lookup;

/** @param why  NULL, or why there are none; borrowed. The lookup is over: it is not cancelled. */
typedef void (*lookup_fn)(void *data, const struct places *places, const char *why);

/** Asks for the addresses of a server: of a path or an address at once, else later.
 * @param places  Filled in if they are known at once.
 * @param why     Set if there can't be any.
 * @return The lookup, whose @p done will be called; NULL: @p places or @p why are set. */
struct lookup *lookup_start(toni_engine *engine, const struct address *address,
                            struct places *places, lookup_fn done, void *data, const char **why);

/** Abandons it: nothing is called. NULL is fine. */
void lookup_cancel(struct lookup *lookup);

#endif
