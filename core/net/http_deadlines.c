/* Deadlines; see http_deadlines.h. */
#include "net/http_deadlines.h"

#include "base/clock.h"

#include <stdlib.h>
#include <sys/socket.h>

/* In the middle of a body libmicrohttpd can't answer, so this goes past it. */
static const char answer_late[] = "HTTP/1.1 408 Request Timeout\r\n"
                                  "Connection: close\r\n"
                                  "Content-Length: 0\r\n"
                                  "\r\n";

int http_deadlines_init(struct http_deadlines *deadlines, uint64_t limit_ms)
{
    *deadlines = (struct http_deadlines){.limit_ms = limit_ms};
    return pthread_mutex_init(&deadlines->mutex, NULL) ? -1 : 0;
}

void http_deadlines_finish(struct http_deadlines *deadlines)
{
    pthread_mutex_destroy(&deadlines->mutex);
}

struct http_connection *http_deadlines_add(struct http_deadlines *deadlines, int fd)
{
    struct http_connection *connection = malloc(sizeof *connection);
    if (!connection)
        return NULL;
    *connection = (struct http_connection){
        .fd = fd,
        .phase = HTTP_WAITING,
        .due_ms = clock_now_ms() + deadlines->limit_ms,
    };
    pthread_mutex_lock(&deadlines->mutex);
    connection->next = deadlines->first;
    connection->link = &deadlines->first;
    if (connection->next)
        connection->next->link = &connection->next;
    deadlines->first = connection;
    pthread_mutex_unlock(&deadlines->mutex);
    return connection;
}

void http_deadlines_remove(struct http_deadlines *deadlines, struct http_connection *connection)
{
    if (!connection)
        return;
    pthread_mutex_lock(&deadlines->mutex);
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    pthread_mutex_unlock(&deadlines->mutex);
    free(connection);
}

void http_deadlines_enter(struct http_deadlines *deadlines, struct http_connection *connection,
                          enum http_phase phase)
{
    pthread_mutex_lock(&deadlines->mutex);
    connection->phase = phase;
    connection->was_at_end = false;
    connection->due_ms = phase == HTTP_RUNNING ? UINT64_MAX : clock_now_ms() + deadlines->limit_ms;
    pthread_mutex_unlock(&deadlines->mutex);
}

static void give_up(struct http_connection *connection)
{
    if (connection->phase == HTTP_READING)
        send(connection->fd, answer_late, sizeof answer_late - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    shutdown(connection->fd, SHUT_RDWR);
    connection->due_ms = UINT64_MAX;
}

/* The thread of the connection may have the last of the request in its hands, and answer it in a
 * moment; from one sweep to the next that is over. */
static bool is_gone(struct http_connection *connection)
{
    char byte;
    const bool was_at_end = connection->was_at_end;
    connection->was_at_end = connection->phase == HTTP_READING &&
                             recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
    return was_at_end && connection->was_at_end;
}

void http_deadlines_sweep(struct http_deadlines *deadlines)
{
    uint64_t now = clock_now_ms();
    pthread_mutex_lock(&deadlines->mutex);
    for (struct http_connection *each = deadlines->first; each; each = each->next) {
        if (each->due_ms <= now || is_gone(each))
            give_up(each);
    }
    pthread_mutex_unlock(&deadlines->mutex);
}

static void on_sweep(uv_timer_t *timer)
{
    http_deadlines_sweep(timer->data);
}

void http_deadlines_watch(struct http_deadlines *deadlines, uv_loop_t *loop, uint64_t every_ms)
{
    uv_timer_init(loop, &deadlines->sweep);
    deadlines->sweep.data = deadlines;
    deadlines->is_watched = true;
    uv_timer_start(&deadlines->sweep, on_sweep, every_ms, every_ms);
    uv_unref((uv_handle_t *)&deadlines->sweep);
}

void http_deadlines_unwatch(struct http_deadlines *deadlines)
{
    if (deadlines->is_watched)
        uv_close((uv_handle_t *)&deadlines->sweep, NULL);
    deadlines->is_watched = false;
}
