/* One address on which HTTP is spoken: accepts, and hands each connection to a thread of
 * libmicrohttpd's. So it counts from the beginning, it is known who must go when there is no place
 * left, and a lack of descriptors makes no thread spin. Not about requests. */
#ifndef HTTP_LISTENER_H
#define HTTP_LISTENER_H

#include "http/deadlines.h"
#include "http/tls_front.h"
#include "net/listener.h"
#include "net/places.h"
#include "net/proxy_reading.h"

#include <stdatomic.h>
#include <stdint.h>

struct MHD_Daemon;
struct access;

/* A service that blocks makes one of them wait, and what came in on it. */
#define HTTP_THREADS_MAX 4

/** Starts a thread that listens on nothing. @return NULL on an error. */
typedef struct MHD_Daemon *http_start_thread(void *data);

struct http_thread {
    struct MHD_Daemon *daemon;
    struct http_load load;
};

struct http_listener {
    struct listener socket;
    struct places places;
    struct http_deadlines *deadlines; /* of its connections; borrowed */
    struct http_thread threads[HTTP_THREADS_MAX];
    unsigned thread_count;
    atomic_uint_fast64_t *newcomers; /* one more for each connection; NULL: nobody counts them */
    struct access *access;           /* borrowed: says which peers are proxies; NULL: none is */
    struct proxy_reading proxied;
    uint64_t handshake_ms;    /* for PROXY headers */
    proxy_reading_over *over; /* a newcomer has gone without a request, or is counted elsewhere */
    void *over_data;
    struct tls_door door; /* if it speaks TLS */
    bool is_tls;
};

/** Binds; starts nothing.
 * @param setting      Where the address comes from: "listen.http". Constant.
 * @param tls          What it speaks; NULL: nothing of it.
 * @param connections  At once.
 * @param deadlines    Outlive the listener.
 * @return 0, or -1, which is logged; then nothing stays bound. */
int http_listener_open(struct http_listener *listener, const struct listen_address *address,
                       const char *setting, struct tls_context *tls, struct inherited *inherited,
                       uint64_t connections, struct http_deadlines *deadlines);

/** Has it speak TLS with another context from now on, if it does. @param tls  Not NULL then.
 * @thread Any. */
void http_listener_change_tls(struct http_listener *listener, struct tls_context *tls);

/** Says who does its TLS, before it starts. */
void http_listener_set_front(struct http_listener *listener, struct tls_front *front);

/** Starts the threads and begins to accept, on @p loop's thread.
 * @param thread_count  HTTP_THREADS_MAX at most.
 * @return 0, or -1, which is logged. */
int http_listener_start(struct http_listener *listener, uv_loop_t *loop, unsigned thread_count,
                        http_start_thread *start_thread, void *data);

/** @return Whether http_listener_start has begun. */
bool http_listener_is_started(const struct http_listener *listener);

/** Stops accepting, ends all connections and joins the threads. On @p loop's thread, or where
 * listener_close was called there before. */
void http_listener_close(struct http_listener *listener);

/** After http_listener_close, and once the deadlines are finished. */
void http_listener_finish(struct http_listener *listener);

/** @return How many connections it has. @thread Any. */
uint64_t http_listener_count(const struct http_listener *listener);

#endif
