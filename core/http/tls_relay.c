/* One client of the front: bytes both ways, then the end; see tls_front.h. Its handshake is in
 * tls_shaking.c. */
#include "base/socket_bytes.h"
#include "http/linger.h"
#include "http/peer.h"
#include "http/tls_front_private.h"
#include "net/loop.h"

#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Pieces that are carried one way before others have their turn. */
#define PIECES_AT_ONCE 8

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
    tls_shaking_end(relay, TLS_FAILED_LOST);
    relay->state = RELAY_OVER;
    tls_turns_forget(&relay->waiter);
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

bool tls_relay_is_full(const struct tls_relay *relay)
{
    return relay->session && tls_session_is_full(relay->session);
}

/* What is not wanted is not looked for, so that one side waits for the other. */
static void watch_both(struct tls_relay *relay)
{
    if (relay->state == RELAY_OVER)
        return;
    const bool may_hear = !relay->waiter.queue || relay->is_heard;
    const bool wants_more = !relay->client_ended && !relay->up && may_hear;
    const bool wants_answers =
        relay->inner >= 0 && !relay->inner_ended && !tls_relay_is_full(relay);
    watch(&relay->client, &relay->client_events,
          (wants_more ? UV_READABLE : 0) | (tls_relay_is_full(relay) ? UV_WRITABLE : 0), on_client);
    if (relay->handles == 2) {
        watch(&relay->plain, &relay->plain_events,
              (wants_answers ? UV_READABLE : 0) | (relay->up ? UV_WRITABLE : 0) |
                  (relay->is_last ? 0 : UV_DISCONNECT),
              on_plain);
    }
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
    if (relay->state != RELAY_ENDING || tls_relay_is_full(relay))
        return;
    if (!relay->is_shut)
        (void)shutdown(relay->is.fd, SHUT_WR);
    relay->is_shut = true;
    if (relay->client_ended || is_crowded(relay))
        tls_relay_drop(relay);
}

/* From now on the client only reads, or sends, what is left: it has its time for that, and can be
 * ended for another. Without memory it has a place no longer. */
static void expect_no_more(struct tls_relay *relay)
{
    struct tls_front *front = relay->front;
    relay->due_ms = uv_now(&front->loop) + front->limit_ms;
    if (relay->is_last)
        return;
    relay->is_last = true;
    if (relay->was_ready &&
        places_take(relay->door->places, &relay->place, relay->is.fd, &relay->counted) == 0)
        places_arrive(relay->door->places, &relay->place);
}

void tls_relay_begin_ending(struct tls_relay *relay)
{
    relay->state = RELAY_ENDING;
    relay->left = HTTP_LINGER_BYTES;
    expect_no_more(relay);
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

void tls_relay_carry_in(struct tls_relay *relay)
{
    if (relay->up || relay->client_ended || relay->state == RELAY_OVER)
        return;
    for (int i = 0; i < PIECES_AT_ONCE; i++) {
        if (!take_piece(relay))
            return;
    }
    relay->is_heard = false;
    tls_turns_read(&relay->front->turns, &relay->waiter); /* no socket may tell of what is left */
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
    tls_relay_begin_ending(relay);
}

static void carry_out(struct tls_relay *relay)
{
    uint8_t *piece = relay->front->piece;
    for (int i = 0; i < PIECES_AT_ONCE; i++) {
        if (relay->state == RELAY_OVER || relay->inner_ended || tls_relay_is_full(relay))
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

/* --- What the loop says */

static struct tls_relay *relay_of(struct tls_waiter *waiter)
{
    return (struct tls_relay *)((char *)waiter - offsetof(struct tls_relay, waiter));
}

void tls_relay_go_on(struct tls_waiter *waiter)
{
    struct tls_relay *relay = relay_of(waiter);
    if (relay->state == RELAY_SHAKING) {
        tls_shaking_step(relay);
    } else if (relay->was_ready) {
        tls_relay_carry_in(relay);
        carry_out(relay);
    }
    watch_both(relay);
}

static void on_client(uv_poll_t *poll, int status, int events)
{
    struct tls_relay *relay = poll->data;
    tls_front_notice_turn(relay->front);
    if (status < 0) /* libuv has stopped polling */
        relay->client_events = 0;
    if (relay->session && ((events & UV_WRITABLE) != 0 || status < 0) &&
        tls_session_flush(relay->session)) {
        tls_relay_drop(relay);
        return;
    }
    if (relay->state == RELAY_SHAKING) {
        tls_shaking_wait(relay);
    } else if (!relay->was_ready) {
        drop_rest(relay);
    } else {
        if ((events & UV_READABLE) != 0 || status < 0)
            tls_relay_carry_in(relay);
        carry_out(relay);
    }
    go_on_ending(relay);
    watch_both(relay);
}

static void on_plain(uv_poll_t *poll, int status, int events)
{
    struct tls_relay *relay = poll->data;
    tls_front_notice_turn(relay->front);
    if (status < 0)
        relay->plain_events = 0;
    flush_in(relay);
    tls_relay_carry_in(relay);
    carry_out(relay);
    /* A client that reads nothing would keep its end from being seen, for ever. */
    if (relay->state == RELAY_OPEN && (events & UV_DISCONNECT) != 0)
        expect_no_more(relay);
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
        http_peer_refused(&relay->is.peer);
        tls_front_forget(relay);
        return;
    }
    relay->client.data = relay;
    relay->handles = 1;
    places_arrive(relay->door->places, &relay->place);
    watch_both(relay);
}
