/** @file
 * The cluster of a host, for tests of engines (engine.h): it loads an engine as toni_testkit.h
 * loads a plugin, attaches itself, and asks; what the engine tells is kept until the test takes it.
 * Several nodes may use one server.
 *
 *     toni_fake_node node;
 *     toni_fake_node_init(&node, 7);
 *     toni_fake_host_load(&node.host, "build/my_engine.so");
 *     toni_fake_node_attach(&node);
 *     toni_fake_node_connect(&node);
 *     toni_fake_node_subscribe(&node, &room, 1);
 *     toni_fake_node_next(&node, TONI_TOLD_SUBSCRIBED);
 *     toni_engine_publish publish = toni_fake_node_message(&node, room, TONI_LIT("hello"));
 *     toni_fake_node_publish(&node, &publish);
 *     ck_assert_int_eq(toni_fake_node_next(&node, TONI_TOLD_PUBLISHED)->answer,
 *                      TONI_ENGINE_APPLIED);
 *
 * All of a node happens on the test's thread: in toni_fake_node_next and toni_fake_node_wait, which
 * call `flush` and poll what the engine watches, and in the functions that ask. Two nodes may be on
 * two threads.
 *
 * What no engine may do fails the test wherever it happens: to tell of a connection that is not
 * there, or is over; after `detach`; on another thread; a history with a hole; a watch that was not
 * ended. toni_engine_suite.h has tests of all else that engine.h asks for.
 */
#ifndef TONI_FAKE_NODE_H
#define TONI_FAKE_NODE_H

#include <toni_testkit.h>

#include <toni/engine.h>

#include <pthread.h>

/** How long what is waited for may take, in milliseconds, unless `patience_ms` says otherwise. */
#define TONI_FAKE_NODE_PATIENCE_MS 10000

/** How many descriptors an engine may watch at a time. */
#define TONI_FAKE_NODE_WATCHES_MOST 256

/** Most servers of an engine. */
#define TONI_FAKE_NODE_SERVERS_MOST 64

/** What an engine may tell, in three orders: of the connection, of its commands, of its
 * subscriptions. */
typedef enum toni_told_kind {
    TONI_TOLD_CONNECTED,
    TONI_TOLD_CLOSED,
    TONI_TOLD_HELLO,
    TONI_TOLD_PUBLISHED,
    TONI_TOLD_PROBE,
    TONI_TOLD_TOPS,
    TONI_TOLD_HISTORY,
    TONI_TOLD_LEASE,
    TONI_TOLD_CHECKED,
    TONI_TOLD_FAILED,
    TONI_TOLD_SUBSCRIBED,
    TONI_TOLD_MESSAGE,
    TONI_TOLD_ECHO
} toni_told_kind;

/** One thing that an engine has told. Zero in what its kind does not have. */
typedef struct toni_told {
    struct toni_told *next; /**< Internal */
    toni_told_kind kind;
    uint32_t server;
    uint64_t connection;
    uint64_t request;       /**< that it answers; PUBLISHED: the number of the message */
    int32_t answer;         /**< PUBLISHED, PROBE, FAILED */
    uint32_t receivers;     /**< PUBLISHED */
    uint32_t is_subscribed; /**< SUBSCRIBED */
    uint32_t message_kind;  /**< MESSAGE */
    toni_position at;       /**< PUBLISHED, MESSAGE; HISTORY: the top */
    uint64_t incarnation;   /**< HELLO */
    uint64_t engine_id;     /**< HELLO */
    uint64_t boot;          /**< LEASE */
    uint64_t id_key;        /**< LEASE */
    uint32_t slot;          /**< LEASE */
    uint32_t count;         /**< of tops, entries or leases */
    toni_str room;          /**< SUBSCRIBED, MESSAGE */
    toni_str body;          /**< MESSAGE; CLOSED: why; CHECKED: what was found, in lines */
    toni_position *tops;
    toni_engine_entry *entries;
    toni_engine_leased *leases;
} toni_told;

/** The connection to one server. Internal to the node. */
typedef struct toni_fake_link {
    uint64_t connection;
    int is_open; /**< asked for, and neither closed nor told to be */
    int is_connected;
} toni_fake_link;

/** A descriptor that the engine watches. Internal to the node. */
typedef struct toni_fake_watch {
    int64_t id; /**< 0: none */
    int32_t fd;
    uint32_t events;
    toni_engine_ready_fn ready;
    void *data;
} toni_fake_watch;

/** A node. Its address is the engine's handle, so it can't be copied. Large: static, or allocated.
 */
