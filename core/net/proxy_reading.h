/* Connections of trusted proxies whose PROXY header has not come whole: read here, to its last byte
 * and not beyond, before anybody else has the socket. So whoever takes it knows whose it is from
 * the beginning, and neither TLS nor HTTP has to know of the header. How it is written is in
 * ws/proxy_header.h.
 *
 * All on the loop's thread, but for proxy_reading_count. */
#ifndef NET_PROXY_READING_H
#define NET_PROXY_READING_H

#include "net/listener.h"

#include <stdatomic.h>

/** So many at most; of more the one that has waited longest is ended. */
#define PROXY_READING_MOST 256

/** One has been handed on, or ended. */
typedef void proxy_reading_over(void *data);

struct proxy_wait;

struct proxy_reading {
    uv_loop_t *loop;
    uint64_t limit_ms;           /* from `accept` to the last byte */
    listener_accepted *accepted; /* gets the socket, and whose it is */
    proxy_reading_over *over;
    struct proxy_wait *first, *last; /* the oldest first */
    atomic_uint_fast64_t count;
    uv_timer_t late;
    bool is_open;
};

/** @param limit_ms  For the whole header. @param accepted  Who gets the sockets. */
void proxy_reading_open(struct proxy_reading *reading, uv_loop_t *loop, uint64_t limit_ms,
                        listener_accepted *accepted, proxy_reading_over *over);

/** Takes an accepted socket. It counts until it was handed on, which may be at once, or ended.
 * @param data  What `accepted` and `over` are called with.
 * @param peer  The proxy. */
void proxy_reading_take(struct proxy_reading *reading, void *data, int fd,
                        const struct sockaddr_storage *peer, socklen_t length);

/** @return How many sockets it has. @thread Any. */
uint64_t proxy_reading_count(const struct proxy_reading *reading);

/** Ends all that there are. More than once is fine; the loop must turn once more. */
void proxy_reading_close(struct proxy_reading *reading);

#endif
