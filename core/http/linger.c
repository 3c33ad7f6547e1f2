/* Connections that are read to their end; see linger.h. */
#include "http/linger.h"

#include "net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SWEEP_MS 1000

/* What is read of one socket before others have their turn. */
#define TURN_BYTES 65536

struct lingering {
    struct lingering *next;
    struct lingering **link; /* what points here */
    struct http_linger *linger;
    uv_poll_t poll;
    int fd;
    size_t left; /* bytes that it may still send */
    uint64_t until_ms;
    uint64_t idle_until_ms;
};

/* --- One connection; all on the loop */

static void on_closed(uv_handle_t *poll)
{
    struct lingering *lingering = poll->data;
    (void)close(lingering->fd);
    free(lingering);
}

static void end(struct lingering *lingering)
{
    *lingering->link = lingering->next;
    if (lingering->next)
        lingering->next->link = lingering->link;
    lingering->linger->count--;
    uv_close((uv_handle_t *)&lingering->poll, on_closed);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    static char dropped[TURN_BYTES]; /* written by the loop's thread, read by nobody */
    struct lingering *lingering = poll->data;
    (void)events;
    const ssize_t size = status < 0 ? 0 : recv(lingering->fd, dropped, sizeof dropped, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0 || (size_t)size >= lingering->left) {
        end(lingering);
        return;
    }
    lingering->left -= (size_t)size;
    lingering->idle_until_ms = uv_now(poll->loop) + HTTP_LINGER_IDLE_MS;
}

static void on_sweep(uv_timer_t *timer)
{
    struct http_linger *linger = timer->data;
    const uint64_t now = uv_now(timer->loop);
    for (struct lingering *each = linger->first, *next; each; each = next) {
        next = each->next;
        if (each->until_ms <= now || each->idle_until_ms <= now)
            end(each);
    }
}

static void end_oldest(struct http_linger *linger)
{
    struct lingering *oldest = linger->first;
    while (oldest && oldest->next)
        oldest = oldest->next;
    if (oldest)
        end(oldest);
}

static void begin(struct http_linger *linger, struct lingering *lingering)
{
    uv_loop_t *loop = linger->wake.loop;
    if (loop_make_place(loop, lingering->fd) ||
        uv_poll_init(loop, &lingering->poll, lingering->fd)) {
        (void)close(lingering->fd);
        free(lingering);
        return;
    }
    if (linger->count >= linger->most)
        end_oldest(linger);
    lingering->poll.data = lingering;
    lingering->left = HTTP_LINGER_BYTES;
    lingering->until_ms = uv_now(loop) + HTTP_LINGER_MS;
    lingering->idle_until_ms = uv_now(loop) + HTTP_LINGER_IDLE_MS;
    lingering->next = linger->first;
    lingering->link = &linger->first;
    if (lingering->next)
        lingering->next->link = &lingering->next;
    linger->first = lingering;
    linger->count++;
    uv_unref((uv_handle_t *)&lingering->poll);
    (void)uv_poll_start(&lingering->poll, UV_READABLE, on_readable); /* can't fail on a socket */
}

/* --- Those that come */

static struct lingering *take_all(struct http_linger *linger)
{
    pthread_mutex_lock(&linger->lock);
    struct lingering *taken = linger->taken;
    linger->taken = NULL;
    linger->taken_count = 0;
    pthread_mutex_unlock(&linger->lock);
    return taken;
}

static void on_wake(uv_async_t *wake)
{
    struct http_linger *linger = wake->data;
    for (struct lingering *each = take_all(linger), *next; each; each = next) {
        next = each->next;
        begin(linger, each);
    }
}

/* At the end of what the client sends nothing can come that would reset the connection. */
static bool is_at_end(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* @return Whether there is a place for it. */
static bool push(struct http_linger *linger, struct lingering *lingering)
{
    pthread_mutex_lock(&linger->lock);
    const bool has_place = linger->taken_count < HTTP_LINGER_WAITING_MAX;
    if (has_place) {
        lingering->next = linger->taken;
        linger->taken = lingering;
        linger->taken_count++;
    }
    pthread_mutex_unlock(&linger->lock);
    return has_place;
}

void http_linger_take(struct http_linger *linger, int fd)
{
    if (!linger->is_open || is_at_end(fd))
        return;
    struct lingering *lingering = calloc(1, sizeof *lingering);
    if (!lingering)
        return;
    lingering->linger = linger;
    lingering->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (lingering->fd < 0 || !push(linger, lingering)) {
        if (lingering->fd >= 0)
            (void)close(lingering->fd);
        free(lingering);
        return;
    }
    uv_async_send(&linger->wake);
}

/* --- Opening and closing */

int http_linger_open(struct http_linger *linger, uv_loop_t *loop, uint64_t most)
{
    if (pthread_mutex_init(&linger->lock, NULL))
        return -1;
    if (uv_async_init(loop, &linger->wake, on_wake)) {
        pthread_mutex_destroy(&linger->lock);
        return -1;
    }
    uv_timer_init(loop, &linger->sweep);
    linger->most = most < HTTP_LINGER_MAX ? (unsigned)most : HTTP_LINGER_MAX;
    linger->wake.data = linger;
    linger->sweep.data = linger;
    uv_timer_start(&linger->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    uv_unref((uv_handle_t *)&linger->wake);
    uv_unref((uv_handle_t *)&linger->sweep);
    linger->is_open = true;
    return 0;
}

void http_linger_close(struct http_linger *linger)
{
    if (!linger->is_open)
        return;
    linger->is_open = false;
    on_wake(&linger->wake);
    while (linger->first)
        end(linger->first);
    uv_close((uv_handle_t *)&linger->wake, NULL);
    uv_close((uv_handle_t *)&linger->sweep, NULL);
    pthread_mutex_destroy(&linger->lock);
}
