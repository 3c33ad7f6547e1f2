/* Where a server is now: its sentinels are asked one after the other, names are looked up. Each
 * connection asks anew, for a primary may have moved. */
#ifndef REDIS_ENGINE_FIND_H
#define REDIS_ENGINE_FIND_H

#include "talk.h"

/** @param places  NULL: it could not be found, and @p why says so.
 * @param name     Of the host, for TLS. */
typedef void (*find_fn)(void *data, const struct places *places, const char *name, const char *why);

/** All zero: nothing is looked for. */
struct find {
    struct settings *settings;
    const struct server_place *server;
    toni_engine *engine;
    struct command *command; /* to put commands together with */
    find_fn done;
    void *data;
    struct lookup *lookup;
    struct link link;     /* to a sentinel */
    struct places places; /* of the sentinel, or the server */
    struct address primary;
    size_t sentinel, place; /* that is asked */
    size_t left;            /* sentinels, this one included */
    size_t turn; /* with which sentinel and which address of a name it begins: another, after each
                  * attempt that failed. One that does not answer takes the host's whole patience */
    bool is_at_sentinel;
    bool has_asked; /* the reply that comes is that to the question, not to AUTH */
    char why[sizeof "sentinel :: " + ADDRESS_HOST_MOST + 5 + 200]; /* see give_up_sentinel() */
};

/** Begins. `done` may be called from within. */
void find_start(struct find *find);

/** Ends it: `done` is not called. */
void find_stop(struct find *find);

#endif
