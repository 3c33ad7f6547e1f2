/* A thread's connections: making, reading and ending them; see crew.h. */
#include "command/crew.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Few at a time: else what comes would keep the next message waiting. */
#define EVENTS_MAX 32

/* --- Making and ending */

static uint32_t numbers_needed(const struct crew *crew)
{
    const struct plan *plan = crew->plan;
    uint32_t numbers = 0;
    for (uint32_t i = 0; i < crew->count; i++)
        numbers += plan_room_publishers(plan, plan_room(plan, crew->number + i * plan->threads));
    return numbers;
}

/* @param next  @p publishers numbers. @return 0, or -1 on no memory. */
static int init_caller(struct crew *crew, struct caller *caller, uint32_t *next,
                       uint32_t publishers)
{
    const struct plan *plan = crew->plan;
    struct connection *connection = &caller->connection;
    caller->is_slow = caller->number < plan->slow;
    caller->publishes = plan_publishes(plan, caller->number);
    connection->stream.fd = -1;
    struct tally *tally = caller->is_slow ? &crew->slow : &crew->healthy;
    ledger_init(&connection->ledger, tally, plan_room(plan, caller->number), publishers, next);
    if (caller->publishes) {
        caller->index = plan_publisher_index(plan, caller->number);
        caller->sender = crew->sender_count;
        crew->senders[crew->sender_count++] = caller;
        if (plan->others)
            connection->ledger.own = caller->index;
    }
    if (plan->matching == MATCHING_MARK)
        return 0;
    connection->replies = replies_create(tally, plan->matching == MATCHING_ID);
    return connection->replies ? 0 : -1;
}

static int init_callers(struct crew *crew)
{
    const struct plan *plan = crew->plan;
    uint32_t *next = crew->next;
    for (uint32_t i = 0; i < crew->count; i++) {
        struct caller *caller = &crew->callers[i];
        caller->number = crew->number + i * plan->threads;
        const uint32_t publishers = plan_room_publishers(plan, plan_room(plan, caller->number));
        if (init_caller(crew, caller, next, publishers))
            return -1;
        next += publishers;
    }
    return 0;
}

int crew_init(struct crew *crew, struct shared *shared, uint32_t number)
{
    const struct plan *plan = shared->plan;
    crew->shared = shared;
    crew->plan = plan;
    crew->number = number;
    crew->count = (plan->connections - number + plan->threads - 1) / plan->threads;
    crew->healthy.filler = crew->slow.filler = plan->size - MARK_SIZE;
    crew->epoll = epoll_create1(EPOLL_CLOEXEC);
    crew->callers = calloc(crew->count, sizeof *crew->callers);
    crew->senders = calloc(crew->count, sizeof *crew->senders);
    crew->next = calloc(numbers_needed(crew) + 1U, sizeof *crew->next);
    crew->message = malloc(plan->size);
    crew->entries = calloc(OPENINGS_MAX, sizeof *crew->entries);
    if (crew->epoll < 0 || !crew->callers || !crew->senders || !crew->next || !crew->message ||
        !crew->entries)
        return -1;
    memset(crew->message, LEDGER_FILLER, plan->size);
    return init_callers(crew);
}

void crew_finish(struct crew *crew)
{
    for (uint32_t i = 0; crew->callers && i < crew->count; i++) {
        connection_finish(&crew->callers[i].connection);
        free(crew->callers[i].rest);
    }
    if (crew->epoll >= 0)
        close(crew->epoll);
    free(crew->callers);
    free((void *)crew->senders);
    free(crew->next);
    free(crew->message);
    free(crew->frame);
    free(crew->entries);
}

void crew_note(struct crew *crew, struct moment *moment)
{
    moment->at_ns = clock_now_ns();
    moment->sent = crew->sent;
    moment->delivered = crew->healthy.delivered;
    watched_own_thread(&moment->cpu);
}

/* --- What comes */

