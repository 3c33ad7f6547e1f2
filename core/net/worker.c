/* What a worker does in the middle of a turn; see worker.h. */
#include "net/worker.h"

#include "base/clock.h"
#include "net/server_data.h"

/* So long another worker, which sleeps, waits at most to hear of what it was posted. */
#define OTHERS_WAIT_NS 200000u

void worker_notice_turn(struct worker *worker)
{
    if (atomic_load_explicit(&worker->turn_began_ns, memory_order_relaxed) != 0)
        return;
    worker->woken_ns = clock_now_ns();
    atomic_store_explicit(&worker->turn_began_ns, worker->woken_ns, memory_order_relaxed);
    worker->lane->now_ms = worker->turn_began_ms = uv_now(&worker->loop);
    lane_rouse(worker->lane);
}

void worker_flushed(struct worker *worker)
{
    worker->received_events = worker->received_bytes = 0;
    worker->flushed_targets = counter_read(&worker->lane->targeted);
}

void worker_flush_midway(struct worker *worker)
{
    worker->lane->now_ms = uv_now(&worker->loop);
    lane_flush_midway(worker->lane);
    worker_flushed(worker);
}

void worker_look_for_others(struct worker *worker)
{
    const uint64_t now_ns = clock_now_ns();
    if (now_ns - worker->woken_ns < OTHERS_WAIT_NS)
        return;
    worker->woken_ns = now_ns;
    lane_wake_others(worker->lane);
}

void worker_flush_few(struct worker *worker)
{
    const uint64_t targets = counter_read(&worker->lane->targeted) - worker->flushed_targets;
    if (targets == 0 || targets > WORKER_FLUSH_TARGETS)
        return;
    lane_flush(worker->lane);
    worker_flushed(worker);
}

void worker_release(struct worker *worker)
{
    struct server *server = worker->server;
    if (atomic_fetch_sub(&worker->load, 1) == 1 && atomic_load(&server->draining))
        uv_async_send(server->drained);
}
