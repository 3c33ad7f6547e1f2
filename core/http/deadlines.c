/* Deadlines; see deadlines.h. */
#include "http/deadlines.h"

#include "base/clock.h"
#include "http/cut.h"
#include "net/peer.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* In the middle of a body libmicrohttpd can't answer, so this goes past it. */
static const char answer_late[] = "HTTP/1.1 408 Request Timeout\r\n"
                                  "Connection: close\r\n"
                                  "Content-Length: 0\r\n"
                                  "\r\n";

int http_deadlines_init(struct http_deadlines *deadlines, uint64_t limit_ms,
                        http_connection_lost *lost, void *lost_data)
{
    *deadlines =
        (struct http_deadlines){.limit_ms = limit_ms, .lost = lost, .lost_data = lost_data};
    hash_table_init(&deadlines->handed_over);
    return pthread_mutex_init(&deadlines->mutex, NULL) ? -1 : 0;
}

void http_deadlines_finish(struct http_deadlines *deadlines)
{
    while (deadlines->first)
        http_deadlines_remove(deadlines, deadlines->first);
    hash_table_finish(&deadlines->handed_over, NULL, NULL);
    pthread_mutex_destroy(&deadlines->mutex);
}

/* --- Those that no thread has taken yet */

/* 0: the descriptor is not open. */
static uint64_t inode_of(int fd)
{
    struct stat file;
    return fstat(fd, &file) ? 0 : file.st_ino;
}

/* Neighbouring numbers, so that they lie in different buckets by themselves. */
static uint64_t hash_of(int fd)
{
    return (uint64_t)fd;
}

static struct http_connection *connection_of(struct hash_node *node)
{
    return (struct http_connection *)((char *)node - offsetof(struct http_connection, node));
}

static bool any_match(const struct hash_node *node, const void *key)
{
    (void)node, (void)key;
    return true; /* the hash is the descriptor */
}

/* Under the lock. libmicrohttpd says nothing when it has no memory for a connection that it was
 * handed: it closes the socket, whose number may be another's by now. */
static bool was_closed_unsaid(const struct http_connection *connection)
{
    return !connection->is_started && inode_of(connection->fd) != connection->inode;
}

/* --- Coming and going */

static void link_connection(struct http_deadlines *deadlines, struct http_connection *connection)
{
    connection->next = deadlines->first;
    connection->link = &deadlines->first;
    if (connection->next)
        connection->next->link = &connection->next;
    deadlines->first = connection;
}

static void unlink_connection(struct http_deadlines *deadlines, struct http_connection *connection)
{
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    if (!connection->is_started)
        hash_table_remove(&deadlines->handed_over, &connection->node);
}

static void end(struct http_connection *connection)
{
    if (connection->phase == HTTP_RUNNING)
        atomic_fetch_sub(&connection->load->calls, 1);
    atomic_fetch_sub(&connection->load->connections, 1);
    places_give_back(connection->places, &connection->place);
    http_secure_unref(connection->secure);
    free(connection);
}

struct http_connection *http_deadlines_add(struct http_deadlines *deadlines, struct places *places,
                                           struct http_load *load, int fd,
                                           const struct sockaddr_storage *peer, enum proxy_way way,
                                           struct http_secure *secure)
{
    struct sockaddr_storage nobody; /* a proxy's connection serves many */
    peer_of_unix(&nobody);
    struct http_connection *connection = malloc(sizeof *connection);
    if (!connection)
        return NULL;
    *connection = (struct http_connection){
        .places = places,
        .load = load,
        .fd = fd,
        .proxy_way = way,
        .secure = secure,
        .inode = inode_of(fd),
        .phase = HTTP_WAITING,
        .due_ms = clock_now_ms() + deadlines->limit_ms,
    };
    if (places_take(places, &connection->place, fd, way == PROXY_NONE ? peer : &nobody))
        goto fail;
    pthread_mutex_lock(&deadlines->mutex);
    int failed = hash_table_insert(&deadlines->handed_over, &connection->node, hash_of(fd));
    if (!failed)
        link_connection(deadlines, connection);
    pthread_mutex_unlock(&deadlines->mutex);
    if (failed)
        goto fail_insert;
    atomic_fetch_add(&load->connections, 1);
    return connection;

fail_insert:
    places_give_back(places, &connection->place);
fail:
    free(connection);
    return NULL;
}

/* Of two connections with the same number the table finds the latest: the earlier one was closed
 * unsaid. */
struct http_connection *http_deadlines_start(struct http_deadlines *deadlines, int fd)
{
    pthread_mutex_lock(&deadlines->mutex);
    struct hash_node *node = hash_table_find(&deadlines->handed_over, hash_of(fd), any_match, NULL);
    struct http_connection *connection = node ? connection_of(node) : NULL;
    if (connection) {
        hash_table_remove(&deadlines->handed_over, node);
        connection->is_started = true;
    }
    pthread_mutex_unlock(&deadlines->mutex);
    if (connection)
        places_arrive(connection->places, &connection->place);
    return connection;
}

