/* The front: its thread, and who comes to it; see tls_front.h. What is done for one client is in
 * tls_relay.c and tls_shaking.c. */
#include "base/clock.h"
#include "http/peer.h"
#include "http/tls_front_private.h"
#include "net/loop.h"
#include "net/peer.h"

#include <stdlib.h>
#include <unistd.h>

#define SWEEP_MS 200

/* --- Turns */

void tls_front_notice_turn(struct tls_front *front)
{
    if (front->turn_began_ns == 0)
        front->turn_began_ns = clock_now_ns();
}

static void on_again(uv_idle_t *again)
{
    (void)again;
}

/* Before the loop blocks: handshakes have their steps behind what those who are connected have sent
 * or are sent. */
static void on_turn_end(uv_prepare_t *turn_end)
{
    struct tls_front *front = turn_end->data;
    if (tls_turns_wait(&front->turns)) {
        tls_front_notice_turn(front);
        tls_turns_go_on(&front->turns, front->turn_began_ns, tls_relay_go_on, tls_relay_go_on);
    }
    front->turn_began_ns = 0;
    if (tls_turns_wait(&front->turns))
        uv_idle_start(&front->again, on_again);
    else
        uv_idle_stop(&front->again);
}

/* --- Coming and going */

static void link_relay(struct tls_relay *relay)
{
    struct tls_front *front = relay->front;
    relay->next = front->first;
    relay->link = &front->first;
    if (relay->next)
        relay->next->link = &relay->next;
    front->first = relay;
}

static void end_loop(struct tls_front *front)
{
    uv_close((uv_handle_t *)&front->wake, NULL);
    uv_close((uv_handle_t *)&front->turn_end, NULL);
    uv_close((uv_handle_t *)&front->again, NULL);
    uv_close((uv_handle_t *)&front->sweep, NULL);
}

void tls_front_forget(struct tls_relay *relay)
{
    struct tls_front *front = relay->front;
    struct tls_door *door = relay->door;
    *relay->link = relay->next;
    if (relay->next)
        relay->next->link = relay->link;
    tls_session_destroy(relay->session);
    places_give_back(door->places, &relay->place);
    close(relay->is.fd);
    if (relay->inner >= 0)
        close(relay->inner);
    http_secure_unref(relay->secure);
    atomic_fetch_sub(&door->open, 1);
    if (!relay->was_ready)
        door->lost(door->data);
    free(relay->up);
    free(relay);
    if (front->is_closing && !front->first)
        end_loop(front);
}

static void take_all(struct tls_relay *taken)
{
    for (struct tls_relay *next; taken; taken = next) {
        next = taken->next;
        link_relay(taken);
        tls_relay_begin(taken);
    }
}

static void begin_closing(struct tls_front *front, uint64_t limit_ms)
{
    front->is_closing = true;
    front->limit_ms = limit_ms;
    for (struct tls_relay *each = front->first; each; each = each->next)
        tls_relay_finish(each);
    if (!front->first)
        end_loop(front);
}

static void on_wake(uv_async_t *wake)
{
    struct tls_front *front = wake->data;
    tls_front_notice_turn(front);
    pthread_mutex_lock(&front->lock);
    struct tls_relay *taken = front->taken;
    front->taken = NULL;
    const bool is_to_close = front->is_to_close;
    const uint64_t closing_ms = front->closing_ms;
    pthread_mutex_unlock(&front->lock);
    take_all(taken);
    if (is_to_close && !front->is_closing)
        begin_closing(front, closing_ms);
}

static void on_sweep(uv_timer_t *sweep)
{
    struct tls_front *front = sweep->data;
    const uint64_t now_ms = uv_now(&front->loop);
    const uint64_t stood_ms = standstill_ms(&front->standstill, now_ms);
    tls_front_notice_turn(front);
    for (struct tls_relay *each = front->first; each; each = each->next) {
        each->due_ms = standstill_due_ms(each->due_ms, stood_ms);
        if (each->state == RELAY_OVER || each->due_ms > now_ms)
            continue;
        tls_shaking_end(each, TLS_FAILED_LATE);
        tls_relay_drop(each);
    }
}

