/* PROXY headers of connections; see proxy_reading.h. What has come is looked at first (MSG_PEEK),
 * and only what certainly is the header's is taken out of the socket. */
#include "net/proxy_reading.h"

#include "base/buffer.h"
#include "base/log_limit.h"
#include "net/loop.h"
#include "net/peer.h"
#include "ws/proxy_header.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct proxy_wait {
    uv_poll_t poll;
    struct proxy_reading *reading;
    void *data; /* of whoever gets it */
    struct proxy_wait *before, *next;
    struct sockaddr_storage peer; /* the proxy, then whom it has named */
    socklen_t length;
    uint64_t due_ms;
    struct buffer bytes; /* of the header, that were taken */
    int fd;
    bool is_polled;
};

void proxy_reading_open(struct proxy_reading *reading, uv_loop_t *loop, uint64_t limit_ms,
                        listener_accepted *accepted, proxy_reading_over *over)
{
    *reading = (struct proxy_reading){
        .loop = loop, .limit_ms = limit_ms, .accepted = accepted, .over = over, .is_open = true};
    uv_timer_init(loop, &reading->late);
    uv_unref((uv_handle_t *)&reading->late);
}

uint64_t proxy_reading_count(const struct proxy_reading *reading)
{
    return atomic_load(&reading->count);
}

/* --- Ending */

static void on_closed(uv_handle_t *poll)
{
    free((char *)poll - offsetof(struct proxy_wait, poll));
}

static void watch_oldest(struct proxy_reading *reading);

static void unlink_wait(struct proxy_wait *wait)
{
    struct proxy_reading *reading = wait->reading;
    *(wait->before ? &wait->before->next : &reading->first) = wait->next;
    *(wait->next ? &wait->next->before : &reading->last) = wait->before;
    buffer_finish(&wait->bytes);
    if (!wait->before)
        watch_oldest(reading);
}

/* The loop lets go of the descriptor at once, of the memory later. */
static void release(struct proxy_wait *wait)
{
    if (wait->is_polled)
        uv_close((uv_handle_t *)&wait->poll, on_closed);
    else
        free(wait);
}

/* @param fault  NULL: the proxy has gone, which is no fault. */
static void end(struct proxy_wait *wait, const char *fault)
{
    struct proxy_reading *reading = wait->reading;
    void *data = wait->data;
    const int fd = wait->fd;
    char address[INET6_ADDRSTRLEN];
    peer_text(&wait->peer, address);
    if (fault) {
        log_limited(LOG_LEVEL_WARN,
                    "a connection of a trusted proxy is ended: no PROXY header is read from it; "
                    "have the proxy send one, or correct `trusted_proxies` or `proxy_header`",
                    log_str("address", address), log_str("fault", fault));
    }
    unlink_wait(wait);
    release(wait);
    close(fd);
    atomic_fetch_sub(&reading->count, 1);
    reading->over(data);
}

static void hand_on(struct proxy_wait *wait)
{
    struct proxy_reading *reading = wait->reading;
    void *data = wait->data;
    const int fd = wait->fd;
    const socklen_t length = wait->length;
    const struct sockaddr_storage peer = wait->peer;
    unlink_wait(wait);
    release(wait);
    reading->accepted(data, fd, &peer, length);
    atomic_fetch_sub(&reading->count, 1); /* counted elsewhere by now */
    reading->over(data);
}

static void on_late(uv_timer_t *late)
{
    struct proxy_reading *reading = late->data;
    const uint64_t now_ms = uv_now(reading->loop);
    for (struct proxy_wait *wait = reading->first, *next; wait && wait->due_ms <= now_ms;
         wait = next) {
        next = wait->next;
        end(wait, "it was not there in time");
    }
}

/* All have the same time, so the oldest is the first that is late. */
static void watch_oldest(struct proxy_reading *reading)
{
    const uint64_t now_ms = uv_now(reading->loop);
    const struct proxy_wait *oldest = reading->first;
    reading->late.data = reading;
    if (!oldest) {
        uv_timer_stop(&reading->late);
        return;
    }
    const uint64_t left_ms = oldest->due_ms > now_ms ? oldest->due_ms - now_ms : 0;
    uv_timer_start(&reading->late, on_late, left_ms, 0);
}

/* --- Reading */

