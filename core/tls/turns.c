/* Shares of turns; see turns.h. */
#include "tls/turns.h"

#include "base/clock.h"

/* --- Queues */

static void init(struct tls_queue *queue)
{
    *queue = (struct tls_queue){.last = &queue->first};
}

static void add(struct tls_queue *queue, struct tls_waiter *waiter)
{
    *waiter = (struct tls_waiter){.queue = queue, .link = queue->last};
    *queue->last = waiter;
    queue->last = &waiter->next;
    queue->count++;
}

void tls_turns_forget(struct tls_waiter *waiter)
{
    struct tls_queue *queue = waiter->queue;
    if (!queue)
        return;
    *waiter->link = waiter->next;
    if (waiter->next)
        waiter->next->link = waiter->link;
    else
        queue->last = waiter->link;
    queue->count--;
    waiter->queue = NULL;
}

/* @return Who has waited longest; NULL: nobody waits. */
static struct tls_waiter *take(struct tls_queue *queue)
{
    struct tls_waiter *first = queue->first;
    if (first)
        tls_turns_forget(first);
    return first;
}

/* --- Waiting */

void tls_turns_init(struct tls_turns *turns)
{
    init(&turns->shaking);
    init(&turns->pending);
}

bool tls_turns_shake(struct tls_turns *turns, struct tls_waiter *waiter)
{
    if (waiter->queue)
        return turns->shaking.count <= TLS_SHAKING_TOLD;
    add(&turns->shaking, waiter);
    return true;
}

void tls_turns_read(struct tls_turns *turns, struct tls_waiter *waiter)
{
    if (!waiter->queue)
        add(&turns->pending, waiter);
}

/* --- Turns */

/* @return Until when steps of handshakes may begin. */
static uint64_t shaking_until(uint64_t turn_began_ns, uint64_t now_ns)
{
    const uint64_t part_ns = (now_ns - turn_began_ns) / TLS_SHAKING_PART;
    return now_ns + (part_ns > TLS_SHAKING_NS ? part_ns : TLS_SHAKING_NS);
}

static void go_on_shaking(struct tls_queue *queue, uint64_t turn_began_ns, tls_turn *shake)
{
    struct tls_waiter *waiter;
    uint64_t now_ns = clock_now_ns();
    const uint64_t until_ns = shaking_until(turn_began_ns, now_ns);
    while (now_ns < until_ns && (waiter = take(queue))) {
        shake(waiter);
        now_ns = clock_now_ns();
    }
}

static void go_on_reading(struct tls_queue *queue, tls_turn *read)
{
    struct tls_waiter *waiter;
    const uint64_t until_ns = clock_now_ns() + TLS_PENDING_NS;
    for (size_t count = queue->count; count > 0 && clock_now_ns() < until_ns; count--) {
        waiter = take(queue);
        if (!waiter)
            return;
        read(waiter);
    }
}

void tls_turns_go_on(struct tls_turns *turns, uint64_t turn_began_ns, tls_turn *shake,
                     tls_turn *read)
{
    if (turns->pending.first)
        go_on_reading(&turns->pending, read);
    if (turns->shaking.first)
        go_on_shaking(&turns->shaking, turn_began_ns, shake);
}
