/* One host of memory_engine: its connection, what it subscribes to, and what waits to be told to it
 * in the order of its subscriptions. Other hosts' threads put that there, so it is told on the
 * cluster's thread by what was posted. */
#ifndef MEMORY_ENGINE_SESSION_H
#define MEMORY_ENGINE_SESSION_H

#include <toni/engine.h>

#include <pthread.h>
#include <stdbool.h>

enum {
    SESSION_QUEUE_BYTES = 64 * 1024 * 1024, /* that wait for a host; then its connection ends */
    SESSION_SUBSCRIPTIONS_MOST = 100000,    /* of a host; then its connection ends */
};

/* Guards all sessions and servers, but for what a session's own thread alone uses: `engine`,
 * `connection` to be read. */
extern pthread_mutex_t session_lock;

enum item_kind { ITEM_MESSAGE, ITEM_SUBSCRIBED, ITEM_UNSUBSCRIBED, ITEM_ECHO };

/* What is to be told in the order of the subscriptions. */
struct item {
    struct item *next;
    enum item_kind kind;
    uint32_t message_kind;
    toni_position at;
    uint64_t request; /* of an ECHO */
    toni_str room, body;
    char bytes[];
};

struct session {
    struct session *next; /* of the same server */
    struct server *server;
    toni_engine *engine;
    uint64_t connection; /* 0: none */
    uint64_t node;       /* that has said hello on it */
    const char *lost;    /* why the connection is over, which was not told yet; NULL: it isn't */
    bool is_posted;
    bool may_fail; /* by order of a test */
    struct subscription *subscriptions;
    size_t subscription_count;
    struct item *first, *last;
    size_t queue_bytes;
};

/* All but the last are called under the lock. */

/** The connection is over, and that is told soon. @param why  A literal. */
void session_lose(struct session *session, const char *why);

/** @param item  Copied, with its room and body. Without memory the connection is lost. */
void session_push(struct session *session, struct item item);

/** One that is there already is no error. Without memory the connection is lost. */
void session_subscribe(struct session *session, toni_str room);
void session_unsubscribe(struct session *session, toni_str room);
bool session_is_subscribed(struct session *session, toni_str room);

/** The connection is over, and nothing of it is told any more. */
void session_end(struct session *session);

/** Tells what waits, on the cluster's thread and without the lock. @param data  The session. */
void session_deliver(void *data);

#endif
