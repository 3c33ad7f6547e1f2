/* The long good-bye; see farewell.h. */
#include "net/farewell.h"

#include "net/worker.h"
#include "net/ws_connection.h"

/* How often a share of the clients is told. */
#define TICK_MS 20

void farewell_init(struct farewell *farewell, uv_loop_t *loop)
{
    uv_timer_init(loop, &farewell->timer);
}

void farewell_close(struct farewell *farewell)
{
    uv_close((uv_handle_t *)&farewell->timer, NULL);
}

void farewell_expect(struct ws_connection *connection)
{
    connection->is_served = true;
    connection->worker->farewell.serving++;
}

void farewell_done(struct ws_connection *connection)
{
    if (connection->is_served)
        connection->worker->farewell.serving--;
    connection->is_served = false;
}

void farewell_forget(struct ws_connection *connection)
{
    struct farewell *farewell = &connection->worker->farewell;
    if (farewell->next == connection)
        farewell->next = connection->next;
}

/* Goes round the list: new connections stand at its beginning. */
static struct ws_connection *take_next(struct worker *worker)
{
    struct farewell *farewell = &worker->farewell;
    struct ws_connection *connection = farewell->next ? farewell->next : worker->connections;
    farewell->next = connection ? connection->next : NULL;
    return connection;
}

/* Once round at most: some are in their handshake, and some closing for another reason. */
static void tell(struct worker *worker, uint64_t count)
{
    for (uint64_t looked_at = worker_load(worker); count > 0 && looked_at > 0; looked_at--) {
        struct ws_connection *connection = take_next(worker);
        if (!connection || !connection->is_served)
            continue;
        ws_connection_drain(connection);
        count--;
    }
}

/* The share of those who are left that the time since the last one is of the time that is left. */
static uint64_t share(struct farewell *farewell, uint64_t now_ms)
{
    if (now_ms >= farewell->end_ms)
        return farewell->serving;
    farewell->owed += (double)farewell->serving * (double)(now_ms - farewell->last_ms) /
                      (double)(farewell->end_ms - farewell->last_ms);
    farewell->last_ms = now_ms;
    uint64_t whole = (uint64_t)farewell->owed;
    farewell->owed -= (double)whole;
    return whole;
}

static void on_tick(uv_timer_t *timer)
{
    struct worker *worker = timer->data;
    worker_notice_turn(worker);
    tell(worker, share(&worker->farewell, uv_now(&worker->loop)));
}

void farewell_begin(struct worker *worker, uint64_t length_ms)
{
    struct farewell *farewell = &worker->farewell;
    uv_update_time(&worker->loop);
    farewell->last_ms = uv_now(&worker->loop);
    farewell->end_ms = farewell->last_ms + length_ms;
    /* Not the first of each worker in the same instant. */
    farewell->owed = (double)worker->index / (double)worker->server->worker_count;
    farewell->timer.data = worker;
    uv_timer_start(&farewell->timer, on_tick, length_ms > 0 ? TICK_MS : 0, TICK_MS);
}
