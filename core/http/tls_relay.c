/* One client of the front: its handshake, then bytes both ways, then the end; see tls_front.h. */
#include "base/log_limit.h"
#include "base/socket_bytes.h"
#include "http/linger.h"
#include "http/tls_front_private.h"
#include "net/loop.h"
#include "tls/peer.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Pieces that are carried one way before others have their turn. */
#define PIECES_AT_ONCE 8

/* What is answered to who speaks no TLS. */
static const char answer_plain[] = "HTTP/1.1 400 Bad Request\r\n"
                                   "Connection: close\r\n"
                                   "Content-Type: text/plain; charset=utf-8\r\n"
                                   "Content-Length: 44\r\n"
                                   "\r\n"
                                   "This port speaks HTTPS: begin with https://\n";

/* --- Handles */

static void on_closed(uv_handle_t *handle)
{
    struct tls_relay *relay = handle->data;
    if (--relay->handles == 0)
        tls_front_forget(relay);
}

void tls_relay_drop(struct tls_relay *relay)
{
    if (relay->state == RELAY_OVER)
        return;
    const bool has_plain = relay->handles == 2;
    relay->state = RELAY_OVER;
    tls_front_unqueue(relay);
    uv_close((uv_handle_t *)&relay->client, on_closed);
    if (has_plain)
        uv_close((uv_handle_t *)&relay->plain, on_closed);
}

static void on_client(uv_poll_t *poll, int status, int events);
static void on_plain(uv_poll_t *poll, int status, int events);

static void watch(uv_poll_t *poll, int *now, int wanted, uv_poll_cb called)
{
    if (*now == wanted)
        return;
    *now = wanted;
    /* On a socket that a place was made for neither can fail. */
    (void)(wanted != 0 ? uv_poll_start(poll, wanted, called) : uv_poll_stop(poll));
}

static bool is_full(const struct tls_relay *relay)
{
    return relay->session && tls_session_is_full(relay->session);
}

/* What is not wanted is not looked for, so that one side waits for the other. */
static void watch_both(struct tls_relay *relay)
{
    if (relay->state == RELAY_OVER)
        return;
    const bool wants_more = !relay->client_ended && !relay->up && !relay->turn_link;
    const bool wants_answers = relay->inner >= 0 && !relay->inner_ended && !is_full(relay);
    watch(&relay->client, &relay->client_events,
          (wants_more ? UV_READABLE : 0) | (is_full(relay) ? UV_WRITABLE : 0), on_client);
    if (relay->handles == 2)
        watch(&relay->plain, &relay->plain_events,
              (wants_answers ? UV_READABLE : 0) | (relay->up ? UV_WRITABLE : 0), on_plain);
}

/* --- The end */

static bool is_crowded(const struct tls_relay *relay)
{
    return relay->front->is_closing ||
           atomic_load(&relay->door->open) > relay->door->places->capacity;
}

/* What is on its way has gone. If the socket were closed while its client still sends, the kernel
 * would reset the connection, and the client lose what it has not read yet. */
static void go_on_ending(struct tls_relay *relay)
{
    if (relay->state != RELAY_ENDING || is_full(relay))
        return;
    if (!relay->is_shut)
        (void)shutdown(relay->is.fd, SHUT_WR);
    relay->is_shut = true;
    if (relay->client_ended || is_crowded(relay))
        tls_relay_drop(relay);
}

static void begin_ending(struct tls_relay *relay)
{
    struct tls_front *front = relay->front;
    relay->state = RELAY_ENDING;
    relay->left = HTTP_LINGER_BYTES;
    relay->due_ms = uv_now(&front->loop) + front->limit_ms;
    /* A client that only reads, or sends, what is left can be ended for another. Without memory it
     * has a place no longer. */
    if (relay->was_ready &&
        places_take(relay->door->places, &relay->place, relay->is.fd, &relay->counted) == 0)
        places_arrive(relay->door->places, &relay->place);
    go_on_ending(relay);
}