static bool reads_now(const struct crew *crew, const struct caller *caller)
{
    return !caller->is_slow || atomic_load(&crew->shared->phase) != PHASE_RUN;
}

void crew_watch(struct crew *crew, struct caller *caller)
{
    const uint32_t events =
        (reads_now(crew, caller) ? EPOLLIN : 0U) | (crew_is_blocked(caller) ? EPOLLOUT : 0U);
    struct epoll_event event = {.events = events, .data.ptr = caller};
    if (!caller->is_open || events == caller->events)
        return;
    caller->events = events;
    (void)epoll_ctl(crew->epoll, EPOLL_CTL_MOD, caller->connection.stream.fd, &event);
}

static void describe_end(const struct connection *connection, char text[REASON_SIZE])
{
    if (connection->broken)
        (void)snprintf(text, REASON_SIZE, "what came is no WebSocket");
    else if (connection->close_code == 0)
        (void)snprintf(text, REASON_SIZE, "1006 without a close frame");
    else {
        (void)snprintf(text, REASON_SIZE, "%u%s%s", (unsigned)connection->close_code,
                       connection->close_reason ? " " : "",
                       connection->close_reason ? connection->close_reason : "");
    }
}

void crew_ended(struct crew *crew, struct caller *caller)
{
    char text[REASON_SIZE];
    caller->is_open = false;
    crew->open--;
    free(caller->rest);
    caller->rest = NULL;
    connection_close(&caller->connection);
    if (caller->publishes)
        atomic_fetch_sub_explicit(&crew->glance.publishing, 1, memory_order_relaxed);
    if (atomic_load(&crew->shared->phase) >= PHASE_LEAVE)
        return;
    describe_end(&caller->connection, text);
    reasons_add(caller->is_slow ? &crew->closed_slow : &crew->closed, text, 1);
}

static void handle(struct crew *crew, struct caller *caller, uint32_t events)
{
    if (caller->entry) {
        crew_go_on_opening(crew, caller);
        return;
    }
    if (caller->is_open && events & EPOLLOUT)
        crew_flush(crew, caller);
    if (!caller->is_open || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    if (connection_receive(&caller->connection))
        crew_ended(crew, caller);
    else
        crew_refill(crew, caller);
}

static void show(struct crew *crew)
{
    struct glance *glance = &crew->glance;
    const struct tally *tally = &crew->healthy;
    const uint64_t wrong = tally->lost + tally->late + tally->repeated + tally->strayed +
                           tally->damaged + tally->errors + reasons_total(&crew->refused) +
                           reasons_total(&crew->closed) + crew->timed_out;
    atomic_store_explicit(&glance->opened, crew->opened, memory_order_relaxed);
    atomic_store_explicit(&glance->open, crew->open, memory_order_relaxed);
    atomic_store_explicit(&glance->wrong, wrong, memory_order_relaxed);
}

#define TICK_NS (100 * (uint64_t)NS_PER_MS)

void crew_pump(struct crew *crew, uint64_t timeout_ns)
{
    struct epoll_event events[EVENTS_MAX];
    if (timeout_ns > TICK_NS)
        timeout_ns = TICK_NS;
    const struct timespec timeout = {.tv_sec = 0, .tv_nsec = (long)timeout_ns};
    const int count = epoll_pwait2(crew->epoll, events, EVENTS_MAX, &timeout, NULL);
    for (int i = 0; i < count; i++)
        handle(crew, events[i].data.ptr, events[i].events);
    const uint64_t now = clock_now_ns();
    if (count > 0)
        crew->heard_ns = now;
    atomic_store_explicit(&crew->glance.sent, crew->sent, memory_order_relaxed);
    atomic_store_explicit(&crew->glance.delivered, crew->healthy.delivered, memory_order_relaxed);
    if (now - crew->ticked_ns < TICK_NS)
        return;
    crew->ticked_ns = now;
    crew_tick(crew);
    show(crew);
}
