/* Timeouts; see timeouts.h. */
#include "net/timeouts.h"

static void on_timer(uv_timer_t *timer);

static void push(struct timeout **list, struct timeout *timeout)
{
    timeout->next = *list;
    timeout->link = list;
    if (timeout->next)
        timeout->next->link = &timeout->next;
    *list = timeout;
}

static void unlink_timeout(struct timeout *timeout)
{
    *timeout->link = timeout->next;
    if (timeout->next)
        timeout->next->link = timeout->link;
    timeout->link = NULL;
}

void timeouts_init(struct timeouts *timeouts, uv_loop_t *loop,
                   void (*expired)(struct timeout *timeout),
                   void (*late)(struct timeouts *timeouts, uint64_t late_ms))
{
    *timeouts = (struct timeouts){.expired = expired, .late = late, .next_tick = UINT64_MAX};
    uv_timer_init(loop, &timeouts->timer);
    uv_idle_init(loop, &timeouts->no_wait);
    uv_check_init(loop, &timeouts->polled);
    timeouts->timer.data = timeouts->polled.data = timeouts;
    timeouts->hand = uv_now(loop) / TIMEOUT_TICK_MS;
}

void timeouts_close(struct timeouts *timeouts)
{
    uv_close((uv_handle_t *)&timeouts->timer, NULL);
    uv_close((uv_handle_t *)&timeouts->no_wait, NULL);
    uv_close((uv_handle_t *)&timeouts->polled, NULL);
}

static void arm(struct timeouts *timeouts, uint64_t tick)
{
    uint64_t now = uv_now(timeouts->timer.loop);
    uint64_t at = tick * TIMEOUT_TICK_MS;
    timeouts->next_tick = tick;
    uv_timer_start(&timeouts->timer, on_timer, at > now ? at - now : 0, 0);
}

void timeout_set(struct timeouts *timeouts, struct timeout *timeout, uint64_t delay_ms)
{
    timeout_clear(timeouts, timeout);
    timeout->due_ms = uv_now(timeouts->timer.loop) + delay_ms;
    uint64_t tick = timeout->due_ms / TIMEOUT_TICK_MS + 1;
    push(&timeouts->slots[tick % TIMEOUT_SLOTS], timeout);
    timeouts->count++;
    if (tick < timeouts->next_tick)
        arm(timeouts, tick);
}

void timeout_clear(struct timeouts *timeouts, struct timeout *timeout)
{
    if (!timeout->link)
        return;
    unlink_timeout(timeout);
    timeouts->count--;
}

/* Moves what is due from the slots that the hand passes; what is due a round later stays. */
static void collect_due(struct timeouts *timeouts, uint64_t now)
{
    uint64_t tick = now / TIMEOUT_TICK_MS;
    uint64_t first = tick - timeouts->hand > TIMEOUT_SLOTS ? tick - TIMEOUT_SLOTS : timeouts->hand;
    for (uint64_t i = first + 1; i <= tick; i++) {
        struct timeout *next;
        for (struct timeout *timeout = timeouts->slots[i % TIMEOUT_SLOTS]; timeout;
             timeout = next) {
            next = timeout->next;
            if (timeout->due_ms > now)
                continue;
            unlink_timeout(timeout);
            push(&timeouts->expiring, timeout);
        }
    }
    timeouts->hand = tick;
}

static void arm_next(struct timeouts *timeouts)
{
    timeouts->next_tick = UINT64_MAX;
    if (timeouts->count == 0)
        return;
    for (uint64_t tick = timeouts->hand + 1; tick <= timeouts->hand + TIMEOUT_SLOTS; tick++) {
        if (timeouts->slots[tick % TIMEOUT_SLOTS]) {
            arm(timeouts, tick);
            return;
        }
    }
}

static void on_no_wait(uv_idle_t *no_wait)
{
    (void)no_wait;
}

/* A portion of what is due; while there is more, the loop polls in between, and does not wait. What
 * becomes due meanwhile is collected after that, so it holds up nothing that is due longer. */
static void on_polled(uv_check_t *polled)
{
    struct timeouts *timeouts = polled->data;
    if (!timeouts->expiring)
        collect_due(timeouts, uv_now(polled->loop));
    for (unsigned i = 0; i < TIMEOUTS_A_TURN && timeouts->expiring; i++) {
        struct timeout *timeout = timeouts->expiring;
        timeout_clear(timeouts, timeout);
        timeouts->expired(timeout); /* may set and clear others */
    }
    if (timeouts->expiring)
        return;
    uv_check_stop(&timeouts->polled);
    uv_idle_stop(&timeouts->no_wait);
    arm_next(timeouts);
}

/* libuv calls this before it polls. */
static void on_timer(uv_timer_t *timer)
{
    struct timeouts *timeouts = timer->data;
    timeouts->late(timeouts, uv_now(timer->loop) - timeouts->next_tick * TIMEOUT_TICK_MS);
    uv_idle_start(&timeouts->no_wait, on_no_wait);
    uv_check_start(&timeouts->polled, on_polled);
}