typedef struct toni_fake_node {
    toni_engine engine;                    /**< first: what the engine gets */
    struct toni_engine_host calls;         /**< that it points to */
    toni_fake_host host;                   /**< to load the engine, and to set its options */
    const struct toni_engine_table *table; /**< of the engine; a test may put one of its own here */
    void *self;                            /**< for the table, between attach and detach */
    const toni_str *servers;
    uint32_t server_count;
    uint32_t server;                        /**< that is asked; at first 0 */
    uint64_t incarnation;                   /**< of this node */
    uint64_t server_incarnation, engine_id; /**< by the last toni_fake_node_connect */
    uint64_t last_request, last_number, last_connection;
    int64_t patience_ms; /**< how long is waited for what should come */
    int is_attached;
    pthread_t thread;
    toni_fake_link links[TONI_FAKE_NODE_SERVERS_MOST];
    toni_told *first[3], *last[3], *taken[3]; /**< of the three orders */
    toni_fake_watch watches[TONI_FAKE_NODE_WATCHES_MOST];
    int64_t last_watch;
    pthread_mutex_t lock; /**< guards what follows */
    struct toni_fake_post *first_post, *last_post;
    int is_closing;
    int wake[2]; /**< a pipe */
} toni_fake_node;

TONI_BEGIN_DECLS

/** Makes a node that has no engine yet: load one into `host`.
 * @param incarnation  Of the node: not 0, and another for each. */
void toni_fake_node_init(toni_fake_node *node, uint64_t incarnation);

/** Starts the plugin. Fails the test if it offers no toni_engine. A test may put something before
 * `table` and `self` afterwards. */
void toni_fake_node_start(toni_fake_node *node);

/** Starts the plugin if that was not done, and attaches. */
void toni_fake_node_attach(toni_fake_node *node);

/** Detaches, stops the plugin, and forgets what was told. One that is not attached is no error. */
void toni_fake_node_detach(toni_fake_node *node);

/** Asks for a connection, and waits for nothing. What was told of one before, and not taken, is
 * forgotten. @return Its number. */
uint64_t toni_fake_node_open(toni_fake_node *node);

/** Makes a connection, says hello, and waits for both. What can't be connected is tried again. What
 * it proposes is the node's incarnation plus the number of the connection. */
void toni_fake_node_connect(toni_fake_node *node);

/** Has the connection closed at once; what is still told of it fails the test. */
void toni_fake_node_close(toni_fake_node *node);

/** @param proposed  Not 0. @return The number of the request. */
uint64_t toni_fake_node_hello(toni_fake_node *node, uint64_t proposed);

/** @return A message of this node with the next number, for toni_fake_node_publish: no repeat, and
 * without a history. `proposed` is the number with the node's incarnation in the upper half. */
toni_engine_publish toni_fake_node_message(toni_fake_node *node, toni_str room, toni_str body);

void toni_fake_node_publish(toni_fake_node *node, const toni_engine_publish *publish);
void toni_fake_node_subscribe(toni_fake_node *node, const toni_str *rooms, uint32_t count);
void toni_fake_node_unsubscribe(toni_fake_node *node, const toni_str *rooms, uint32_t count);

/* Each @return The number of the request. */
uint64_t toni_fake_node_tops(toni_fake_node *node, const toni_str *rooms, uint32_t count);
uint64_t toni_fake_node_history(toni_fake_node *node, toni_str room, toni_position since,
                                uint32_t limit);
uint64_t toni_fake_node_history_last(toni_fake_node *node, toni_str room, uint32_t limit);
uint64_t toni_fake_node_probe(toni_fake_node *node, uint64_t incarnation);
uint64_t toni_fake_node_lease(toni_fake_node *node, const toni_engine_lease *lease);

/** Ends the turn: calls `flush`, and what was posted. */
void toni_fake_node_flush(toni_fake_node *node);

/** Ends the turn, and lets time pass: calls what is ready and was posted for @p ms milliseconds. */
void toni_fake_node_wait(toni_fake_node *node, int64_t ms);

/** Waits for the next of what is told in the order that @p kind belongs to, and takes it. Fails the
 * test if nothing comes, something of another kind does, or the connection ends.
 * @return What was told; until the next of that order is taken. */
const toni_told *toni_fake_node_next(toni_fake_node *node, toni_told_kind kind);

/** The same, and leaves it there, of whatever kind it is.
 * @return What toni_fake_node_next would take. */
const toni_told *toni_fake_node_await(toni_fake_node *node, toni_told_kind kind);

/** @return What toni_fake_node_next of a kind in that order would take, whatever its kind; NULL:
 * nothing was told that is not taken. Waits for nothing. */
const toni_told *toni_fake_node_peek(const toni_fake_node *node, toni_told_kind kind);

/** @return Its name, such as "published". */
const char *toni_told_name(toni_told_kind kind);

TONI_END_DECLS

#endif