void http_deadlines_remove(struct http_deadlines *deadlines, struct http_connection *connection)
{
    if (!connection)
        return;
    pthread_mutex_lock(&deadlines->mutex);
    unlink_connection(deadlines, connection);
    pthread_mutex_unlock(&deadlines->mutex);
    end(connection);
}

/* Whether it is the service's affair how long it takes. */
static bool is_services(enum http_phase phase)
{
    return phase == HTTP_RUNNING || phase == HTTP_KEPT || phase == HTTP_STREAMING;
}

enum http_phase http_deadlines_enter(struct http_deadlines *deadlines,
                                     struct http_connection *connection, enum http_phase phase)
{
    pthread_mutex_lock(&deadlines->mutex);
    enum http_phase before = connection->phase;
    connection->phase = phase;
    connection->was_at_end = false;
    connection->due_ms = is_services(phase) ? UINT64_MAX : clock_now_ms() + deadlines->limit_ms;
    pthread_mutex_unlock(&deadlines->mutex);
    if (before == HTTP_RUNNING)
        atomic_fetch_sub(&connection->load->calls, 1);
    if (phase == HTTP_RUNNING)
        atomic_fetch_add(&connection->load->calls, 1);
    if (is_services(phase))
        places_serve(connection->places, &connection->place);
    else
        places_wait(connection->places, &connection->place, phase != HTTP_SENDING);
    return before;
}

/* --- Bodies */

void http_deadlines_note_body(struct http_deadlines *deadlines, struct http_connection *connection,
                              uint64_t bytes)
{
    pthread_mutex_lock(&deadlines->mutex);
    connection->body_bytes = bytes;
    pthread_mutex_unlock(&deadlines->mutex);
}

/* @return Whether `each` has to give way to who is larger than `least`, rather than `most`. */
static bool goes_first(const struct http_connection *each, const struct http_connection *most,
                       uint64_t least)
{
    if (each->phase != HTTP_READING || each->due_ms == UINT64_MAX || each->body_bytes <= least)
        return false;
    return !most || each->body_bytes > most->body_bytes ||
           (each->body_bytes == most->body_bytes && each->due_ms < most->due_ms);
}

bool http_deadlines_make_room(struct http_deadlines *deadlines, struct http_connection *connection)
{
    struct http_connection *most = NULL;
    pthread_mutex_lock(&deadlines->mutex);
    for (struct http_connection *each = deadlines->first; each; each = each->next) {
        if (each != connection && goes_first(each, most, connection->body_bytes))
            most = each;
    }
    if (most) {
        http_cut_answer(most->fd, HTTP_NO_ROOM);
        shutdown(most->fd, SHUT_RDWR);
        most->due_ms = UINT64_MAX;
    }
    pthread_mutex_unlock(&deadlines->mutex);
    return most;
}

/* --- Looking */

static void give_up(struct http_connection *connection)
{
    if (connection->phase == HTTP_READING)
        send(connection->fd, answer_late, sizeof answer_late - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (connection->phase == HTTP_SENDING)
        http_secure_cut(connection->secure);
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
    const uint64_t stood_ms = standstill_ms(&deadlines->standstill, now);
    struct http_connection *next, *closed = NULL;
    pthread_mutex_lock(&deadlines->mutex);
    for (struct http_connection *each = deadlines->first; each; each = next) {
        next = each->next;
        each->due_ms = standstill_due_ms(each->due_ms, stood_ms);
        if (each->is_started && (each->due_ms <= now || is_gone(each))) {
            give_up(each);
        } else if (was_closed_unsaid(each)) {
            unlink_connection(deadlines, each);
            each->next = closed;
            closed = each;
        }
    }
    pthread_mutex_unlock(&deadlines->mutex);
    for (; closed; closed = next) {
        next = closed->next;
        if (deadlines->lost)
            deadlines->lost(deadlines->lost_data, closed);
        end(closed);
    }
    if (deadlines->swept)
        deadlines->swept(deadlines->swept_data, now, stood_ms);
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
    standstill_begin(&deadlines->standstill, every_ms, clock_now_ms());
    uv_timer_start(&deadlines->sweep, on_sweep, every_ms, every_ms);
    uv_unref((uv_handle_t *)&deadlines->sweep);
}

void http_deadlines_unwatch(struct http_deadlines *deadlines)
{
    if (deadlines->is_watched)
        uv_close((uv_handle_t *)&deadlines->sweep, NULL);
    deadlines->is_watched = false;
}