void tls_relay_finish(struct tls_relay *relay)
{
    if (relay->state == RELAY_OVER)
        return;
    relay->due_ms = uv_now(&relay->front->loop) + relay->front->limit_ms;
    if (relay->state == RELAY_SHAKING)
        tls_relay_drop(relay);
    else
        go_on_ending(relay); /* an open one ends once its answers have been read out of the pair */
}

/* --- From the client */

/* @return Whether all of it is gone, to the pair or nowhere. */
static bool hand_on(struct tls_relay *relay, const uint8_t *bytes, size_t size)
{
    ssize_t sent = relay->is_deaf ? (ssize_t)size : socket_transmit(relay->inner, bytes, size);
    if (sent < 0 && !socket_is_for_now(errno)) {
        relay->is_deaf = true; /* nobody reads any more; an answer may still be on its way */
        sent = (ssize_t)size;
    }
    const size_t gone = sent > 0 ? (size_t)sent : 0;
    if (gone == size)
        return true;
    relay->up = malloc(size - gone);
    if (!relay->up) {
        tls_relay_drop(relay);
        return false;
    }
    memcpy(relay->up, bytes + gone, size - gone);
    relay->up_size = size - gone;
    relay->up_sent = 0;
    return false;
}

static void end_client(struct tls_relay *relay)
{
    relay->client_ended = true;
    if (relay->inner >= 0)
        (void)shutdown(relay->inner, SHUT_WR);
    go_on_ending(relay);
}

static void count_end(struct tls_relay *relay)
{
    if (tls_session_is_truncated(relay->session))
        counter_add(&relay->front->figures->truncated, 1);
}

/* What it sends past its answers is bounded. */
static bool has_too_much(struct tls_relay *relay, size_t size)
{
    if (relay->state != RELAY_ENDING)
        return false;
    relay->left -= size < relay->left ? size : relay->left;
    return relay->left == 0;
}

/* @return Whether more may be there now. */
static bool take_piece(struct tls_relay *relay)
{
    uint8_t *piece = relay->front->piece;
    const ssize_t size = tls_session_read(relay->session, piece, FRONT_PIECE);
    if (size == TLS_ENDED) {
        end_client(relay);
        return false;
    }
    if (size == TLS_BROKEN || has_too_much(relay, (size_t)size)) {
        count_end(relay);
        tls_relay_drop(relay);
        return false;
    }
    if (size > 0 && !hand_on(relay, piece, (size_t)size))
        return false;
    return size == FRONT_PIECE || tls_session_has_more(relay->session);
}

static void carry_in(struct tls_relay *relay)
{
    if (relay->up || relay->client_ended || relay->state == RELAY_OVER)
        return;
    for (int i = 0; i < PIECES_AT_ONCE; i++) {
        if (!take_piece(relay))
            return;
    }
    tls_front_queue(relay); /* the socket may not tell of what is left */
}

/* Of who has spoken no TLS: nothing is looked at. */
static void drop_rest(struct tls_relay *relay)
{
    const ssize_t size = socket_receive(relay->is.fd, relay->front->piece, FRONT_PIECE);
    if (size < 0 && socket_is_for_now(errno))
        return;
    if (size <= 0 || has_too_much(relay, (size_t)size))
        tls_relay_drop(relay);
}

static void flush_in(struct tls_relay *relay)
{
    uint8_t *up = relay->up;
    const size_t sent = relay->up_sent, size = relay->up_size;
    if (!up)
        return;
    const ssize_t more = relay->is_deaf ? (ssize_t)(size - sent)
                                        : socket_transmit(relay->inner, up + sent, size - sent);
    if (more < 0 && socket_is_for_now(errno))
        return;
    relay->is_deaf = relay->is_deaf || more < 0;
    relay->up_sent += more > 0 ? (size_t)more : 0;
    if (relay->is_deaf || relay->up_sent == size) {
        free(up);
        relay->up = NULL;
    }
}

