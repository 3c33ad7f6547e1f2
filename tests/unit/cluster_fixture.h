/* A node of the cluster with an engine beside it that does what cluster/node.h asks of one, in
 * memory, at once, on a clock that the test moves. What the host would get is written down as text,
 * a line for each event, so that a test reads as what happened:
 *
 *     world_subscribe("a");
 *     world_publish("a", "one");
 *     world_expect("result 1 ok 1", "deliver a 1 one");
 *
 * One world at a time. */
#ifndef TEST_CLUSTER_FIXTURE_H
#define TEST_CLUSTER_FIXTURE_H

#include "cluster/node.h"

#include <stdbool.h>
#include <stdint.h>

enum { WORLD_ROOMS = 16, WORLD_LOG = 64, WORLD_LEASES = 8 };

struct world_room {
    char key[32];
    uint64_t epoch, offset;
    uint64_t incarnation;
    uint64_t last_number;
    uint64_t last_offset; /* of that */
    uint32_t first_kept;  /* offset; those before are trimmed */
    bool keeps;
    bool is_subscribed;
    char messages[WORLD_LOG][16]; /* the latest, by offset modulo WORLD_LOG */
};

/** What the engine does is changed by these. */
struct world {
    struct cluster_node *node;
    uint64_t now_ms;
    uint64_t incarnation, engine_id, epochs;
    struct world_room rooms[WORLD_ROOMS];
    struct lease_entry leases[WORLD_LEASES];
    uint32_t lease_count;
    uint64_t boots;
    uint64_t id_key;          /* 0: none */
    uint64_t generation;      /* of the open connection; 0: none */
    bool is_stopped;          /* commands pile up */
    bool stops_subscriptions; /* so do those of the subscription socket */
    bool stops_tops;          /* so do TOPS, and all other commands are answered */
    bool had_no_numbers;      /* the next TOPS is answered as it was before all messages */
    bool is_away;             /* connections are refused */
    bool is_read_only;
    bool loses_messages; /* what is published reaches nobody */
    bool loses_echoes;
    bool never_answers_leases;
    bool has_no_slot;                    /* for this node: others have them all */
    enum engine_answer publish_answer;   /* instead of applying, if it isn't ENGINE_APPLIED */
    uint32_t answers_left;               /* so many publishes get that; UINT32_MAX: all */
    uint32_t commands[OUTPUT_LEASE + 1]; /* counted */
    uint32_t batch_most;                 /* keys in one command */
    uint64_t last_cookie;
    void (*on_event)(const struct output *output); /* instead of the text */
    void (*on_applied)(const char *text);          /* a message has its place */
};

extern struct world world;

/** A node with one server, whose connection is not open yet. @param change  Of the settings, or
 * NULL. */
void world_begin(void (*change)(struct node_settings *));

/** The same, connected, up, and with a lease; what was said on the way is forgotten. */
void world_begin_up(void (*change)(struct node_settings *));

void world_end(void);

/** The engine and the host take all that comes out, until nothing does. */
void world_run(void);

/** Moves the clock, ticking whenever the node wants to. */
void world_pass(uint32_t ms);

/** The connection breaks; the node sees it. */
void world_break(void);

/** Another life of the server: its rooms are forgotten. */
void world_restart_empty(void);

struct world_room *world_room(const char *key);

/** @return node_subscribe(). */
int world_subscribe(const char *key);

/** @return node_publish(), with a history of what the room keeps; the cookie counts from 1. */
int world_publish(const char *key, const char *text);

/** Somebody else publishes. */
void world_others_publish(const char *key, const char *text);

/** Another node has a lease from now on. */
void world_other_node(uint32_t slot, uint64_t boot, uint64_t node, uint32_t left_ms);

/** The same, with a name, which is borrowed for the length of the world. */
void world_named_node(uint32_t slot, uint64_t boot, uint64_t node, const char *name);

/** The last LEASE is answered, which was not. */
void world_answer_lease(void);

/** What was said since the last time is exactly this, line by line; ends with NULL. */
void world_expect_lines(const char *first, ...);
#define world_expect(...) world_expect_lines(__VA_ARGS__, NULL)

/** Nothing was said. */
void world_expect_nothing(void);

/** Forgets what was said. */
void world_forget(void);

/** @return How often a line that begins with this was said since the last world_forget(). */
uint32_t world_count(const char *begin);

#endif
