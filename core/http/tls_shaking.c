/* The handshake of one client of the front, and its end: the client is handed on; see tls_front.h.
 */
#include "base/socket_bytes.h"
#include "http/peer.h"
#include "http/tls_front_private.h"
#include "net/loop.h"
#include "net/peer.h"
#include "tls/peer.h"

#include <stdlib.h>
#include <unistd.h>

/* What is answered to who speaks no TLS. */
static const char answer_plain[] = "HTTP/1.1 400 Bad Request\r\n"
                                   "Connection: close\r\n"
                                   "Content-Type: text/plain; charset=utf-8\r\n"
                                   "Content-Length: 44\r\n"
                                   "\r\n"
                                   "This port speaks HTTPS: begin with https://\n";

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

static void count_failed(struct tls_relay *relay, enum tls_failure why)
{
    char address[INET6_ADDRSTRLEN];
    relay->is_shaking = false;
    if (places_has_ended(relay->door->places, &relay->place))
        why = TLS_FAILED_BUSY;
    peer_text(&relay->is.peer, address);
    tls_figures_failed(relay->front->figures, why, address);
}

void tls_shaking_end(struct tls_relay *relay, enum tls_failure why)
{
    if (relay->is_shaking)
        count_failed(relay, why);
}

static void open_relay(struct tls_relay *relay)
{
    const int other = make_pair(relay);
    relay->secure = other >= 0 ? describe(relay) : NULL;
    if (!relay->secure) {
        http_peer_refused(&relay->is.peer);
        count_failed(relay, TLS_FAILED_MEMORY);
        if (other >= 0)
            close(other);
        tls_relay_drop(relay);
        return;
    }
    relay->is_shaking = false;
    tls_figures_done(relay->front->figures, relay->session);
    places_give_back(relay->door->places, &relay->place);
    relay->state = RELAY_OPEN;
    relay->due_ms = UINT64_MAX;
    if (hand_over(relay, other))
        tls_relay_carry_in(relay);
}

static void fail(struct tls_relay *relay, enum tls_failure why)
{
    count_failed(relay, why);
    if (why == TLS_FAILED_LOST) {
        tls_relay_drop(relay);
        return;
    }
    if (!tls_relay_is_full(relay)) { /* it costs more than all else of one that lingers */
        tls_session_destroy(relay->session);
        relay->session = NULL;
    }
    tls_relay_begin_ending(relay); /* so that it reads why */
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
    relay->is_shaking = relay->session != NULL;
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
        tls_relay_drop(relay);
    return -1;
}

static bool is_letter(int byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

void tls_shaking_step(struct tls_relay *relay)
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

void tls_shaking_wait(struct tls_relay *relay)
{
    if (places_has_ended(relay->door->places, &relay->place))
        tls_relay_drop(relay);
    else
        relay->is_heard = tls_turns_shake(&relay->front->turns, &relay->waiter);
}
