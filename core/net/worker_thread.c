/* The worker's thread; see worker_thread.h. */
#include "net/worker_thread.h"

#include "base/clock.h"
#include "base/log_limit.h"
#include "net/connection.h"
#include "net/dispatch.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/peer.h"
#include "net/receiving.h"
#include "net/relieved.h"
#include "net/server_data.h"
#include "plugin/call.h"
#include "rooms/pins.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

/* --- The loop */

/* Called from any thread; the turn itself is at the end of every loop turn. */
static void wake(void *data)
{
    struct worker *worker = data;
    loop_wake_send(&worker->wake);
}

static void on_wake(void *data)
{
    worker_notice_turn(data);
}

static void on_again(uv_idle_t *idle)
{
    (void)idle;
}

/* What follows is done at the turn's end. */
static void on_look(uv_timer_t *look)
{
    worker_notice_turn(look->data);
}

/* A callback held the worker for so long, or the whole process stood still: in a turn, or while it
 * slept behind its last one. */
#define LONG_TURN_MS UINT64_C(1000)

static void note_long_turn(struct worker *worker)
{
    worker->long_turn_began_ms = worker->last_turn_ms;
    worker->long_turn_ended_ms = uv_now(&worker->loop);
}

/* When in its sleep that began nobody knows: so all of it is given to the clients. */
static void on_late(struct timeouts *timeouts, uint64_t late_ms)
{
    if (late_ms >= LONG_TURN_MS)
        note_long_turn((struct worker *)((char *)timeouts - offsetof(struct worker, timeouts)));
}

static void count_turn(struct worker *worker)
{
    const uint64_t began_ns = atomic_load_explicit(&worker->turn_began_ns, memory_order_relaxed);
    const uint64_t turn_ns = clock_now_ns() - began_ns;
    histogram_add(&worker->figures.turns, turn_ns);
    worker->last_turn_ms = worker->turn_began_ms;
    if (turn_ns >= LONG_TURN_MS * NS_PER_MS) {
        uv_update_time(&worker->loop);
        note_long_turn(worker);
    }
    atomic_store_explicit(&worker->turn_began_ns, 0, memory_order_relaxed);
}

/* Before the loop blocks: deliver what was posted, flush, and see whether that left something to
 * do. */
static void on_turn_end(uv_prepare_t *prepare)
{
    struct worker *worker = prepare->data;
    worker_notice_turn(worker);
    if (budget_is_passed(&worker->lane->budgets[BUDGET_INBOUND]))
        receiving_relieve(worker);
    lane_turn(worker->lane);
    worker_flushed(worker);
    relieved_tell(worker);
    /* Behind what others have led to; what this leads to is flushed next. */
    dispatch_resume(worker);
    streams_go_on(&worker->streams,
                  atomic_load_explicit(&worker->turn_began_ns, memory_order_relaxed));
    turn_share_end_turn(&worker->share);
    count_turn(worker);
    if (worker->stopped)
        return;
    if (budget_is_left_to_others(worker->lane) && !uv_is_active((uv_handle_t *)&worker->look))
        uv_timer_start(&worker->look, on_look, BUDGET_YIELD_MS, 0);
    if (lane_pending(worker->lane) || worker->resumed || worker->relieved ||
        streams_wait(&worker->streams))
        uv_idle_start(&worker->again, on_again);
    else
        uv_idle_stop(&worker->again);
}

/* The last that the thread does. */
static void note_end(struct worker *worker)
{
    struct server *server = worker->server;
    pthread_mutex_lock(&server->end_lock);
    worker->has_ended = true;
    pthread_cond_broadcast(&server->one_ended);
    pthread_mutex_unlock(&server->end_lock);
}

static void *run(void *data)
{
    struct worker *worker = data;
    plugin_call_worker = (int)worker->index;
    plugin_call_board = &worker->board;
    lane_attach(worker->lane);
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    note_end(worker);
    return NULL;
}

/* What is embedded in the worker ends with it. */
static void drop(struct command *command)
{
    (void)command;
}

/* --- Life */

int worker_init(struct worker *worker, struct server *server, struct lane *lane, uint32_t index)
{
    *worker = (struct worker){.server = server, .lane = lane, .index = index};
    worker->last_resumed = &worker->resumed;
    if (connections_init_lane(server->connections, index, wake, worker))
        return -1;
    worker->received = malloc(CODEC_TAIL_MAX + WORKER_READ_MAX);
    if (!worker->received || streams_init(&worker->streams, &server->secure) ||
        loop_init(&worker->loop))
        goto fail;
    if (loop_wake_init(&worker->loop, &worker->wake, on_wake, worker))
        goto fail_loop;
    uv_prepare_init(&worker->loop, &worker->turn_end);
    uv_idle_init(&worker->loop, &worker->again);
    uv_timer_init(&worker->loop, &worker->look);
    timeouts_init(&worker->timeouts, &worker->loop, dispatch_expired, on_late);
    drain_init(&worker->drain, &worker->loop, dispatch_drain);
    worker->turn_end.data = worker->look.data = worker;
    uv_prepare_start(&worker->turn_end, on_turn_end);
    return 0;

fail_loop:
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    uv_loop_close(&worker->loop);
fail:
    streams_finish(&worker->streams);
    free(worker->received);
    return -1;
}