/* --- To the client */

static void end_answers(struct tls_relay *relay)
{
    relay->inner_ended = true;
    if (!atomic_load(&relay->secure->is_cut))
        tls_session_end(relay->session);
    begin_ending(relay);
}

static void carry_out(struct tls_relay *relay)
{
    uint8_t *piece = relay->front->piece;
    for (int i = 0; i < PIECES_AT_ONCE; i++) {
        if (relay->state == RELAY_OVER || relay->inner_ended || is_full(relay))
            return;
        const ssize_t size = socket_receive(relay->inner, piece, FRONT_PIECE);
        if (size < 0 && socket_is_for_now(errno))
            return;
        if (size <= 0) {
            end_answers(relay);
            return;
        }
        if (tls_session_write(relay->session, piece, (size_t)size) < 0)
            tls_relay_drop(relay);
    }
}

/* --- The handshake */

static void set_bound(int fd)
{
    const int bytes = FRONT_PAIR_BYTES;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes); /* else it has its default */
}

/* @return What HTTP is to know, with two references; NULL on no memory. */
static struct http_secure *describe(const struct tls_relay *relay)
{
    struct http_secure *secure = calloc(1, sizeof *secure);
    socklen_t size = sizeof secure->local;
    if (!secure || tls_session_certificate(relay->session, &secure->certificate)) {
        free(secure);
        return NULL;
    }
    atomic_init(&secure->references, 2);
    (void)getsockname(relay->is.fd, (struct sockaddr *)&secure->local, &size);
    return secure;
}

/* @return The end that is to be handed on; -1: there is none. */
static int make_pair(struct tls_relay *relay)
{
    uv_loop_t *loop = &relay->front->loop;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair))
        return -1;
    relay->inner = pair[0];
    if (loop_make_place(loop, pair[0]) || uv_poll_init(loop, &relay->plain, pair[0])) {
        close(pair[1]);
        return -1;
    }
    set_bound(pair[0]);
    set_bound(pair[1]);
    relay->plain.data = relay;
    relay->handles++;
    return pair[1];
}

/* @return Whether it is somebody's now. */
static bool hand_over(struct tls_relay *relay, int other)
{
    struct tls_front *front = relay->front;
    struct tls_door *door = relay->door;
    struct tls_newcomer plain = relay->is;
    plain.fd = other;
    pthread_mutex_lock(&front->handing);
    const bool is_taken = !front->is_refusing;
    relay->was_ready = is_taken;
    if (is_taken)
        door->ready(door->data, &plain, relay->secure);
    pthread_mutex_unlock(&front->handing);
    if (is_taken)
        return true;
    close(other);
    http_secure_unref(relay->secure); /* that of who would have taken it */
    tls_relay_drop(relay);
    return false;
}

static void open_relay(struct tls_relay *relay)
{
    struct tls_figures *figures = relay->front->figures;
    const int other = make_pair(relay);
    relay->secure = other >= 0 ? describe(relay) : NULL;
    if (!relay->secure) {
        log_limited(LOG_LEVEL_ERROR, "an HTTP connection was refused: out of memory");
        counter_add(&figures->failed[TLS_FAILED_MEMORY], 1);
        if (other >= 0)
            close(other);
        tls_relay_drop(relay);
        return;
    }
    counter_add(&figures->done, 1);
    if (tls_session_is_resumed(relay->session))
        counter_add(&figures->resumed, 1);
    places_give_back(relay->door->places, &relay->place);
    relay->state = RELAY_OPEN;
    relay->due_ms = UINT64_MAX;
    if (hand_over(relay, other))
        carry_in(relay);
}

static void fail(struct tls_relay *relay, enum tls_failure why)
{
    counter_add(&relay->front->figures->failed[why], 1);
    if (why == TLS_FAILED_LOST) {
        tls_relay_drop(relay);
        return;
    }
    if (!is_full(relay)) { /* it costs more than all else of one that lingers */
        tls_session_destroy(relay->session);
        relay->session = NULL;
    }
    begin_ending(relay); /* so that it reads why */
}

