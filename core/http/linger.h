/* The end of a connection whose client is still sending: it was answered before all of its request
 * was read. If the socket were closed with unread bytes, the kernel would reset the connection, and
 * the client would lose the answer (RFC 9112, section 9.6). So what still comes is read and thrown
 * away until the client closes, or has had enough of time and bytes. */
#ifndef HTTP_LINGER_H
#define HTTP_LINGER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

/* Sockets at once; one more, and the oldest is closed. */
#define HTTP_LINGER_MAX 128

/* And as many more while the loop does not come to take them; further ones are closed at once. */
#define HTTP_LINGER_WAITING_MAX 64

/* What one may send, in bytes; how long it may take, and how long send nothing, in milliseconds. */
#define HTTP_LINGER_BYTES (16u << 20)
#define HTTP_LINGER_MS 30000
#define HTTP_LINGER_IDLE_MS 5000

struct lingering;

/** Everything but what the lock guards is the loop's. */
struct http_linger {
    uv_async_t wake;
    uv_timer_t sweep;
    struct lingering *first; /* the latest first */
    unsigned count, most;
    bool is_open;

    pthread_mutex_t lock; /* a leaf. Guards the rest */
    struct lingering *taken;
    size_t taken_count;
};

/** @param loop  The main thread's.
 * @param most  Sockets at once, if that is less than HTTP_LINGER_MAX: each takes a descriptor.
 * @return 0, or -1. */
int http_linger_open(struct http_linger *linger, uv_loop_t *loop, uint64_t most);

/** Takes a connection that libmicrohttpd is about to close, and has shut down for writing; if its
 * client is gone already, or nothing can be done for it, leaves it alone.
 * @param fd  Stays the caller's: it may be closed. @thread Any. */
void http_linger_take(struct http_linger *linger, int fd);

/** Closes all. Nobody may take any more; the loop must turn once before @p linger may go. Does
 * nothing if it is not open. */
void http_linger_close(struct http_linger *linger);

#endif