static void close_handles(struct worker *worker)
{
    loop_wake_close(&worker->wake);
    uv_close((uv_handle_t *)&worker->turn_end, NULL);
    uv_close((uv_handle_t *)&worker->again, NULL);
    uv_close((uv_handle_t *)&worker->look, NULL);
    timeouts_close(&worker->timeouts);
    drain_close(&worker->drain);
}

/* The last that the worker gets. The loop then has nothing to wait for but the ends of what is
 * closed here. */
static void stop(struct command *command, struct lane *lane)
{
    struct worker *worker = (struct worker *)((char *)command - offsetof(struct worker, stop));
    (void)lane;
    while (worker->connections)
        dispatch_abandon(worker->connections);
    worker->stopped = true;
    close_handles(worker);
}

void worker_finish(struct worker *worker)
{
    if (!uv_is_closing((uv_handle_t *)&worker->turn_end)) { /* it never ran */
        close_handles(worker);
        uv_run(&worker->loop, UV_RUN_DEFAULT);
    }
    inflater_destroy(worker->inflater);
    uv_loop_close(&worker->loop);
    loop_wake_finish(&worker->wake);
    streams_finish(&worker->streams);
    free(worker->received);
}

int worker_start(struct worker *worker)
{
    return pthread_create(&worker->thread, NULL, run, worker) ? -1 : 0;
}

void worker_stop(struct worker *worker)
{
    static const struct command_type type = {stop, drop};
    worker->stop.type = &type;
    lane_post_as_call(worker->lane, &worker->stop);
}

void worker_join(struct worker *worker)
{
    pthread_join(worker->thread, NULL);
}

/* --- What others ask of it */

struct adoption {
    struct worker *worker;
    struct place *place;
    struct approach approach;
    int fd;
    char address[INET6_ADDRSTRLEN];
};

static void adopt(void *data)
{
    struct adoption *adoption = data;
    struct worker *worker = adoption->worker;
    if (dispatch_adopt(worker, adoption->fd, adoption->address, adoption->place,
                       &adoption->approach)) {
        log_limited(LOG_LEVEL_ERROR, "connection refused: out of memory",
                    log_str("address", adoption->address));
        worker_release(worker);
    }
    free(adoption);
}

/* Before its head is read a proxy's connection is that of nobody in particular: all of them
 * together must not count as one address. */
static struct adoption *make_adoption(struct worker *worker, int fd,
                                      const struct sockaddr_storage *peer,
                                      const struct approach *approach)
{
    struct sockaddr_storage nobody;
    peer_of_unix(&nobody);
    struct adoption *adoption = malloc(sizeof *adoption);
    struct place *place = malloc(sizeof *place);
    if (!adoption || !place ||
        places_take(&worker->server->places, place, fd,
                    approach->way == PROXY_NONE ? peer : &nobody)) {
        free(place);
        free(adoption);
        return NULL;
    }
    *adoption =
        (struct adoption){.worker = worker, .place = place, .approach = *approach, .fd = fd};
    peer_text(peer, adoption->address);
    return adoption;
}

void worker_adopt(struct worker *worker, int fd, const struct sockaddr_storage *peer,
                  const struct approach *approach)
{
    struct adoption *adoption = make_adoption(worker, fd, peer, approach);
    if (adoption) {
        atomic_fetch_add_explicit(&worker->load, 1, memory_order_relaxed);
        if (!lane_post_call(worker->lane, adopt, adoption))
            return;
        atomic_fetch_sub_explicit(&worker->load, 1, memory_order_relaxed);
        places_give_back(&worker->server->places, adoption->place);
        free(adoption->place);
    }
    peer_refused(peer);
    free(adoption);
    close(fd);
}

static void drain_all(struct command *command, struct lane *lane)
{
    struct worker *worker = (struct worker *)((char *)command - offsetof(struct worker, drain_all));
    (void)lane;
    for (struct connection *connection = worker->connections; connection;
         connection = connection->next)
        dispatch_dismiss(connection);
    if (atomic_load(&worker->server->clients) == 0)
        uv_async_send(worker->server->drained);
}

void worker_drain(struct worker *worker)
{
    static const struct command_type type = {drain_all, drop};
    worker->drain_all.type = &type;
    lane_post_as_call(worker->lane, &worker->drain_all);
}

static void begin_drain(struct command *command, struct lane *lane)
{
    struct worker *worker =
        (struct worker *)((char *)command - offsetof(struct worker, begin_drain));
    (void)lane;
    const struct server *server = worker->server;
    drain_begin(&worker->drain, server->staggered_ms,
                (double)worker->index / (double)server->worker_count);
    if (worker_load(worker) == 0)
        uv_async_send(worker->server->drained);
}

void worker_drain_staggered(struct worker *worker)
{
    static const struct command_type type = {begin_drain, drop};
    worker->begin_drain.type = &type;
    lane_post_as_call(worker->lane, &worker->begin_drain);
}