void tls_front_take(struct tls_door *door, const struct tls_newcomer *client)
{
    struct tls_front *front = door->front;
    struct tls_relay *relay = malloc(sizeof *relay);
    if (relay) {
        *relay = (struct tls_relay){.front = front, .door = door, .is = *client, .inner = -1};
        relay->counted = client->peer;
        if (client->way != PROXY_NONE)
            peer_of_unix(&relay->counted); /* a proxy's connection serves many */
    }
    if (!relay || places_take(door->places, &relay->place, client->fd, &relay->counted)) {
        http_peer_refused(&client->peer);
        free(relay);
        close(client->fd);
        door->lost(door->data);
        return;
    }
    atomic_fetch_add(&door->open, 1);
    pthread_mutex_lock(&front->lock);
    relay->next = front->taken;
    front->taken = relay;
    pthread_mutex_unlock(&front->lock);
    uv_async_send(&front->wake);
}

/* --- The thread */

static void run(void *data)
{
    struct tls_front *front = data;
    uv_run(&front->loop, UV_RUN_DEFAULT);
}

static int open_loop(struct tls_front *front)
{
    if (loop_init(&front->loop))
        return -1;
    if (uv_async_init(&front->loop, &front->wake, on_wake)) {
        uv_loop_close(&front->loop);
        return -1;
    }
    uv_prepare_init(&front->loop, &front->turn_end);
    uv_idle_init(&front->loop, &front->again);
    uv_timer_init(&front->loop, &front->sweep);
    front->wake.data = front->turn_end.data = front->sweep.data = front;
    uv_prepare_start(&front->turn_end, on_turn_end);
    standstill_begin(&front->standstill, SWEEP_MS, uv_now(&front->loop));
    uv_timer_start(&front->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    return 0;
}

static void close_loop(struct tls_front *front)
{
    end_loop(front);
    uv_run(&front->loop, UV_RUN_DEFAULT);
    uv_loop_close(&front->loop);
}

struct tls_front *tls_front_create(uint64_t limit_ms, struct tls_figures *figures)
{
    struct tls_front *front = calloc(1, sizeof *front);
    if (!front || tls_output_init(&front->output))
        goto fail;
    front->limit_ms = limit_ms;
    front->figures = figures;
    tls_turns_init(&front->turns);
    if (pthread_mutex_init(&front->lock, NULL))
        goto fail_lock;
    if (pthread_mutex_init(&front->handing, NULL))
        goto fail_handing;
    if (open_loop(front))
        goto fail_loop;
    if (uv_thread_create(&front->thread, run, front) == 0)
        return front;
    close_loop(front);

fail_loop:
    pthread_mutex_destroy(&front->handing);
fail_handing:
    pthread_mutex_destroy(&front->lock);
fail_lock:
    tls_output_finish(&front->output);
fail:
    free(front);
    return NULL;
}

void tls_front_refuse(struct tls_front *front)
{
    if (!front)
        return;
    pthread_mutex_lock(&front->handing);
    front->is_refusing = true;
    pthread_mutex_unlock(&front->handing);
}

void tls_front_destroy(struct tls_front *front, uint64_t limit_ms)
{
    if (!front)
        return;
    pthread_mutex_lock(&front->lock);
    front->is_to_close = true;
    front->closing_ms = limit_ms;
    pthread_mutex_unlock(&front->lock);
    uv_async_send(&front->wake);
    uv_thread_join(&front->thread);
    uv_loop_close(&front->loop);
    pthread_mutex_destroy(&front->handing);
    pthread_mutex_destroy(&front->lock);
    tls_output_finish(&front->output);
    free(front);
}
