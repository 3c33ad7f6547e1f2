/* The life of a connection: see server_state.h. */
#include "cluster/server_state.h"

/* Names are resolved, and TLS shakes hands, before the sockets are there. */
#define OPENING_REPLIES 5

void server_life_init(struct server_life *life, uint32_t backoff_ms, uint32_t backoff_max_ms,
                      uint32_t reply_ms, uint64_t now_ms)
{
    *life = (struct server_life){
        .phase = PHASE_WAITING,
        .due_ms = now_ms,
        .backoff_ms = backoff_ms,
        .backoff_max_ms = backoff_max_ms,
        .reply_ms = reply_ms,
    };
}

void server_life_open(struct server_life *life, uint64_t now_ms)
{
    life->phase = PHASE_OPENING;
    life->generation++;
    life->due_ms = now_ms + (uint64_t)OPENING_REPLIES * life->reply_ms;
}

void server_life_hello(struct server_life *life, uint64_t now_ms)
{
    life->phase = PHASE_HELLO;
    life->due_ms = now_ms + life->reply_ms;
}

void server_life_ready(struct server_life *life)
{
    life->phase = PHASE_READY;
    life->due_ms = UINT64_MAX;
}

void server_life_well(struct server_life *life)
{
    life->attempts = 0;
}

uint32_t server_life_wait_max(const struct server_life *life)
{
    uint64_t wait = life->backoff_ms;

    for (uint32_t i = 0; i < life->attempts && wait < life->backoff_max_ms; i++)
        wait *= 2;
    return wait < life->backoff_max_ms ? (uint32_t)wait : life->backoff_max_ms;
}

void server_life_fail(struct server_life *life, struct chance *chance, uint64_t now_ms)
{
    life->phase = PHASE_WAITING;
    life->due_ms = now_ms + chance_up_to(chance, server_life_wait_max(life));
    life->attempts++;
}

bool server_life_is(const struct server_life *life, uint64_t generation)
{
    return life->phase != PHASE_WAITING && life->generation == generation;
}
