/* HTTP connections and their deadlines. libmicrohttpd counts idle time only, so a client that sends
 * a byte now and then could stay for ever; here each step of a connection's life has a time by
 * which it must be over, and the socket of one that is late is shut down, which libmicrohttpd
 * notices.
 *
 * All functions may be called from any thread, but for http_deadlines_watch and _unwatch. */
#ifndef HTTP_DEADLINES_H
#define HTTP_DEADLINES_H

#include "base/hash_table.h"
#include "config/proxies.h"
#include "http/secure.h"
#include "http/standstill.h"
#include "net/places.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum http_phase {
    HTTP_WAITING,   /* for a request, after the last one or at the beginning */
    HTTP_READING,   /* the request has begun */
    HTTP_RUNNING,   /* a service has it, for as long as it likes */
    HTTP_KEPT,      /* a service will answer later: keeping.h says until when */
    HTTP_STREAMING, /* the answer, as the service writes it: streaming.h says who stalls */
    HTTP_SENDING,   /* the answer, or the rest of it */
};

/* What a thread of libmicrohttpd's has to do. */
struct http_load {
    atomic_uint_fast64_t connections; /* those on their way to it included */
    atomic_uint_fast64_t calls;       /* of services, that it is in */
};

struct http_connection {
    struct hash_node node; /* by its descriptor, until its thread has it */
    struct http_connection *next;
    struct http_connection **link; /* what points here */
    struct places *places;
    struct place place;
    struct http_load *load;
    int fd;
    struct http_secure *secure; /* of its TLS: `fd` is not the client's socket; NULL: it has none */
    enum proxy_way proxy_way;   /* that its heads are to be asked for; else PROXY_NONE */
    uint64_t inode;             /* of the socket: tells it from another with the same number */
    enum http_phase phase;
    bool is_started;                /* its thread has it */
    bool has_asked;                 /* its first request has begun; its own thread's, as the next */
    struct toni_exchange *exchange; /* the request that is under way; NULL: none */
    bool has_rest;   /* not all of the last request was read when it was answered, or given up */
    bool was_at_end; /* of what the client sends, in the middle of a request, at the last sweep */
    uint64_t due_ms;
    uint64_t body_bytes; /* of memory, that the body of its request takes */
};

/** libmicrohttpd has closed a connection that it was handed, and said nothing: it had no memory.
 * @param connection  About to be freed. @thread The one that sweeps. */
typedef void http_connection_lost(void *data, struct http_connection *connection);

/** Called by each sweep, for what else is to be looked at then.
 * @param now_ms  Of clock_now_ms(). @param stood_ms  See standstill.h. */
typedef void http_swept(void *data, uint64_t now_ms, uint64_t stood_ms);

struct http_deadlines {
    uint64_t limit_ms; /* for each phase that is not the service's affair */
    http_connection_lost *lost;
    void *lost_data;
    http_swept *swept; /* NULL: there is nothing else */
    void *swept_data;
    pthread_mutex_t mutex; /* a leaf: nothing else is locked under it. Guards the rest */
    struct http_connection *first;
    struct hash_table handed_over; /* to a thread that has not taken them yet */

    uv_timer_t sweep; /* the loop's */
    struct standstill standstill;
    bool is_watched;
};

/** @param lost  NULL: nobody has to know. @return 0, or -1. */
int http_deadlines_init(struct http_deadlines *deadlines, uint64_t limit_ms,
                        http_connection_lost *lost, void *lost_data);

/** Frees what no thread has taken, too. There must be no other connections any more. */
void http_deadlines_finish(struct http_deadlines *deadlines);

/** Takes note of an accepted socket, before it is handed to a thread.
 * @param places  Of its listener: it gets one.
 * @param load    Of the thread: it is one connection more.
 * @param fd      Must not be closed before http_deadlines_remove.
 * @param peer    Whose it is.
 * @param way     How its heads may name other addresses; PROXY_NONE: they can't.
 * @param secure  Of its TLS, whose reference is the connection's if there is one; NULL: it has
 * none.
 * @return The connection, waiting for its first request; NULL on no memory. */
struct http_connection *http_deadlines_add(struct http_deadlines *deadlines, struct places *places,
                                           struct http_load *load, int fd,
                                           const struct sockaddr_storage *peer, enum proxy_way way,
                                           struct http_secure *secure);

/** A thread has taken a socket that it was handed: from now on it may be shut down.
 * @return The connection. NULL: there is none with this descriptor. */
struct http_connection *http_deadlines_start(struct http_deadlines *deadlines, int fd);

/** The socket is about to be closed. @param connection  Freed; NULL is fine. */
void http_deadlines_remove(struct http_deadlines *deadlines, struct http_connection *connection);

/** Begins a phase; its time is counted from now. While it is HTTP_RUNNING, HTTP_KEPT or
 * HTTP_STREAMING the connection keeps its place, see places.h. @return The phase before. */
enum http_phase http_deadlines_enter(struct http_deadlines *deadlines,
                                     struct http_connection *connection, enum http_phase phase);

/** Says what the body of a connection's request takes. @thread The connection's. */
void http_deadlines_note_body(struct http_deadlines *deadlines, struct http_connection *connection,
                              uint64_t bytes);

/** Makes room for a connection's body, when all together take too much: of the other connections
 * whose request is not whole yet the one with the largest body is answered 503 and shut down, if
 * that is larger than this one's. Of several the one that has had the most time.
 * @return Whether there was one. @thread The connection's. */
bool http_deadlines_make_room(struct http_deadlines *deadlines, struct http_connection *connection);

/** Sweeps now and then from here on; that keeps no loop from ending. The loop's thread only.
 * @param every_ms  How late a deadline may be noticed. */
void http_deadlines_watch(struct http_deadlines *deadlines, uv_loop_t *loop, uint64_t every_ms);

/** Ends that, if it has begun; the loop has to turn once more. The loop's thread only. */
void http_deadlines_unwatch(struct http_deadlines *deadlines);

/** Shuts down the sockets that are late; one in the middle of a request is answered 408 before. So
 * it does those whose client is gone in the middle of a request: libmicrohttpd doesn't notice when
 * that arrives together with what the client sent last. */
void http_deadlines_sweep(struct http_deadlines *deadlines);

#endif
