/* What the node's logic says: commands for the I/O, and events for the host, in one queue, in the
 * order in which they have to be carried out. See cluster/node.h for what each of them asks. */
#ifndef CLUSTER_OUTPUT_H
#define CLUSTER_OUTPUT_H

#include "cluster/payload.h"
#include "cluster/terms.h"

struct room_keys; /* see below */

/** How long a room's messages are kept; both 0: not at all. */
struct keeping {
    uint32_t messages;
    uint32_t seconds;
};

/** One message with its number. */
struct entry {
    uint64_t offset;
    struct payload *payload;
};

/** Messages in order without a hole; owns a reference to each payload. */
struct entries {
    uint32_t count;
    struct entry list[];
};

enum output_kind {
    /* Commands for one server's connection. */
    OUTPUT_OPEN,
    OUTPUT_CLOSE,
    OUTPUT_HELLO,
    OUTPUT_PUBLISH,
    OUTPUT_SUBSCRIBE,
    OUTPUT_UNSUBSCRIBE,
    OUTPUT_TOPS,
    OUTPUT_HISTORY,
    OUTPUT_PROBE,
    OUTPUT_LEASE,
    /* Events for the host. */
    OUTPUT_RESULT,
    OUTPUT_DELIVER,
    OUTPUT_GAP,
    OUTPUT_RECOVERED,
    OUTPUT_STATE,
    OUTPUT_LEASE_HELD,
    OUTPUT_LEASE_LOST,
    OUTPUT_NODE_SEEN,
    OUTPUT_NODE_LOST
};

/** One of them. All that it leads to is its own until output_finish(). */
struct output {
    enum output_kind kind;
    uint32_t server;     /* commands, STATE: which one */
    uint64_t generation; /* commands: of the server's connection */
    uint64_t request; /* HELLO, TOPS, HISTORY, PROBE, LEASE: to be named in the reply; PUBLISH: the
                         number of its key */
    struct room_keys *keys;  /* PUBLISH, HISTORY, DELIVER, GAP, RECOVERED: the one room. SUBSCRIBE,
                                UNSUBSCRIBE, TOPS: up to ROOMS_A_COMMAND of them. Else NULL */
    struct payload *payload; /* PUBLISH, DELIVER. LEASE, LEASE_HELD, LEASE_LOST, NODE_SEEN,
                                NODE_LOST: the node's name */
    union {
        struct {
            uint64_t proposed; /* the incarnation that a server gets which has none, or another */
        } hello;
        struct {
            uint64_t incarnation; /* the server has to have this one */
            uint64_t node;        /* the key: this node's incarnation, the room, `request` */
            uint64_t proposed;    /* the epoch that a room gets which has none */
            uint64_t after; /* the number of the one before it in this room that has no answer yet;
                               0: there is none */
            uint64_t epoch; /* if it `is_repeat`: the room's when it was first sent; 0: unknown */
            bool is_repeat;
            struct keeping keeping;
        } publish;
        struct {
            struct position since;
            uint32_t limit; /* of entries */
            bool is_last;   /* the last `limit` entries, and `since` means nothing */
        } history;
        struct {
            uint64_t incarnation;
        } probe;
        struct {
            uint64_t incarnation;
            uint64_t node;                 /* this node's incarnation, as in keys of publishes */
            struct node_identity identity; /* that it has; slot 0: none */
            bool may_restore;              /* see cluster/node.h */
            uint64_t boot_floor;           /* a new boot number has to be above it */
            uint32_t boot_step;            /* by so much: an engine that has forgotten some that it
                                              gave out must not give the same ones again */
            uint32_t ttl_ms;
            uint64_t id_key; /* the cluster's, as far as the node knows; else one that it proposes.
                                Kept by an engine that has none */
        } lease;
        struct {
            uint64_t cookie; /* as it was given to node_publish() */
            enum publish_result result;
            enum cluster_why why;
            struct position at; /* OK: its place; offset 0 if it is not known any more */
            uint32_t receivers; /* OK: nodes that the engine sent it to, as it says; or
                                   RECEIVERS_UNKNOWN */
        } result;
        struct {
            struct position at;
            bool is_local; /* it was published by this node alone, while the server was away */
        } deliver;
        struct {
            uint64_t epoch;       /* of the numbers from .. to */
            uint64_t from;        /* 0: nobody knows since when */
            uint64_t to;          /* inclusive; 0: nobody knows how far */
            struct position next; /* from here on messages come again; epoch 0: not known yet */
            enum cluster_why why;
        } gap;
        struct {
            uint64_t cookie;  /* as it was given to node_recover() */
            bool is_complete; /* else there are no entries, and `why` says why */
            enum cluster_why why;
            struct position at; /* the client now is here; what comes up to this is none for it */
            bool is_ahead; /* the room's DELIVERs have not come up to `at` yet: there are no entries
                            */
            struct entries *entries; /* NULL: none */
        } recovered;
        struct {
            enum server_state state;
            enum cluster_why why;
            uint64_t incarnation; /* 0: none known */
        } state;
        struct {
            struct node_identity identity;
            uint64_t node;        /* that node's incarnation */
            enum cluster_why why; /* SEEN: WHY_SAME_NAME, if another has its name; both live */
            uint64_t id_key;      /* HELD: the cluster's, of ids of clients: see client_id.h */
        } node;
    };
};

/* So many rooms are in a command. */
#define ROOMS_A_COMMAND 512

/** Keys of rooms: a copy, shared by references. */
struct room_keys {
    uint32_t refs;
    uint32_t count;
    struct room_key list[];
};

/** @return A copy with one reference; NULL on no memory. */
struct room_keys *room_keys_create(const struct room_key *keys, uint32_t count);

/** @return @p keys. */
struct room_keys *room_keys_ref(struct room_keys *keys);

/** Drops a reference, and frees them with the last. @param keys  NULL is fine. */
void room_keys_unref(struct room_keys *keys);

/** @return Room for @p most entries, with none; NULL on no memory. */
struct entries *entries_create(uint32_t most);

/** Frees them and their references. @param entries  NULL is fine. */
void entries_destroy(struct entries *entries);

/** Gives back what an output leads to. What the caller wants to keep it takes out before: sets
 * `payload`, `keys` or `recovered.entries` to NULL. */
void output_finish(struct output *output);

/** A queue that can be made large enough before something is decided, so that nothing fails
 * afterwards. */
struct outputs {
    struct output *list; /* a ring */
    size_t capacity;     /* a power of two, or 0 */
    size_t first;
    size_t count;
};

/** Makes it empty; allocates nothing. */
void outputs_init(struct outputs *outputs);

/** Gives back what is in it, and its memory. */
void outputs_finish(struct outputs *outputs);

/** Makes room for @p more outputs. @return 0, or -1 on no memory; then nothing has changed. */
int outputs_reserve(struct outputs *outputs, size_t more);

/** Appends one; room was made for it. Takes what it leads to over. */
void outputs_put(struct outputs *outputs, const struct output *output);

/** Takes the first. @param output  Filled in; to be finished by the caller. @return Whether there
 * was one. */
bool outputs_take(struct outputs *outputs, struct output *output);

#endif
