/* A worker: one thread with one loop, one libwebsockets context and one lane. It owns the
 * connections dealt to it; nobody else touches them. Others reach it through its lane's inbox. */
#ifndef NET_WORKER_H
#define NET_WORKER_H

#include "net/farewell.h"
#include "net/server.h"
#include "net/timeouts.h"
#include "net/worker_figures.h"
#include "rooms/lane.h"
#include "ws/deflate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

struct ws_connection;
struct ws_context;

/* So many events a flush is waited for at most. */
#define WORKER_EVENTS_MAX 512

struct worker {
    struct server *server;
    struct lane *lane;
    uint32_t index;
    pthread_t thread;
    bool has_ended; /* its loop, and all callbacks; guarded by the server's `end_lock` */
    uv_loop_t loop;
    uv_async_t wake;
    uv_prepare_t turn_end;
    uv_idle_t again; /* active while the loop must not block */
    struct timeouts timeouts;
    struct farewell farewell;
    struct ws_context *ws;
    struct inflater *inflater; /* for all of them; NULL before the first compressed message */
    struct ws_connection *connections;   /* all that libwebsockets has; the worker's own */
    bool kills;                          /* connections were given up since the last turn's end */
    _Atomic(const struct slot *) called; /* that it last called a callback of */
    uint32_t received_events;            /* since the last flush */
    uint64_t turn_began_ns;              /* 0: nothing has happened since the last turn's end */
    bool stopped;              /* the last call has been made: nothing of the loop may be used */
    atomic_uint_fast64_t load; /* descriptors that were dealt to it and are not closed yet */
    struct worker_figures figures;
    uint8_t padding_to_the_next[COUNTER_PADDING];
};

/** Makes the loop, the context and the lane; starts no thread. @return 0, or -1. */
int worker_init(struct worker *worker, struct server *server, struct lane *lane, uint32_t index);

/** After worker_join, or instead of worker_start. */
void worker_finish(struct worker *worker);

/** Starts the thread. @return 0, or -1. */
int worker_start(struct worker *worker);

/** Ends all connections, then the thread; worker_join must follow. @thread Any. */
void worker_stop(struct worker *worker);

/** Waits for the thread's end, which `has_ended` says is near. */
void worker_join(struct worker *worker);

/** To be noted before each callback, so that one that never returns can be named. */
static inline void worker_calls(struct worker *worker, const struct slot *slot)
{
    atomic_store_explicit(&worker->called, slot, memory_order_relaxed);
}

/** Hands over an accepted socket, which gets a place of the server's.
 * @param fd    The worker's from now on.
 * @param peer  Whose it is. @thread Any. */
void worker_adopt(struct worker *worker, int fd, const struct sockaddr_storage *peer);

/** One of its descriptors is closed; while the server drains, the last one tells the host. The
 * worker's thread only. */
void worker_release(struct worker *worker);

/** Tells all clients 1001. @thread Any. */
void worker_drain(struct worker *worker);

/** Tells them one after the other, see farewell.h. @thread Any. */
void worker_take_leave(struct worker *worker);

/** Flushes in the middle of a turn; not from within a callback of a plugin. */
void worker_flush_midway(struct worker *worker);

/** Something has happened on the loop: the first time since the last turn's end a turn has begun.
 */
void worker_notice_turn(struct worker *worker);

/** Something was received: after so many events a turn's end is not waited for, but flushed at
 * once. libuv polls again and again, without running what follows a turn, while each poll is full.
 */
static inline void worker_notice_received(struct worker *worker)
{
    if (++worker->received_events >= WORKER_EVENTS_MAX)
        worker_flush_midway(worker);
}

/** @return How many connections it has. @thread Any. */
static inline uint64_t worker_load(const struct worker *worker)
{
    return atomic_load_explicit(&worker->load, memory_order_relaxed);
}

#endif
