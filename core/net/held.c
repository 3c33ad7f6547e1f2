/* Workers that are held up; see held.h. */
#include "net/held.h"

#include "net/server_data.h"
#include "net/worker.h"

/* @return When it last showed a sign of life in its turn; 0: it is in none. */
static uint64_t last_sign(const struct worker *worker)
{
    const uint64_t turn = atomic_load_explicit(&worker->turn_began_ns, memory_order_relaxed);
    const uint64_t call = atomic_load_explicit(&worker->board.began_ns, memory_order_relaxed);

    return turn == 0 || turn > call ? turn : call;
}

static void describe(const struct worker *worker, uint64_t since_ns, struct held *held)
{
    const struct slot *called = atomic_load_explicit(&worker->called, memory_order_relaxed);
    const struct limits *limits = called ? slot_limits(called) : &worker->server->limits;

    *held = (struct held){
        .worker = worker->index,
        .thread = worker->thread,
        .since_ns = since_ns,
        .clients = worker_load(worker),
        .instance = called ? called->name : "",
        .callback_ms = limits->callback_ms,
        .callback = atomic_load_explicit(&worker->board.callback, memory_order_relaxed),
    };
}

bool held_find(const struct server *server, struct held *held)
{
    bool is_any = false;

    for (uint32_t i = 0; i < server->started; i++) {
        const uint64_t since_ns = last_sign(&server->workers[i]);
        if (since_ns == 0 || (is_any && since_ns >= held->since_ns))
            continue;
        describe(&server->workers[i], since_ns, held);
        is_any = true;
    }
    return is_any;
}