static void name_client(struct proxy_wait *wait, const struct proxy_header *header)
{
    if (header->client == PROXY_BY_IP)
        wait->length = peer_of_ip(&wait->peer, &header->address, header->port);
    else if (header->client == PROXY_BY_UNIX)
        wait->length = peer_of_unix(&wait->peer);
}

/* Takes out of the socket what was looked at there. */
static bool take(struct proxy_wait *wait, size_t size)
{
    uint8_t taken[PROXY_HEADER_MAX];
    return recv(wait->fd, taken, size, MSG_DONTWAIT) == (ssize_t)size;
}

/* What lies in the socket. @return How many bytes; 0: none yet; -1: nothing more comes. */
static ssize_t look(const struct proxy_wait *wait, uint8_t *bytes, size_t size)
{
    const ssize_t seen = recv(wait->fd, bytes, size, MSG_PEEK | MSG_DONTWAIT);
    if (seen > 0)
        return seen;
    return seen < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? 0 : -1;
}

/* @return Whether it is over, one way or the other. */
static bool go_on(struct proxy_wait *wait)
{
    uint8_t bytes[PROXY_HEADER_MAX];
    struct proxy_header header;
    const size_t had = wait->bytes.length;
    if (had > 0)
        memcpy(bytes, wait->bytes.bytes, had);
    const ssize_t seen = look(wait, bytes + had, sizeof bytes - had);
    if (seen == 0)
        return false;
    if (seen < 0) {
        end(wait, NULL);
        return true;
    }
    switch (proxy_header_read(&header, bytes, had + (size_t)seen)) {
    case PROXY_MORE:
        if (take(wait, (size_t)seen) && !buffer_append(&wait->bytes, bytes + had, (size_t)seen))
            return false;
        end(wait, "it could not be kept: out of memory");
        return true;
    case PROXY_FAULT:
        end(wait, header.fault);
        return true;
    case PROXY_DONE:
        break;
    }
    name_client(wait, &header);
    if (take(wait, header.size - had))
        hand_on(wait);
    else
        end(wait, NULL);
    return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct proxy_wait *wait =
        (struct proxy_wait *)((char *)poll - offsetof(struct proxy_wait, poll));
    (void)events;
    if (status < 0)
        end(wait, NULL);
    else
        (void)go_on(wait);
}

/* --- Taking */

static struct proxy_wait *create(struct proxy_reading *reading, void *data, int fd,
                                 const struct sockaddr_storage *peer, socklen_t length)
{
    struct proxy_wait *wait = calloc(1, sizeof *wait);
    if (!wait)
        return NULL;
    wait->reading = reading;
    wait->data = data;
    wait->peer = *peer;
    wait->length = length;
    wait->fd = fd;
    wait->due_ms = uv_now(reading->loop) + reading->limit_ms;
    buffer_init(&wait->bytes);
    wait->before = reading->last;
    *(reading->last ? &reading->last->next : &reading->first) = wait;
    reading->last = wait;
    atomic_fetch_add(&reading->count, 1);
    if (reading->first == wait)
        watch_oldest(reading);
    return wait;
}

static bool poll(struct proxy_wait *wait)
{
    uv_loop_t *loop = wait->reading->loop;
    if (loop_make_place(loop, wait->fd) || uv_poll_init(loop, &wait->poll, wait->fd))
        return false;
    wait->is_polled = true;
    return !uv_poll_start(&wait->poll, UV_READABLE, on_readable);
}

void proxy_reading_take(struct proxy_reading *reading, void *data, int fd,
                        const struct sockaddr_storage *peer, socklen_t length)
{
    if (atomic_load(&reading->count) >= PROXY_READING_MOST)
        end(reading->first, "too many others wait for one");
    struct proxy_wait *wait = create(reading, data, fd, peer, length);
    if (!wait) {
        peer_refused(peer);
        close(fd);
        reading->over(data);
        return;
    }
    /* Mostly it is there. */
    if (!go_on(wait) && !poll(wait))
        end(wait, "it can't be waited for: out of memory or descriptors");
}

void proxy_reading_close(struct proxy_reading *reading)
{
    if (!reading->is_open)
        return;
    reading->is_open = false;
    for (struct proxy_wait *wait = reading->first, *next; wait; wait = next) {
        next = wait->next;
        end(wait, NULL);
    }
    uv_close((uv_handle_t *)&reading->late, NULL);
}
