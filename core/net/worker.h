/* A worker, as its connections see it: one thread with one loop and one lane. It owns the
 * connections dealt to it; nobody else touches them. How it runs, and how others reach it, is in
 * worker_thread.h. */
#ifndef NET_WORKER_H
#define NET_WORKER_H

#include "instance/slot.h"
#include "net/drain.h"
#include "net/loop_wake.h"
#include "net/stream.h"
#include "net/timeouts.h"
#include "net/turn_share.h"
#include "net/worker_figures.h"
#include "plugin/call.h"
#include "rooms/lane.h"
#include "ws/codec.h"
#include "ws/deflate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

struct connection;
struct inbound;
struct server;

/* One read takes no more than this: a message of 64 KiB with its head, which then is handed on from
 * where it lies. */
#define WORKER_READ_MAX (65536u + CODEC_HEAD_MAX)

/* So many events, or bytes, a flush is waited for at most. */
#define WORKER_EVENTS_MAX 512
#define WORKER_BYTES_MAX 1048576

/* After so many events it is looked whether other workers wait for long. */
#define WORKER_EVENTS_A_LOOK 8

/* So few clients are flushed at once. */
#define WORKER_FLUSH_TARGETS 8

struct worker {
    struct server *server;
    struct lane *lane;
    uint32_t index;
    pthread_t thread;
    struct command stop, drain_all, begin_drain; /* each is posted once, which can't fail so */
    bool has_ended; /* its loop, and all callbacks; guarded by the server's `end_lock` */
    uv_loop_t loop;
    struct loop_wake wake;
    uv_prepare_t turn_end;
    uv_idle_t again; /* active while the loop must not block */
    uv_timer_t look; /* active while another worker is to end who pins too much: see pins.h */
    struct timeouts timeouts;
    struct drain drain;
    struct inflater *inflater;      /* that nobody uses; NULL: there is none */
    struct connection *connections; /* all; the worker's own */
    struct inbound *resumed;        /* of those that go on with what was kept of them */
    struct inbound **last_resumed;  /* where the next one is linked */
    size_t resumed_count;
    struct streams streams;      /* over TLS */
    struct turn_share share;     /* of the client whose input is taken */
    struct connection *relieved; /* see relieved.h */
    uint8_t *received; /* CODEC_TAIL_MAX bytes for what was kept, and WORKER_READ_MAX behind them */
    _Atomic(const struct slot *) called; /* that it last called a callback of */
    struct plugin_call_board board;      /* what its thread is in; see held.h */
    uint32_t received_events;            /* since the last flush */
    uint32_t received_bytes;             /* the same */
    uint64_t flushed_targets;            /* the lane's `targeted` at the last flush */
    uint64_t woken_ns;                   /* when others were last woken in this turn */
    uint64_t turn_began_ms;              /* by the loop's clock, as the next three */
    uint64_t last_turn_ms;               /* when the one before began */
    uint64_t long_turn_began_ms;         /* the last long one, or one it slept too long behind */
    uint64_t long_turn_ended_ms;         /* 0: there was none */
    atomic_uint_fast64_t turn_began_ns;  /* 0: nothing has happened since the last turn's end */
    bool stopped;              /* the last call has been made: nothing of the loop may be used */
    atomic_uint_fast64_t load; /* descriptors that were dealt to it and are not closed yet */
    struct worker_figures figures;
    uint8_t padding_to_the_next[COUNTER_PADDING];
};

/** To be noted before each callback, so that one that never returns can be named. */
static inline void worker_calls(struct worker *worker, const struct slot *slot)
{
    atomic_store_explicit(&worker->called, slot, memory_order_relaxed);
}

/** One of its descriptors is closed; while the server drains, the last one tells the host. The
 * worker's thread only. */
void worker_release(struct worker *worker);

/** Flushes in the middle of a turn; not from within a callback of a plugin. */
void worker_flush_midway(struct worker *worker);

/** All that was posted until now was flushed. */
void worker_flushed(struct worker *worker);

/** Wakes those other workers that have waited long enough for this one's turn to end. */
void worker_look_for_others(struct worker *worker);

/** Something has happened on the loop: the first time since the last turn's end a turn has begun.
 */
void worker_notice_turn(struct worker *worker);

/** A message was received and handled: after so many, or so many bytes, a turn's end is not waited
 * for, but flushed at once. libuv polls again and again, without running what follows a turn, while
 * each poll is full. */
static inline void worker_notice_received(struct worker *worker, size_t size)
{
    worker->received_bytes += (uint32_t)size;
    if (++worker->received_events >= WORKER_EVENTS_MAX ||
        worker->received_bytes >= WORKER_BYTES_MAX)
        worker_flush_midway(worker);
    else if (worker->lane->wakes && worker->received_events % WORKER_EVENTS_A_LOOK == 0)
        worker_look_for_others(worker);
}

/** All of one read was handled. If what that led to is for few clients, such as an answer, it goes
 * out at once: it would gain nothing by waiting for what else the turn brings. */
void worker_flush_few(struct worker *worker);

/** @return How many connections it has. @thread Any. */
static inline uint64_t worker_load(const struct worker *worker)
{
    return atomic_load_explicit(&worker->load, memory_order_relaxed);
}

#endif
