/* What the one server of memory_engine keeps, and what it does in one step: the promises of
 * toni/engine.h that are about data. It knows no connection, and locks nothing. */
#ifndef MEMORY_ENGINE_STORE_H
#define MEMORY_ENGINE_STORE_H

#include <toni/engine.h>

#include <stdbool.h>

/* A store that is full forgets: the room that was published to the longest ago, the number of the
 * node that has published the longest ago, the oldest messages. The host is told by epochs and
 * positions. */
enum {
    STORE_ROOMS_MOST = 4096,
    STORE_NUMBERS_MOST = 32,                /* nodes whose last number a room knows */
    STORE_HISTORY_MOST = 1000,              /* messages of a room */
    STORE_HISTORY_BYTES = 64 * 1024 * 1024, /* of all rooms */
    STORE_LEASES_MOST = 64,
    STORE_NAME_MOST = 64, /* bytes of a node's name */
};

struct store_entry {
    struct store_entry *next; /* the next newer one */
    uint64_t offset, ends_ms;
    uint32_t kind;
    size_t size;
    char body[];
};

struct store_number {
    uint64_t node, number, offset;
};

struct store_room {
    struct store_room *next; /* that was published to before */
    uint64_t incarnation;    /* under which its epoch was made */
    toni_position at;
    struct store_number numbers[STORE_NUMBERS_MOST]; /* who has published last comes first */
    uint32_t number_count;
    struct store_entry *first, *last;
    uint32_t entry_count;
    size_t key_size;
    char key[];
};

struct store_lease {
    uint64_t node, boot, ends_ms;
    uint32_t slot;
    size_t name_size;
    char name[STORE_NAME_MOST];
};

/* Zero is an empty store. */
struct store {
    uint64_t life;         /* the server's identity; another after each restart */
    uint64_t stored_life;  /* for which the incarnation was stored */
    uint64_t incarnation;  /* 0: none */
    uint64_t engine_id;    /* 0: none */
    uint64_t id_key, boot; /* of the cluster; the highest that was given out */
    struct store_room *rooms;
    uint32_t room_count;
    size_t history_bytes;
    struct store_lease leases[STORE_LEASES_MOST];
    uint32_t lease_count;
    bool is_read_only;
};

/** Frees what is in it, and makes it empty; its life goes on. */
void store_wipe(struct store *store);

void store_hello(struct store *store, uint64_t proposed);

/** @return TONI_ENGINE_APPLIED, if something may be written under this incarnation; else why not.
 */
int32_t store_check(const struct store *store, uint64_t incarnation);

/** @param reply  Filled in, but for the receivers. @return Whether there was memory for it. */
bool store_publish(struct store *store, const toni_engine_publish *publish, uint64_t now_ms,
                   toni_engine_published *reply);

toni_position store_top(struct store *store, toni_str key);

/** @param entries  Filled in: as many as STORE_HISTORY_MOST. The bodies are the store's.
 * @return How many these are. */
uint32_t store_history(struct store *store, const toni_engine_history *history, uint64_t now_ms,
                       toni_engine_entry *entries);

/** @return What the node has now; NULL: there is no free slot, or it was given back. */
const struct store_lease *store_lease(struct store *store, const toni_engine_lease *wanted,
                                      uint64_t now_ms);

#endif