static void refuse_plain(struct tls_relay *relay)
{
    (void)socket_transmit(relay->is.fd, answer_plain, sizeof answer_plain - 1);
    fail(relay, TLS_FAILED_PLAIN);
}

static void begin_session(struct tls_relay *relay)
{
    struct tls_context *context = tls_port_context(&relay->door->port);
    relay->session = tls_session_create(context, relay->is.fd, &relay->front->output);
    tls_context_unref(context);
    if (!relay->session)
        fail(relay, TLS_FAILED_MEMORY);
}

/* @return The first byte that it has sent; -1: none yet, or it is over. */
static int look_at_first(struct tls_relay *relay)
{
    uint8_t first;
    const ssize_t size = recv(relay->is.fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
    if (size == 1)
        return first;
    if (size == 0 || !socket_is_for_now(errno))
        fail(relay, TLS_FAILED_LOST);
    return -1;
}

static bool is_letter(int byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

static void shake(struct tls_relay *relay)
{
    enum tls_failure why;
    if (!relay->session) {
        const int first = look_at_first(relay);
        if (first < 0)
            return;
        if (is_letter(first)) {
            refuse_plain(relay);
            return;
        }
        begin_session(relay);
    }
    if (relay->state != RELAY_SHAKING)
        return;
    switch (tls_session_shake(relay->session, &why)) {
    case TLS_DONE:
        open_relay(relay);
        return;
    case TLS_FAILED:
        fail(relay, why);
        return;
    case TLS_WAITS:
        return;
    }
}

/* --- What the loop says */

void tls_relay_step(struct tls_relay *relay)
{
    if (relay->state == RELAY_SHAKING) {
        shake(relay);
    } else if (relay->was_ready) {
        carry_in(relay);
        carry_out(relay);
    }
    watch_both(relay);
}

static void on_client(uv_poll_t *poll, int status, int events)
{
    struct tls_relay *relay = poll->data;
    if (status < 0) /* libuv has stopped polling */
        relay->client_events = 0;
    if (relay->session && ((events & UV_WRITABLE) != 0 || status < 0) &&
        tls_session_flush(relay->session)) {
        tls_relay_drop(relay);
        return;
    }
    if (relay->state == RELAY_SHAKING) {
        tls_front_queue(relay); /* handshakes have a share of each turn */
    } else if (!relay->was_ready) {
        drop_rest(relay);
    } else {
        if ((events & UV_READABLE) != 0 || status < 0)
            carry_in(relay);
        carry_out(relay);
    }
    go_on_ending(relay);
    watch_both(relay);
}

static void on_plain(uv_poll_t *poll, int status, int events)
{
    struct tls_relay *relay = poll->data;
    (void)events;
    if (status < 0)
        relay->plain_events = 0;
    flush_in(relay);
    carry_in(relay);
    carry_out(relay);
    go_on_ending(relay);
    watch_both(relay);
}

/* Else the kernel takes megabytes for a client, and says for long that it takes no more: so one
 * that reads, but slowly, would look as if nothing moved. */
static void bound_unsent(int fd)
{
    const int bytes = 2 * FRONT_PIECE;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes); /* not of Unix */
}

void tls_relay_begin(struct tls_relay *relay)
{
    uv_loop_t *loop = &relay->front->loop;
    bound_unsent(relay->is.fd);
    relay->due_ms = uv_now(loop) + relay->front->limit_ms;
    if (loop_make_place(loop, relay->is.fd) || uv_poll_init(loop, &relay->client, relay->is.fd)) {
        log_limited(LOG_LEVEL_ERROR, "an HTTP connection was refused: out of memory");
        tls_front_forget(relay);
        return;
    }
    relay->client.data = relay;
    relay->handles = 1;
    places_arrive(relay->door->places, &relay->place);
    watch_both(relay);
}
